package trust

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/raftnode/peer"
)

// meeting is one caller and one node that is called. Without words they are friends; else these are in the caller's error, and in
// the log of the other: the cause, and the remedy.
type meeting struct {
	caller, called   peer.Security
	callerName       string   // "" is "caller"
	callerSees, sees []string // the caller, and the one that is called
}

func (m meeting) run(t *testing.T) {
	if m.callerName == "" {
		m.callerName = "caller"
	}
	a, b := startNode(t, m.callerName, m.caller), startNode(t, "called", m.called)
	c, err := a.dial(b)
	if len(m.callerSees) == 0 {
		if err != nil {
			t.Fatalf("refused: %v\nlog of the other:\n%s", err, b.log.text())
		}
		must(t, ping(c))
		return
	}
	if err == nil {
		t.Fatal("let in")
	}
	if gap := missing(err.Error(), m.callerSees); len(gap) > 0 {
		t.Errorf("the caller is not told %q, but: %v", gap, err)
	}
	if len(m.sees) > 0 {
		b.log.await(t, append([]string{"WARN", "remote="}, m.sees...)...)
	}
	for _, text := range []string{err.Error(), a.log.text(), b.log.text()} {
		for _, secret := range []string{oldSecret, newSecret, otherSecret} {
			if strings.Contains(text, secret) || strings.Contains(text, secret[:12]) {
				t.Errorf("a secret is in: %s", text)
			}
		}
	}
}

func TestSecretsDecideWhoMayTalk(t *testing.T) {
	old, new, other := fingerprint(t, oldSecret), fingerprint(t, newSecret), fingerprint(t, otherSecret)
	for name, m := range map[string]meeting{
		"same":                        {caller: bySecret(t, oldSecret), called: bySecret(t, oldSecret)},
		"new one known to the called": {caller: bySecret(t, oldSecret), called: bySecret(t, oldSecret, newSecret)},
		"new one known to the caller": {caller: bySecret(t, oldSecret, newSecret), called: bySecret(t, oldSecret)},
		"new one used by the caller":  {caller: bySecret(t, newSecret, oldSecret), called: bySecret(t, oldSecret, newSecret)},
		"new one used by the called":  {caller: bySecret(t, oldSecret, newSecret), called: bySecret(t, newSecret, oldSecret)},
		"old one gone at the caller":  {caller: bySecret(t, newSecret), called: bySecret(t, newSecret, oldSecret)},
		"another": {
			caller: bySecret(t, otherSecret), called: bySecret(t, oldSecret),
			callerSees: []string{"is not trusted", "comes from another secret", old, other, "the same --peer-secret-file"},
			sees:       []string{"the caller refused this node's certificate", "the secret " + old, "the same --peer-secret-file"},
		},
		"new one used too early by the caller": {
			caller: bySecret(t, newSecret, oldSecret), called: bySecret(t, oldSecret),
			callerSees: []string{"refused this node's certificate", "the secret " + new, "add the new one below the old one on every node"},
			sees:       []string{"the caller is not trusted", "another secret, \"" + new, old, "add the new one below the old one on every node"},
		},
		"new one used too early by the called": {
			caller: bySecret(t, oldSecret), called: bySecret(t, newSecret, oldSecret),
			callerSees: []string{"is not trusted", "another secret, \"" + new, old, "add the new one below the old one"},
			sees:       []string{"the caller refused this node's certificate", "the secret " + new, "add the new one below the old one"},
		},
	} {
		t.Run(name, m.run)
	}
}

