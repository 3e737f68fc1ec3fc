package trust

import (
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/sidelock/sidelock/raftnode/peer"
)

// sidecar is a node whose files a test replaces while it runs.
type sidecar struct {
	*node
	trust   *Trust
	log     *records // of the trust
	changes <-chan struct{}
}

// threeBySecret starts three nodes with a secret file each.
func threeBySecret(t *testing.T) ([]*sidecar, []string) {
	var nodes []*sidecar
	var paths []string
	for _, name := range []string{"a", "b", "c"} {
		file := secretFile(t, oldSecret)
		tr, log, changes := trusting(t, func(log *slog.Logger) (*Trust, error) {
			return FromSecret(t.Context(), file, log, PollEvery(pollFast))
		})
		nodes = append(nodes, &sidecar{startNode(t, name, tr), tr, log, changes})
		paths = append(paths, file)
	}
	return nodes, paths
}

func threeByCertificate(t *testing.T, ca *authority) ([]*sidecar, []files) {
	var nodes []*sidecar
	var all []files
	for _, name := range []string{"a", "b", "c"} {
		f := newFiles(t, ca.issue("sidelock://prod/"+name, nil), ca)
		tr, log, changes := f.open(t, PollEvery(pollFast))
		nodes = append(nodes, &sidecar{startNode(t, name, tr), tr, log, changes})
		all = append(all, f)
	}
	return nodes, all
}

// rotate takes one step on one node after the other. All connect to all all the time, and nothing may be refused.
func rotate(t *testing.T, nodes []*sidecar, step func(i int)) {
	t.Helper()
	for i, n := range nodes {
		step(i)
		awaitChange(t, n.changes)
		for _, a := range nodes {
			for _, b := range nodes {
				if a != b {
					a.mustDial(b.node).Close()
				}
			}
		}
	}
}

func openBetween(nodes []*sidecar) []net.Conn {
	return []net.Conn{nodes[0].mustDial(nodes[1].node), nodes[1].mustDial(nodes[2].node), nodes[2].mustDial(nodes[0].node)}
}

func mustAllWork(t *testing.T, conns []net.Conn) {
	t.Helper()
	for _, c := range conns {
		must(t, ping(c))
	}
}

func mustAllEnd(t *testing.T, conns []net.Conn) {
	t.Helper()
	for _, c := range conns {
		mustEnd(t, c)
	}
}

func TestSecretIsReplacedInThreeStepsAndNobodyIsRefused(t *testing.T) {
	nodes, paths := threeBySecret(t)
	first := openBetween(nodes)
	put := func(secrets ...string) func(int) {
		return func(i int) { write(t, paths[i], "# rotated\n\n"+strings.Join(secrets, "\n")) }
	}
	rotate(t, nodes, put(oldSecret, newSecret))
	rotate(t, nodes, put(newSecret, oldSecret))
	mustAllWork(t, first) // they hold until the secret that they were made by is gone
	second := openBetween(nodes)
	rotate(t, nodes, put(newSecret))
	mustAllEnd(t, first)
	mustAllWork(t, second)
	mustAllWork(t, openBetween(nodes))
	for _, n := range nodes {
		n.log.await(t, "INFO the new peer secret is in force", "issuing="+fingerprint(t, newSecret), "accepted=["+fingerprint(t, newSecret)+"]")
		if text := n.log.text() + n.node.log.text(); strings.Contains(text, "WARN") || strings.Contains(text, "ERROR") || strings.Contains(text, oldSecret[:12]) || strings.Contains(text, newSecret[:12]) {
			t.Errorf("the log of %s:\n%s", n.name, text)
		}
	}
}

// TestRemovedSecretIsOfNoUse: whoever had only that one is out, with the connections that it has.
func TestRemovedSecretIsOfNoUse(t *testing.T) {
	nodes, paths := threeBySecret(t)
	left := nodes[2]
	in, out := left.mustDial(nodes[0].node), nodes[0].mustDial(left.node)
	for i := range 2 {
		write(t, paths[i], newSecret+"\n")
		awaitChange(t, nodes[i].changes)
	}
	mustEnd(t, in)
	mustEnd(t, out)
	if _, err := left.dial(nodes[0].node); err == nil {
		t.Error("let in by the removed secret")
	}
	if _, err := nodes[0].dial(left.node); err == nil {
		t.Error("called one that only has the removed secret")
	}
	mustAllWork(t, []net.Conn{nodes[0].mustDial(nodes[1].node)})
	nodes[0].node.log.await(t, "peer connection closed", "no longer accepted")
}

func TestCAIsReplacedInThreeStepsAndNobodyIsRefused(t *testing.T) {
	ca, next := newAuthority(t, "old CA", nil, nil), newAuthority(t, "new CA", nil, nil)
	nodes, all := threeByCertificate(t, ca)
	first := openBetween(nodes)
	rotate(t, nodes, func(i int) { all[i].accept(t, ca, next) })
	rotate(t, nodes, func(i int) {
		node := next.issue("sidelock://prod/"+nodes[i].name, nil)
		all[i].show(t, node)
	})
	mustAllWork(t, first)
	second := openBetween(nodes)
	rotate(t, nodes, func(i int) { all[i].accept(t, next) })
	mustAllEnd(t, first)
	mustAllWork(t, second)
	mustAllWork(t, openBetween(nodes))
}

// TestConnectionMadeDuringAChangeIsJudgedByTheNewTerms: its handshake ended before the change, and the port came to know of it
// after the change was told.
func TestConnectionMadeDuringAChangeIsJudgedByTheNewTerms(t *testing.T) {
	old, new := bySecret(t, oldSecret), bySecret(t, newSecret)
	left, right := net.Pipe()
	defer left.Close()
	go old.Client(t.Context(), left, "right")
	s := bySecret(t, oldSecret)
	c, err := s.Server(t.Context(), right)
	must(t, err)
	must(t, s.Vouches(c, peer.Hello{}))
	s.inForce.Store(new.inForce.Load())
	err = s.Vouches(c, peer.Hello{})
	if err == nil || len(missing(err.Error(), []string{"not trusted any more", "another secret", fingerprint(t, oldSecret)})) > 0 {
		t.Errorf("vouched for: %v", err)
	}
	if s.Valid(c) == nil {
		t.Error("found valid")
	}
	if s.Valid(left) == nil || s.Vouches(left, peer.Hello{}) == nil {
		t.Error("a connection that was never secured is valid")
	}
}
