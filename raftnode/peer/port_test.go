package peer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sidelock/sidelock/internal/sim"
)

// bubble runs f in fake time with a network of its own.
func bubble(t *testing.T, f func(*testing.T, *sim.Net)) {
	synctest.Test(t, func(t *testing.T) {
		n := sim.New()
		defer n.Close()
		f(t, n)
	})
}

// openPort gives a port on host:5626 of node ID "id-host".
func openPort(t *testing.T, n *sim.Net, host string, change func(*Config, *Identity)) *Port {
	t.Helper()
	id := Identity{ClusterID: "c1", NodeID: "id-" + host, Name: host, Address: host + ":5626"}
	cfg := Config{Network: n.Host(host), Listen: ":5626"}
	if change != nil {
		change(&cfg, &id)
	}
	cfg.Identity = func() Identity { return id }
	p, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func echo(c net.Conn, _ Hello) { io.Copy(c, c) }

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestForwardReachesNodeByIDAndBothBooksLearn(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		a, b := openPort(t, n, "a", nil), openPort(t, n, "b", nil)
		defer a.Close()
		defer b.Close()
		var from Hello
		b.Handle(KindForward, func(c net.Conn, h Hello) { from = h; echo(c, h) })
		a.Book().Learn("id-b", Entry{Address: "b:5626"})
		c, h, err := a.Dial(within(t, time.Second), KindForward, "id-b")
		if err != nil {
			t.Fatal(err)
		}
		if h.NodeID != "id-b" || h.Name != "b" {
			t.Fatalf("answered by %+v", h)
		}
		c.Write([]byte("ping"))
		buf := make([]byte, 4)
		if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "ping" {
			t.Fatalf("%q %v", buf, err)
		}
		if from.NodeID != "id-a" || from.Target != "id-b" || from.ClusterID != "c1" {
			t.Fatalf("handler saw %+v", from)
		}
		if e, _ := b.Book().Lookup("id-a"); e != (Entry{"a:5626", "a"}) {
			t.Fatalf("responder learned %+v", e)
		}
		if e, _ := a.Book().Lookup("id-b"); e != (Entry{"b:5626", "b"}) {
			t.Fatalf("dialer learned %+v", e)
		}
	})
}

func TestForeignClusterIsRefusedByName(t *testing.T) {
	for _, cluster := range []string{"", "other"} {
		t.Run("caller of cluster "+cluster, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *sim.Net) {
				a := openPort(t, n, "a", func(_ *Config, id *Identity) { id.ClusterID = cluster })
				b := openPort(t, n, "b", nil)
				defer a.Close()
				defer b.Close()
				b.Handle(KindForward, func(net.Conn, Hello) { t.Error("a stranger got in") })
				a.Book().Learn("id-b", Entry{Address: "b:5626"})
				_, _, err := a.Dial(within(t, time.Second), KindForward, "id-b")
				he, ok := errors.AsType[*HelloError](err)
				if !ok || he.Code != CodeForeignCluster || he.Peer.ClusterID != "c1" {
					t.Fatalf("%v", err)
				}
				if !strings.Contains(err.Error(), `"c1"`) || !strings.Contains(err.Error(), fmt.Sprintf("%q", cluster)) {
					t.Fatalf("the refusal does not name both clusters: %v", err)
				}
				if _, known := b.Book().Lookup("id-a"); known {
					t.Fatal("the address of a stranger was learned")
				}
			})
		})
	}
}

func TestNodeWithoutClusterServesProbesOnly(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		fresh := func(_ *Config, id *Identity) { id.ClusterID = "" }
		a, b := openPort(t, n, "a", fresh), openPort(t, n, "b", fresh)
		defer a.Close()
		defer b.Close()
		b.Handle(KindRaft, func(net.Conn, Hello) { t.Error("raft before forming") })
		_, h, err := a.DialAddr(within(t, time.Second), KindProbe, "b:5626")
		if err != nil || h.NodeID != "id-b" {
			t.Fatalf("%+v %v", h, err)
		}
		a.Book().Learn("id-b", Entry{Address: "b:5626"})
		_, _, err = a.Dial(within(t, time.Second), KindRaft, "id-b")
		if he, ok := errors.AsType[*HelloError](err); !ok || he.Code != CodeNotFormed {
			t.Fatalf("%v", err)
		}
	})
}

