package trust

import (
	"context"
	"crypto/x509"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sidelock/sidelock/reload"
)

// afterLooks waits until files have been looked at some times more: another watch, of the same pace, has seen changes so often.
func afterLooks(t *testing.T) {
	t.Helper()
	marker := filepath.Join(t.TempDir(), "marker")
	ctx, cancel := context.WithCancel(t.Context())
	seen := make(chan struct{})
	done := reload.Watch(ctx, pollFast, []string{marker}, func() { seen <- struct{}{} })
	for i := range 5 {
		write(t, marker, strconv.Itoa(i))
		<-seen
	}
	cancel()
	<-done
}

func TestBrokenSecretFileKeepsTheOldOneAndIsSaidOnce(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, file string){
		"too short": func(t *testing.T, file string) { write(t, file, "geheim\n") },
		"empty":     func(t *testing.T, file string) { write(t, file, "") },
		"binary":    func(t *testing.T, file string) { write(t, file, oldSecret+"\n\x00\x01\x02") },
		"gone":      func(t *testing.T, file string) { must(t, os.Remove(file)) },
	} {
		t.Run(name, func(t *testing.T) {
			nodes, paths := threeBySecret(t)
			a, b := nodes[0], nodes[1]
			c := a.mustDial(b.node)
			spoil(t, paths[0])
			a.log.await(t, "ERROR", "the new peer secret cannot be used", "the old one stays in force", "openssl rand -base64 32")
			afterLooks(t)
			if n := a.log.count("ERROR"); n != 1 {
				t.Errorf("said %d times:\n%s", n, a.log.text())
			}
			must(t, ping(c))
			a.mustDial(b.node)
			b.mustDial(a.node)
			write(t, paths[0], newSecret+"\n"+oldSecret+"\n")
			awaitChange(t, a.changes)
			a.log.await(t, "the new peer secret is in force", "issuing="+fingerprint(t, newSecret))
		})
	}
}

func TestCertificateIsRenewedWhileItRuns(t *testing.T) {
	ca := newAuthority(t, "ca", nil, nil)
	nodes, all := threeByCertificate(t, ca)
	a, b := nodes[0], nodes[1]
	c := a.mustDial(b.node)
	renewed := ca.issue("sidelock://prod/a", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(700 * 24 * time.Hour) })
	all[0].show(t, renewed)
	awaitChange(t, a.changes)
	must(t, ping(c)) // nothing is wrong with it
	chain := a.mustDial(b.node)
	must(t, ping(chain))
	if got := b.trust.Expiries(); len(got) != 2 {
		t.Errorf("%v", got)
	}
	if end := a.trust.Expiries()[1].NotAfter; time.Until(end) < 600*24*time.Hour {
		t.Errorf("still the one until %v", end)
	}
}

func TestBrokenCertificatesKeepTheOldOnes(t *testing.T) {
	ca, stranger := newAuthority(t, "ca", nil, nil), newAuthority(t, "stranger", nil, nil)
	other := ca.issue("sidelock://prod/a", nil)
	for name, m := range map[string]struct {
		spoil func(t *testing.T, f files)
		says  []string
	}{
		"certificate without its key": {func(t *testing.T, f files) { write(t, f.cert, other.cert) }, []string{"node.crt", "node.key", "no certificate with its private key"}},
		"certificate of a stranger": {func(t *testing.T, f files) { f.show(t, stranger.issue("sidelock://prod/a", nil)) },
			[]string{"would be refused by its peers", "none of the CAs", `"CN=stranger"`}},
		"expired": {func(t *testing.T, f files) {
			f.show(t, ca.issue("sidelock://prod/a", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }))
		}, []string{"would be refused by its peers", "it expired at", "issue a new one"}},
		"no CA":   {func(t *testing.T, f files) { write(t, f.ca, "# none\n") }, []string{"--tls-ca", "nothing in PEM"}},
		"no name": {func(t *testing.T, f files) { f.show(t, ca.issue("", nil)) }, []string{"names 0 sidelock clusters", "sidelock://CLUSTER/NODE"}},
	} {
		t.Run(name, func(t *testing.T) {
			nodes, all := threeByCertificate(t, ca)
			a, b := nodes[0], nodes[1]
			c := a.mustDial(b.node)
			m.spoil(t, all[0])
			a.log.await(t, append([]string{"ERROR", "the new peer certificate cannot be used", "the old one stays in force"}, m.says...)...)
			must(t, ping(c))
			a.mustDial(b.node)
			b.mustDial(a.node)
			all[0].accept(t, ca)
			all[0].show(t, ca.issue("sidelock://prod/a", nil))
			a.log.await(t, "the new peer certificate is in force")
			a.mustDial(b.node)
		})
	}
}

func TestChangeOfClusterIsSaid(t *testing.T) {
	ca := newAuthority(t, "ca", nil, nil)
	nodes, all := threeByCertificate(t, ca)
	c := nodes[0].mustDial(nodes[1].node)
	all[0].show(t, ca.issue("sidelock://other", nil))
	awaitChange(t, nodes[0].changes)
	nodes[0].log.await(t, "WARN", "of another cluster now", "was=prod", "is=other")
	mustEnd(t, c)
}

func TestClosedTrustLooksNoMore(t *testing.T) {
	nodes, paths := threeBySecret(t)
	a := nodes[0]
	a.trust.Close()
	write(t, paths[0], newSecret)
	afterLooks(t)
	if len(a.changes) != 0 || a.log.count("in force") != 0 {
		t.Errorf("looked:\n%s", a.log.text())
	}
	a.mustDial(nodes[1].node) // what was in force stays so
}

func TestCloseWaitsForACallbackUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := secretFile(t, oldSecret)
		tr, err := FromSecret(t.Context(), file, nil)
		must(t, err)
		begun, finish := make(chan struct{}), make(chan struct{})
		tr.OnChange(func() { close(begun); <-finish })
		write(t, file, newSecret)
		<-begun
		var closed atomic.Bool
		go func() { tr.Close(); closed.Store(true) }()
		synctest.Wait()
		if closed.Load() {
			t.Error("did not wait")
		}
		close(finish)
		synctest.Wait()
		if !closed.Load() {
			t.Error("still waits")
		}
	})
}
