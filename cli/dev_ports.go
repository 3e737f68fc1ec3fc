package cli

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
)

// nodePorts are the two ports of one node, on loopback.
type nodePorts struct{ api, peer int }

func (p nodePorts) apiAddr() string  { return "127.0.0.1:" + strconv.Itoa(p.api) }
func (p nodePorts) peerAddr() string { return "127.0.0.1:" + strconv.Itoa(p.peer) }
func (p nodePorts) url() string      { return "http://" + p.apiAddr() }

// host is what a person types.
func (p nodePorts) host() string { return "localhost:" + strconv.Itoa(p.api) }

// devPorts chooses the ports of count nodes and makes sure that they are free, or names every one that is not. With
// base 0 the kernel chooses. The ports are free again on return: another program may still snatch one.
func devPorts(base, count int) ([]nodePorts, error) {
	var held []net.Listener // all at once, so that the kernel does not offer one twice
	defer func() {
		for _, l := range held {
			l.Close()
		}
	}()
	var taken []string
	hold := func(port int, what string) int {
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			taken = append(taken, fmt.Sprintf("port %d, for %s: %v", port, what, reason(err)))
			return port
		}
		held = append(held, l)
		return l.Addr().(*net.TCPAddr).Port
	}
	ports := make([]nodePorts, count)
	for i := range ports {
		api, peer := 0, 0
		if base != 0 {
			api = base + i*devPortStep
			peer = api + 1
		}
		name := "n" + strconv.Itoa(i+1)
		ports[i] = nodePorts{api: hold(api, name+"'s API"), peer: hold(peer, name+"'s peers")}
		// A stranger on [::1] would get what is meant for us: curl tries localhost there first.
		l, err := net.Listen("tcp", "[::1]:"+strconv.Itoa(ports[i].api))
		if err == nil {
			held = append(held, l)
		} else if errors.Is(err, syscall.EADDRINUSE) && len(taken) == 0 {
			taken = append(taken, fmt.Sprintf("port %d, for %s: taken on [::1]", ports[i].api, name+"'s API"))
		}
	}
	if len(taken) > 0 {
		return nil, fmt.Errorf("nothing was started, these ports are not free (--base-port moves all of them):\n  %s", strings.Join(taken, "\n  "))
	}
	return ports, nil
}

func reason(err error) string {
	if errors.Is(err, syscall.EADDRINUSE) {
		return "taken on 127.0.0.1"
	}
	return err.Error()
}
