package chaos

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// freeAddresses returns count addresses on loopback that nobody listens on. They must be known before the processes
// start, and stay a process's own while it is dead, so the kernel chooses the port, and the listener is closed again.
// Nobody takes the port meanwhile: each address is on an IP address of its own in 127.0.0.0/8, which outgoing
// connections never use as their source. (Where only 127.0.0.1 exists, they may; then the start of a process fails
// and says so.)
func freeAddresses(t testing.TB, count int) []string {
	t.Helper()
	net8 := fmt.Sprintf("127.%d.%d.", 1+rand.IntN(254), rand.IntN(256))
	host := 1 + rand.IntN(200-count)
	all := make([]string, count)
	listeners := make([]net.Listener, count)
	for i := range all {
		l, err := net.Listen("tcp", fmt.Sprintf("%s%d:0", net8, host+i))
		if err != nil {
			l, err = net.Listen("tcp", "127.0.0.1:0")
		}
		if err != nil {
			t.Fatalf("no free port on loopback: %v", err)
		}
		listeners[i], all[i] = l, l.Addr().String()
	}
	for _, l := range listeners {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}
