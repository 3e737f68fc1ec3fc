//go:build !unix

package httpapi

import "net"

// endOfFile cannot tell here; net/http will.
func endOfFile(net.Conn) bool { return false }
