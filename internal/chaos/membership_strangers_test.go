package chaos_test

import (
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
	"github.com/sidelock/sidelock/internal/testca"
)

// stranger is a sidecar that knows a group's addresses and may not talk to it.
type stranger struct {
	name string
	args []string
	sees []string // in its log: cause and remedy
	told []string // in the log of one of the group
}

// files writes what sidecars of one place share.
type files struct {
	t   *testing.T
	dir string
}

func (f files) write(name, content string) string {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		f.t.Fatal(err)
	}
	return path
}

func (f files) secret(name string) []string {
	return []string{"--peer-secret-file", f.write(name, rand.Text()+rand.Text()+"\n")}
}

// certificate issues one for a cluster.
func (f files) certificate(ca *testca.CA, name, cluster string, change ...func(*x509.Certificate)) []string {
	f.t.Helper()
	ofCluster := func(c *x509.Certificate) {
		c.URIs = []*url.URL{{Scheme: "sidelock", Host: cluster}}
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	cert, key := ca.Server(f.t, append([]func(*x509.Certificate){ofCluster}, change...)...)
	return []string{"--tls-ca", f.write(name+".ca", string(ca.PEM())), "--tls-cert", f.write(name+".crt", string(cert)), "--tls-key", f.write(name+".key", string(key))}
}

// TestStrangersAreRefusedAndDisturbNobody has sidecars that may not join try to, and others who only know the peer ports be silent, slow and
// loud there, while the group serves. Each sidecar is told why and what to do, and so is who runs the group.
func TestStrangersAreRefusedAndDisturbNobody(t *testing.T) {
	t.Parallel()
	f := files{t, t.TempDir()}
	ours, theirs := testca.New(t), testca.New(t)
	secret, certificates := f.secret("secret"), f.certificate(ours, "ours", "prod")
	for name, c := range map[string]struct {
		own       []string
		strangers []stranger
	}{
		"secret": {secret, []stranger{
			{"another secret", f.secret("other"), []string{"comes from another secret", "the same --peer-secret-file"}, []string{"the caller refused this node's certificate", "the same --peer-secret-file"}},
			{"no secret", nil, []string{"this node speaks TLS with its peers, and the caller plaintext", "the same --peer-secret-file"}, []string{"the caller speaks plaintext, and this node TLS", "the same --peer-secret-file"}},
			{"a certificate", certificates, []string{"comes from a --peer-secret-file, and this node goes by certificates", "--tls-ca, --tls-cert and --tls-key"}, []string{"or goes by certificates"}},
		}},
		"certificates": {certificates, []stranger{
			{"another CA", f.certificate(theirs, "theirs", "prod"), []string{"none of the CAs", "add its CA"}, []string{"the caller refused this node's certificate", "a CA that is not in its --tls-ca"}},
			{"another cluster", f.certificate(ours, "test", "test"), []string{"its certificate is of cluster", "correct --join"}, []string{"the caller refused this node's certificate", "another cluster"}},
			{"no certificate", nil, []string{"this node speaks TLS with its peers, and the caller plaintext", "--tls-ca, --tls-cert and --tls-key"}, []string{"the caller speaks plaintext, and this node TLS"}},
			{"a secret", secret, []string{"comes from no secret", "the same --peer-secret-file"}, nil},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Of several strangers at one address a warning tells of the first.
			g := chaos.Start(t, 3, append([]string{"--drain-timeout", "500ms", "--log-level", "debug"}, c.own...)...)
			ours := slices.Clone(g.Nodes)
			tr := startTraffic(t, ours...)
			tr.holdAt(ours[0])
			tr.renewed()
			for _, s := range c.strangers {
				s.tries(t, g, ours)
			}
			rude(t, ours)
			awaitRoles(t, want{voters: 3}, ours...)
			for _, n := range ours {
				if members := n.Members(); len(members) != 3 {
					t.Errorf("%s knows %d members", n.Name, len(members))
				}
			}
			tr.finish(g, fmt.Sprintf("%d kinds of strangers", len(c.strangers)+3))
		})
	}
	t.Run("expired", func(t *testing.T) {
		g := chaos.Empty(t)
		n := g.Add("n1", f.certificate(ours, "late", "prod", testca.Until(time.Now().Add(-time.Minute)))...)
		n.Start()
		if code := n.Wait(); code != 1 {
			t.Errorf("it ended with %d", code)
		}
		wantInLog(t, n, "late.crt", "it expired at", "issue a new one")
	})
}

func (s stranger) tries(t *testing.T, g *chaos.Group, ours []*chaos.Node) {
	t.Helper()
	n := g.Add("stranger", slices.Concat(chaos.Join(ours...), []string{"--cluster-size", "4"}, s.args)...)
	n.Start()
	for _, text := range s.sees {
		awaitLog(t, n, text)
	}
	for _, text := range s.told {
		chaos.Until(t, settlesWithin, fmt.Sprintf("one of the group to say %q of %s", text, s.name), func() error {
			if !slices.ContainsFunc(ours, func(n *chaos.Node) bool { return strings.Contains(n.Log(), text) }) {
				return fmt.Errorf("none has")
			}
			return nil
		})
	}
	if a := n.Get("/readyz"); a.Status == 200 {
		t.Errorf("%s: it is ready: %s", s.name, a)
	}
	n.Kill()
}

func wantInLog(t *testing.T, n *chaos.Node, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(n.Log(), text) {
			t.Errorf("the log of %s does not say %q", n.Name, text)
		}
	}
}

// rude opens connections to the peer ports on which nothing is said, on which half of something is said, and on which nonsense is, all at
// once, and waits until each has been closed.
func rude(t *testing.T, nodes []*chaos.Node) {
	t.Helper()
	says := [][]byte{nil, {0x16, 0x03, 0x01}, []byte(strings.Repeat("\x00\xff\x16\x03garbage\r\n\r\n", 5000)), []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")}
	var open []net.Conn
	for _, n := range nodes {
		for _, what := range says {
			for range 20 {
				conn, err := net.Dial("tcp", n.Peer)
				if err != nil {
					t.Fatal(err)
				}
				open = append(open, conn)
				_, _ = conn.Write(what) // it may have been closed already
			}
		}
	}
	for _, conn := range open {
		if err := conn.SetReadDeadline(time.Now().Add(settlesWithin)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); os.IsTimeout(err) {
			t.Errorf("a peer port still listens to a stranger after %s", settlesWithin)
		}
		conn.Close()
	}
}