func TestPlaintextAndTLSDoNotMix(t *testing.T) {
	ca := newAuthority(t, "ca", nil, nil)
	certificate := byCertificate(t, ca.issue("sidelock://prod", nil), ca)
	for name, m := range map[string]meeting{
		"plaintext calls secret": {
			caller: peer.Plain{}, called: bySecret(t, oldSecret),
			callerSees: []string{"this node speaks TLS with its peers, and the caller plaintext", "the same --peer-secret-file", "(certificate)"},
			sees:       []string{"the caller speaks plaintext, and this node TLS", "the same --peer-secret-file"},
		},
		"secret calls plaintext": {
			caller: bySecret(t, oldSecret), called: peer.Plain{},
			callerSees: []string{"speaks plaintext, and this node TLS", "the same --peer-secret-file"},
			sees:       []string{"the caller speaks TLS, and this node does not", "--peer-secret-file"},
		},
		"plaintext calls certificates": {
			caller: peer.Plain{}, called: certificate,
			callerSees: []string{"this node speaks TLS with its peers, and the caller plaintext", "--tls-ca, --tls-cert and --tls-key"},
			sees:       []string{"the caller speaks plaintext, and this node TLS", "--tls-ca, --tls-cert and --tls-key"},
		},
		"certificates call plaintext": {
			caller: certificate, called: peer.Plain{},
			callerSees: []string{"speaks plaintext, and this node TLS", "--tls-ca, --tls-cert and --tls-key"},
			sees:       []string{"the caller speaks TLS, and this node does not", "--tls-ca, --tls-cert and --tls-key"},
		},
		"secret calls certificates": {
			caller: bySecret(t, oldSecret), called: certificate,
			callerSees: []string{"is not trusted", "comes from no secret", "the same --peer-secret-file"},
			sees:       []string{"the caller refused this node's certificate", "its log says which"},
		},
		"certificates call secret": {
			caller: certificate, called: bySecret(t, oldSecret),
			callerSees: []string{"is not trusted", "comes from a --peer-secret-file, and this node goes by certificates", "--tls-ca, --tls-cert and --tls-key"},
			sees:       []string{"the caller refused this node's certificate", "or goes by certificates", "--peer-secret-file"},
		},
	} {
		t.Run(name, m.run)
	}
}

func TestCertificatesDecideWhoMayTalk(t *testing.T) {
	ca, ca2 := newAuthority(t, "first CA", nil, nil), newAuthority(t, "second CA", nil, nil)
	between := newAuthority(t, "between", ca, nil)
	chained := between.issue("sidelock://prod/caller", nil)
	chained.cert += between.pem
	plain := func(ca *authority) issued { return ca.issue("sidelock://prod", nil) }
	for name, m := range map[string]meeting{
		"one CA":                {caller: byCertificate(t, plain(ca), ca), called: byCertificate(t, plain(ca), ca)},
		"nodes named":           {caller: byCertificate(t, ca.issue("sidelock://prod/caller", nil), ca), called: byCertificate(t, ca.issue("sidelock://prod/called", nil), ca)},
		"a CA each, both known": {caller: byCertificate(t, plain(ca), ca2, ca), called: byCertificate(t, plain(ca2), ca, ca2)},
		"one in between":        {caller: byCertificate(t, chained, ca), called: byCertificate(t, plain(ca), ca)},
		"no usage is every usage": {
			caller: byCertificate(t, ca.issue("sidelock://prod", func(c *x509.Certificate) { c.ExtKeyUsage = nil }), ca),
			called: byCertificate(t, plain(ca), ca),
		},
		"CA unknown to the caller": {
			caller: byCertificate(t, plain(ca), ca), called: byCertificate(t, plain(ca2), ca, ca2),
			callerSees: []string{"is not trusted", `issuer "CN=second CA"`, "none of the CAs", "ca.crt", "add its CA"},
			sees:       []string{"the caller refused this node's certificate", "node.crt", `issuer "CN=second CA"`, "a CA that is not in its --tls-ca", "its log says which"},
		},
		"CA unknown to the called": {
			caller: byCertificate(t, plain(ca2), ca, ca2), called: byCertificate(t, plain(ca), ca),
			callerSees: []string{"does not know the CA of this node's certificate", "node.crt", `issuer "CN=second CA"`, "add that CA to the file of --tls-ca there"},
			sees:       []string{"the caller is not trusted", `issuer "CN=second CA"`, "none of the CAs", "add its CA"},
		},
		"caller of another cluster": {
			caller: careless(t, ca.issue("sidelock://test", nil), "prod", ca), called: byCertificate(t, plain(ca), ca),
			callerSees: []string{"refused this node's certificate", "another cluster", "its log says which"},
			sees:       []string{"the caller is not trusted", `is of cluster "test"`, `of cluster "prod"`, "correct --join"},
		},
		"two clusters of one CA": {
			caller: byCertificate(t, ca.issue("sidelock://test", nil), ca), called: byCertificate(t, plain(ca), ca),
			callerSees: []string{"is not trusted", `is of cluster "prod"`, `of cluster "test"`, "correct --join"},
			sees:       []string{"the caller refused this node's certificate", "sidelock://prod", "another cluster", "its log says which"},
		},
		"caller without a name": {
			caller: careless(t, ca.issue("", nil), "prod", ca), called: byCertificate(t, plain(ca), ca),
			callerSees: []string{"refused this node's certificate", "its log says which"},
			sees:       []string{"the caller is not trusted", "names 0 sidelock clusters", "sidelock://CLUSTER/NODE"},
		},
		"called without a name": {
			caller: byCertificate(t, plain(ca), ca), called: careless(t, ca.issue("", nil), "prod", ca),
			callerSees: []string{"is not trusted", "names 0 sidelock clusters", "sidelock://CLUSTER/NODE"},
			sees:       []string{"the caller refused this node's certificate", "its log says which"},
		},
		"caller that may only serve": {
			caller: careless(t, ca.issue("sidelock://prod", only(x509.ExtKeyUsageServerAuth)), "prod", ca), called: byCertificate(t, plain(ca), ca),
			callerSees: []string{"refused this node's certificate", "its log says which"},
			sees:       []string{"the caller is not trusted", "extendedKeyUsage must name serverAuth and clientAuth"},
		},
		"caller that may only call": {
			caller: careless(t, ca.issue("sidelock://prod", only(x509.ExtKeyUsageClientAuth)), "prod", ca), called: byCertificate(t, plain(ca), ca),
			callerSees: []string{"refused this node's certificate", "its log says which"},
			sees:       []string{"the caller is not trusted", "extendedKeyUsage must name serverAuth and clientAuth"},
		},
		"caller by the name of another": {
			caller: byCertificate(t, ca.issue("sidelock://prod/web-0", nil), ca), called: byCertificate(t, plain(ca), ca), callerName: "web-1",
			callerSees: []string{`calls itself "web-1" has a certificate for node "web-0"`, "--node", "(certificate)"},
			sees:       []string{`calls itself "web-1" has a certificate for node "web-0"`, "--node", "code=certificate"},
		},
		"called by the name of another": {
			caller: byCertificate(t, plain(ca), ca), called: byCertificate(t, ca.issue("sidelock://prod/web-0", nil), ca),
			callerSees: []string{`calls itself "called" has a certificate for node "web-0"`, "--node", "(certificate)"},
		},
	} {
		t.Run(name, m.run)
	}
}

