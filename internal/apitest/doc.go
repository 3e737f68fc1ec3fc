// Package apitest holds the tables of bad input, and of who may call what. It speaks raw bytes over TCP, so it can be held against any server
// that answers the API: the package's own, with a stand-in for the node, or a real group.
package apitest
