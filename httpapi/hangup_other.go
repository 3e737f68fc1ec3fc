//go:build !linux

package httpapi

import "net"

// hungUp cannot tell here; net/http will.
func hungUp(net.Conn) (over bool, why error) { return false, nil }
