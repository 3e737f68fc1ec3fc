// Package check holds the files of deploy/ against the program that they start and the systems that they are for.
//
// Each variant of deploy/kubernetes is built by kustomize, read as strictly as an API server reads it, and held against the rules of rules.go; a
// test sees each rule fail once. Then the pods, the unit and the Nomad job are started as far as that goes without their systems: the real
// program with their arguments and variables, on loopback addresses and temporary directories.
//
// It is a module of its own, so that the program does not depend on the API of Kubernetes.
package check