func TestReusedAddressIsNotTakenForTheOldNode(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		var failed string
		a := openPort(t, n, "a", func(c *Config, _ *Identity) {
			c.OnDialError = func(id string, err error) { failed = id + ": " + err.Error() }
		})
		b := openPort(t, n, "b", func(_ *Config, id *Identity) { id.NodeID = "another" })
		defer a.Close()
		defer b.Close()
		for _, k := range []Kind{KindRaft, KindForward, KindEvents} {
			b.Handle(k, func(net.Conn, Hello) { t.Error("taken for the old node") })
			a.Book().Learn("id-b", Entry{Address: "b:5626"})
			_, _, err := a.Dial(within(t, time.Second), k, "id-b")
			wrong, ok := errors.AsType[*WrongNodeError](err)
			if !ok || wrong.Want != "id-b" || wrong.Got.NodeID != "another" {
				t.Fatalf("%v", err)
			}
			if failed != "id-b: "+err.Error() {
				t.Fatalf("owner was told %q", failed)
			}
		}
		if _, _, err := a.Dial(within(t, time.Second), KindRaft, "id-c"); err == nil || !strings.Contains(err.Error(), "no address") {
			t.Fatalf("%v", err)
		}
	})
}

// The dialer must not take the responder's word: a responder that accepts
// everything is refused by the dialer.
func TestDialerRefusesResponderOfAnotherIdentity(t *testing.T) {
	for name, wrong := range map[string]Hello{
		"node":    {NodeID: "another", ClusterID: "c1"},
		"cluster": {NodeID: "id-b", ClusterID: "c2"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *sim.Net) {
				a := openPort(t, n, "a", nil)
				defer a.Close()
				l, err := n.Host("b").Listen(":5626")
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				go func() {
					c, err := l.Accept()
					if err == nil {
						var h Hello
						readFrame(c, &h)
						writeFrame(c, answer{OK: true, Hello: wrong})
					}
				}()
				a.Book().Learn("id-b", Entry{Address: "b:5626"})
				if _, _, err := a.Dial(within(t, time.Second), KindRaft, "id-b"); err == nil {
					t.Fatal("accepted")
				}
			})
		})
	}
}

func TestGarbageInPlaceOfHelloIsAnsweredAndClosed(t *testing.T) {
	frame := func(size uint32, body string) string {
		return string(binary.BigEndian.AppendUint32(nil, size)) + body
	}
	for name, bytesSent := range map[string]string{
		"http":          "GET / HTTP/1.1\r\n\r\n",
		"oversize":      frame(MaxHello+1, "{}"),
		"not JSON":      frame(4, "\x00\xff{]"),
		"wrong types":   frame(12, `{"kind": 17}`),
		"empty":         frame(0, ""),
		"other version": frame(33, `{"version":99,"kind":"probe"    }`),
		"no kind":       frame(13, `{"version":1}`),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *sim.Net) {
				b := openPort(t, n, "b", nil)
				defer b.Close()
				for _, k := range []Kind{KindRaft, KindForward, KindEvents, KindProbe} {
					b.Handle(k, func(net.Conn, Hello) { t.Error("got in") })
				}
				c, err := n.Host("a").Dial(t.Context(), "b:5626")
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				c.Write([]byte(bytesSent))
				var a answer
				if err := readFrame(c, &a); err != nil || a.OK || a.Code == "" || a.Message == "" {
					t.Fatalf("%+v %v", a, err)
				}
				if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
					t.Fatalf("left open: %v", err)
				}
			})
		})
	}
}

func TestStalledHelloIsClosedAtItsDeadline(t *testing.T) {
	for name, sent := range map[string][]byte{"silent": nil, "half": {0, 0, 1, 0, '{'}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *sim.Net) {
				b := openPort(t, n, "b", nil)
				defer b.Close()
				c, err := n.Host("a").Dial(t.Context(), "b:5626")
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				c.Write(sent)
				start := time.Now()
				if _, err := c.Read(make([]byte, 1)); err == nil || time.Since(start) != HelloTimeout {
					t.Fatalf("after %v: %v", time.Since(start), err)
				}
			})
		})
	}
}

