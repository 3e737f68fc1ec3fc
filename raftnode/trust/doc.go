// Package trust decides which peers a node talks to, and encrypts what they say: TLS 1.3, both sides with a certificate. It is
// [peer.Security] for a peer port that strangers can reach.
//
// A [Trust] comes from one of two sources. Both end in [terms]: this node's certificate, and the CAs that it accepts.
//
//   - One secret file for the whole group (secret.go). A CA is derived from each secret in it (derive.go): the same on every node,
//     with no time and no chance in it, so that nodes that share a secret accept each other's certificates without ever having
//     met. Each node makes its own certificate with the CA of the first secret and accepts those of all. The certificates name
//     nobody: they would work with any pod's name, and whoever has the secret could make one in any name.
//   - Certificates of one's own (certificates.go). Each names its cluster, and may name its node, as a URI: sidelock://CLUSTER/NODE
//     (name.go). A CA may well have issued certificates to others: only those of the own cluster are let in.
//
// The files are read again when they change (trust.go). New terms hold for new connections; then the port closes those that would
// not be made any more. What cannot be used is said in the log, and changes nothing.
//
// Every refusal tells people, on both sides, the cause and the remedy (judge.go, explain.go). The side that refuses knows the
// cause. The other hears one byte, an alert, and can only tell what may be behind it; it points at the first one's log.
//
// Begin with [FromSecret] or [FromCertificates].
package trust
