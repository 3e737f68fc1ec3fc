package peer

import (
	"net"
	"testing"
	"time"
)

func TestAStrangerIsToldOfOnceAMinute(t *testing.T) {
	var s strangers
	at := time.Unix(1e9, 0)
	addr := func(host string, port int) net.Addr { return &net.TCPAddr{IP: net.ParseIP(host), Port: port} }
	if !s.tell(addr("127.0.0.1", 1), at) || s.tell(addr("127.0.0.1", 2), at.Add(time.Second)) {
		t.Error("once, and not again from another port")
	}
	if !s.tell(addr("127.0.0.2", 1), at) || !s.tell(addr("127.0.0.1", 1), at.Add(time.Minute)) {
		t.Error("another host, and later again")
	}
	for i := range 3 * maxStrangers {
		s.tell(addr(net.IPv4(10, 0, byte(i>>8), byte(i)).String(), 1), at)
	}
	if len(s.told) > maxStrangers {
		t.Errorf("%d remembered", len(s.told))
	}
}