func TestDialerGivesUpOnPeerThatNeverAnswers(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		a := openPort(t, n, "a", nil)
		defer a.Close()
		l, err := n.Host("b").Listen(":5626")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go l.Accept()
		start := time.Now()
		_, _, err = a.DialAddr(within(t, 300*time.Millisecond), KindProbe, "b:5626")
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 300*time.Millisecond {
			t.Fatalf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestSilentStrangersDoNotUseUpThePort(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		a := openPort(t, n, "a", nil)
		b := openPort(t, n, "b", func(c *Config, _ *Identity) { c.MaxConns, c.MaxPendingHellos = 4, 2 })
		defer a.Close()
		defer b.Close()
		b.Handle(KindProbe, echo)
		probe := func() error {
			_, _, err := a.DialAddr(within(t, time.Second), KindProbe, "b:5626")
			return err
		}
		for range 2 {
			if _, err := n.Host("x").Dial(t.Context(), "b:5626"); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if probe() == nil {
			t.Fatal("a third hello was begun: the cap on hellos does not hold")
		}
		time.Sleep(HelloTimeout)
		synctest.Wait()
		for i := range 4 {
			if err := probe(); err != nil {
				t.Fatalf("connection %d after the strangers' deadline: %v", i, err)
			}
		}
		if probe() == nil {
			t.Fatal("the cap on connections does not hold")
		}
	})
}

func TestCloseEndsConnectionsAndWaitsForHandlers(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		a, b := openPort(t, n, "a", nil), openPort(t, n, "b", nil)
		ended := false
		b.Handle(KindProbe, func(c net.Conn, h Hello) {
			echo(c, h)
			time.Sleep(time.Second)
			ended = true
		})
		c, _, err := a.DialAddr(within(t, time.Second), KindProbe, "b:5626")
		if err != nil {
			t.Fatal(err)
		}
		b.Close()
		if !ended {
			t.Fatal("Close did not wait for the handler")
		}
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Fatal("connection outlived the port")
		}
		a.Close()
		if _, _, err := a.DialAddr(within(t, time.Second), KindProbe, "b:5626"); err == nil {
			t.Fatal("dialed from a closed port")
		}
	})
}

func TestPortWorksOverTCP(t *testing.T) {
	open := func(id string) *Port {
		p, err := Listen(Config{Listen: "127.0.0.1:0", Identity: func() Identity { return Identity{ClusterID: "c", NodeID: id} }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close() })
		return p
	}
	a, b := open("a"), open("b")
	b.Handle(KindForward, echo)
	a.Book().Learn("b", Entry{Address: b.Addr().String()})
	c, _, err := a.Dial(within(t, 10*time.Second), KindForward, "b")
	if err != nil {
		t.Fatal(err)
	}
	c.Write([]byte("over tcp"))
	buf := make([]byte, 8)
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "over tcp" {
		t.Fatalf("%q %v", buf, err)
	}
	b.Close()
	if _, err := c.Read(buf); err == nil {
		t.Fatal("open after Close")
	}
	if _, _, err := a.Dial(within(t, 10*time.Second), KindForward, "b"); err == nil {
		t.Fatal("dialed a closed port")
	}
}

func TestBookLearnsKeepsAndTellsOfChanges(t *testing.T) {
	b := NewBook(map[string]Entry{"a": {"h:1", "na"}})
	changes := 0
	b.OnChange(func() { changes++; b.Snapshot() })
	if b.Learn("a", Entry{"h:1", "na"}) || b.Learn("a", Entry{}) || b.Learn("", Entry{"h:2", ""}) || b.Learn("x", Entry{"", "nx"}) {
		t.Fatal("nothing new was learned as new")
	}
	if !b.Learn("a", Entry{Address: "h:2"}) || changes != 1 {
		t.Fatalf("changes: %d", changes)
	}
	if e, _ := b.Lookup("a"); e != (Entry{"h:2", "na"}) {
		t.Fatalf("%+v", e)
	}
	for i := range MaxBook + 10 {
		b.Learn(fmt.Sprint(i), Entry{Address: "h:3"})
	}
	if len(b.Snapshot()) != MaxBook {
		t.Fatalf("%d entries", len(b.Snapshot()))
	}
	if !b.Learn("a", Entry{Address: "h:4"}) {
		t.Fatal("a full book must still update those in it")
	}
	b.Forget("a")
	if _, ok := b.Lookup("a"); ok {
		t.Fatal("not forgotten")
	}
}

func FuzzReadFrame(f *testing.F) {
	var buf bytes.Buffer
	writeFrame(&buf, Identity{ClusterID: "c", NodeID: "n"}.hello(KindRaft, "t"))
	f.Add(buf.Bytes())
	f.Add([]byte{0, 0, 16, 1})
	f.Fuzz(func(t *testing.T, in []byte) {
		var h Hello
		r := bytes.NewReader(in)
		if readFrame(r, &h) == nil && len(in)-r.Len() > MaxHello+4 {
			t.Fatal("read beyond the limit")
		}
	})
}
