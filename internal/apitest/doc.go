// Package apitest holds the table of bad input. It speaks raw bytes over TCP, so it can be held against any server
// that answers the API: the package's own, with a stand-in for the node, or a real group.
package apitest
