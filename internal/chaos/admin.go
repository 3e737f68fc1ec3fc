package chaos

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"
)

// Admin asks the node over its administrators' socket.
func (n *Node) Admin(method, path string, pairs ...string) Answer {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), askWithin)
	defer cancel()
	a := Answer{what: fmt.Sprintf("%s %s %v via %s's admin.sock", method, path, pairs, n.Name)}
	req, err := request(ctx, method, "http://localhost", path, pairs)
	if err != nil {
		a.Err = err
		return a
	}
	socket := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", filepath.Join(n.Dir, "admin.sock"))
	}}
	a.do(&http.Client{Transport: checkedBy(n.t, socket)}, req)
	return a
}

// At is the node as its clients reach it through another address, to be asked only.
func (n *Node) At(addr string) *Node {
	return &Node{Name: n.Name, API: addr, Dir: n.Dir, t: n.t, log: n.log, streamWithin: n.streamWithin}
}

// Impatient is the node as asked by clients who give up a stream that has not begun within a time; to be asked only.
func (n *Node) Impatient(within time.Duration) *Node {
	other := n.At(n.API)
	other.streamWithin = within
	return other
}

func (n *Node) patience() time.Duration {
	if n.streamWithin > 0 {
		return n.streamWithin
	}
	return askWithin
}
