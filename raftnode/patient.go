package raftnode

import (
	"net"
	"time"
)

// patient waits for bytes for a while, and then takes the other side for dead. The time is that of each reading: a connection that is so
// busy that it never stops between two frames is not dead.
type patient struct{ net.Conn }

// Read implements net.Conn.
func (p patient) Read(b []byte) (int, error) {
	if err := p.SetReadDeadline(time.Now().Add(forwardIdleTimeout)); err != nil {
		return 0, err
	}
	return p.Conn.Read(b)
}
