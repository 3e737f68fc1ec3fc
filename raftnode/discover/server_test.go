package discover

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// dnsServer is a DNS server on loopback, over UDP and TCP. It answers from a zone; names that begin with "hang" it does
// not answer, and of those that begin with "half" it knows the IPv4 addresses but fails when asked for IPv6.
type dnsServer struct{ z *zone }

// serveDNS starts one, and returns Go's own resolver, which asks it.
func serveDNS(t *testing.T, z *zone) *net.Resolver {
	t.Helper()
	s := dnsServer{z}
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { udp.Close() })
	tcp, err := net.Listen("tcp", udp.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tcp.Close() })
	go s.packets(udp)
	go s.streams(tcp)
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, udp.LocalAddr().String())
	}}
}

const maxPacket = 1232

func (s dnsServer) packets(conn net.PacketConn) {
	buf := make([]byte, maxPacket)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		out := s.answer(buf[:n], false)
		if len(out) > maxPacket {
			out = s.answer(buf[:n], true) // too long: ask again over TCP
		}
		if len(out) > 0 {
			_, _ = conn.WriteTo(out, from) // an error: nobody waits any more
		}
	}
}

func (s dnsServer) streams(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			head := make([]byte, 2)
			if _, err := io.ReadFull(conn, head); err != nil {
				return
			}
			in := make([]byte, binary.BigEndian.Uint16(head))
			if _, err := io.ReadFull(conn, in); err != nil {
				return
			}
			out := s.answer(in, false)
			_, _ = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...))
		}()
	}
}

// answer is nil where the server keeps quiet.
func (s dnsServer) answer(in []byte, truncated bool) []byte {
	var m dnsmessage.Message
	if m.Unpack(in) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	name := strings.TrimSuffix(q.Name.String(), ".")
	out := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, Authoritative: true, Truncated: truncated}, Questions: m.Questions}
	switch {
	case strings.HasPrefix(name, "hang"):
		return nil
	case strings.HasPrefix(name, "half") && q.Type == dnsmessage.TypeAAAA:
		out.RCode = dnsmessage.RCodeServerFailure
	case truncated:
	default:
		var known bool
		out.Answers, known = s.records(q, name)
		if !known {
			out.RCode = dnsmessage.RCodeNameError
		}
	}
	packed, err := out.Pack()
	if err != nil {
		panic(err)
	}
	return packed
}

func (s dnsServer) records(q dnsmessage.Question, name string) (answers []dnsmessage.Resource, known bool) {
	s.z.mu.Lock()
	defer s.z.mu.Unlock()
	add := func(body dnsmessage.ResourceBody) {
		answers = append(answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 1}, Body: body})
	}
	hosts, isHost := s.z.hosts[name]
	for _, host := range hosts {
		switch addr := netip.MustParseAddr(host); {
		case addr.Is4() && q.Type == dnsmessage.TypeA:
			add(&dnsmessage.AResource{A: addr.As4()})
		case addr.Is6() && q.Type == dnsmessage.TypeAAAA:
			add(&dnsmessage.AAAAResource{AAAA: addr.As16()})
		}
	}
	services, isService := s.z.srvs[name]
	for _, r := range services {
		if q.Type == dnsmessage.TypeSRV {
			add(&dnsmessage.SRVResource{Priority: r.Priority, Weight: r.Weight, Port: r.Port, Target: dnsmessage.MustNewName(r.Target)})
		}
	}
	return answers, isHost || isService
}

// TestNamesAreLookedUpInDNS goes through Go's resolver to a server that speaks DNS.
func TestNamesAreLookedUpInDNS(t *testing.T) {
	var many, found []string
	for i := range 150 {
		many = append(many, fmt.Sprintf("10.0.1.%d", 100+i))
		found = append(found, many[i]+":1")
	}
	z := &zone{
		hosts: map[string][]string{
			"web.test": {"10.0.0.3", "10.0.0.2", "fd00::2"}, "four.test": {"10.0.0.4"}, "six.test": {"fd00::6"}, "half.test": {"10.0.0.5"}, "many.test": many,
		},
		srvs: map[string][]net.SRV{"_peer._tcp.web.test": {{Target: "web.test.", Port: 7}, {Target: "six.test.", Port: 5626}, {Target: "gone.test.", Port: 1}}},
	}
	r := serveDNS(t, z)
	for _, c := range []struct {
		spec, found string
		faults      []string
	}{
		{"dns:web.test.:5626", "10.0.0.2:5626 10.0.0.3:5626 [fd00::2]:5626", nil},
		{"dns:four.test.:1", "10.0.0.4:1", nil},
		{"dns:six.test.:1", "[fd00::6]:1", nil},
		{"dns:many.test.:1", strings.Join(found, " "), nil},
		{"dns:gone.test.:1", "", []string{"gone.test. has no addresses"}},
		{"dns:half.test.:1", "10.0.0.5:1", []string{"server misbehaving"}},
		{"srv:_peer._tcp.web.test.", "10.0.0.2:7 10.0.0.3:7 [fd00::2]:7 [fd00::6]:5626", []string{"gone.test. has no addresses"}},
		{"srv:_peer._tcp.gone.test.", "", []string{"no such host"}},
		{"srv:four.test.", "", []string{"srv:four.test.: "}},
	} {
		t.Run(c.spec, func(t *testing.T) {
			expect(t, finder(t, r, c.spec), c.found, c.faults...)
		})
	}
	t.Run("a server that keeps quiet", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		got, faults := finder(t, r, "dns:hang.test.:1", "dns:web.test.:5626").Find(ctx)
		if len(got) != 3 || len(faults) == 0 || !strings.Contains(faults[0].Error(), "dns:hang.test.:1") {
			t.Errorf("%v, %v", got, faults)
		}
	})
}