func only(usage x509.ExtKeyUsage) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{usage} }
}

// TestClocksThatDisagreeAreNamed: each node is content with its own certificate, by its own clock.
func TestClocksThatDisagreeAreNamed(t *testing.T) {
	const day = 24 * time.Hour
	ca := newAuthority(t, "ca", nil, func(c *x509.Certificate) {
		c.NotBefore = time.Now().Add(-1000 * day)
		c.NotAfter = time.Now().Add(1000 * day)
	})
	lasting := ca.issue("sidelock://prod", func(c *x509.Certificate) {
		c.NotBefore = time.Now().Add(-900 * day)
		c.NotAfter = time.Now().Add(900 * day)
	})
	with := func(node issued, clock time.Duration) *Trust {
		tr, _, _ := newFiles(t, node, ca).open(t, clockAt(clock))
		return tr
	}
	short := ca.issue("sidelock://prod", nil)
	shortCA := newAuthority(t, "short CA", nil, nil)
	outliving := newFiles(t, shortCA.issue("sidelock://prod", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(900 * day) }), shortCA, ca)
	outlived, _, _ := outliving.open(t)
	knowsBoth, _, _ := newFiles(t, lasting, shortCA, ca).open(t, clockAt(800*day))
	for name, m := range map[string]meeting{
		"caller's has expired": {
			caller: with(short, 0), called: with(lasting, 800*day),
			callerSees: []string{"finds this node's certificate", "node.crt", "out of date: it is valid from", "this clock says", "correct the clock"},
			sees:       []string{"the caller is not trusted", "expired at", "this clock says", "issue a new one"},
		},
		"called's has expired": {
			caller: with(lasting, 800*day), called: with(short, 0),
			callerSees: []string{"is not trusted", "expired at", "this clock says", "issue a new one"},
			sees:       []string{"the caller refused this node's certificate", "out of date", "its log says which"},
		},
		"caller's is not valid yet": {
			caller: with(short, 0), called: with(lasting, -800*day),
			callerSees: []string{"finds this node's certificate", "out of date: it is valid from", "this clock says", "correct the clock"},
			sees:       []string{"the caller is not trusted", "is not valid before", "this clock says", "correct the clock"},
		},
		"called's is not valid yet": {
			caller: with(lasting, -800*day), called: with(short, 0),
			callerSees: []string{"is not trusted", "is not valid before", "this clock says", "correct the clock"},
			sees:       []string{"the caller refused this node's certificate", "out of date", "its log says which"},
		},
		"the caller's CA has expired": {
			caller: outlived, called: knowsBoth,
			callerSees: []string{"or that of its CA, out of date", "replace the CA's", "its log says which"},
			sees:       []string{"the caller is not trusted", `cannot be traced to a CA in date: that of "CN=short CA" expired at`},
		},
	} {
		t.Run(name, m.run)
	}
}
