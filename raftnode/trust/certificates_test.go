package trust

import (
	"crypto/x509"
	"os"
	"strings"
	"testing"
	"time"
)

// TestCertificatesThatPeersWouldRefuseAreRefusedAtStart: the node that has them is where they are put right.
func TestCertificatesThatPeersWouldRefuseAreRefusedAtStart(t *testing.T) {
	ca, stranger := newAuthority(t, "ca", nil, nil), newAuthority(t, "stranger", nil, nil)
	good := ca.issue("sidelock://prod", nil)
	between := newAuthority(t, "between", ca, nil)
	for name, m := range map[string]struct {
		files func() files
		want  []string
	}{
		"no file":         {func() files { f := newFiles(t, good, ca); must(t, os.Remove(f.ca)); return f }, []string{"--tls-ca cannot be read", "ca.crt"}},
		"no certificate":  {func() files { f := newFiles(t, good, ca); must(t, os.Remove(f.cert)); return f }, []string{"--tls-cert cannot be read", "node.crt"}},
		"no key":          {func() files { f := newFiles(t, good, ca); must(t, os.Remove(f.key)); return f }, []string{"--tls-key cannot be read", "node.key"}},
		"DER":             {func() files { f := newFiles(t, good, ca); write(t, f.ca, "\x30\x82\x01\x00"); return f }, []string{"ca.crt", "nothing in PEM", "convert it with openssl"}},
		"CA without a CA": {func() files { f := newFiles(t, good, ca); write(t, f.ca, good.cert); return f }, []string{"ca.crt", "is not that of a CA", "basicConstraints"}},
		"CA's key":        {func() files { f := newFiles(t, good, ca); write(t, f.ca, ca.pem+good.key); return f }, []string{"ca.crt", "private key", "keep it away from the nodes"}},
		"CA of damaged DER": {func() files {
			f := newFiles(t, good, ca)
			write(t, f.ca, ca.pem+encode("CERTIFICATE", []byte("x")))
			return f
		}, []string{"ca.crt", "certificate 2"}},
		"CA of keys":     {func() files { f := newFiles(t, good, ca); write(t, f.ca, encode("PUBLIC KEY", []byte("x"))); return f }, []string{"ca.crt", "holds no certificate"}},
		"too many CAs":   {func() files { f := newFiles(t, good, ca); write(t, f.ca, strings.Repeat(ca.pem, MaxCAs+1)); return f }, []string{"more than 64 CAs"}},
		"files swapped":  {func() files { f := newFiles(t, good, ca); f.cert, f.key = f.key, f.cert; return f }, []string{"--tls-cert", "--tls-key", "no certificate with its private key"}},
		"key of another": {func() files { return newFiles(t, issued{good.cert, ca.issue("sidelock://prod", nil).key}, ca) }, []string{"no certificate with its private key", "does not match"}},
		"encrypted key":  {func() files { return newFiles(t, issued{good.cert, encode("ENCRYPTED PRIVATE KEY", []byte("x"))}, ca) }, []string{"node.key", "encrypted", "openssl pkey"}},
		"another CA":     {func() files { return newFiles(t, stranger.issue("sidelock://prod", nil), ca) }, []string{"node.crt", "none of the CAs", `"CN=stranger"`}},
		"a link missing": {func() files { return newFiles(t, between.issue("sidelock://prod", nil), ca) }, []string{"none of the CAs", `"CN=between"`}},
		"no name":        {func() files { return newFiles(t, ca.issue("", nil), ca) }, []string{"node.crt", "names 0 sidelock clusters", "sidelock://CLUSTER/NODE"}},
		"expired": {func() files {
			return newFiles(t, ca.issue("sidelock://prod", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), ca)
		}, []string{"expired at", "issue a new one"}},
		"not valid yet": {func() files {
			return newFiles(t, ca.issue("sidelock://prod", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }), ca)
		}, []string{"is not valid before", "correct the clock"}},
		"for servers alone": {func() files { return newFiles(t, ca.issue("sidelock://prod", only(x509.ExtKeyUsageServerAuth)), ca) }, []string{"extendedKeyUsage must name serverAuth and clientAuth"}},
		"for clients alone": {func() files { return newFiles(t, ca.issue("sidelock://prod", only(x509.ExtKeyUsageClientAuth)), ca) }, []string{"extendedKeyUsage must name serverAuth and clientAuth"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := m.files()
			_, err := FromCertificates(t.Context(), f.ca, f.cert, f.key, nil)
			if err == nil {
				t.Fatal("accepted")
			}
			if gap := missing(err.Error(), m.want); len(gap) > 0 {
				t.Errorf("no word of %q in: %v", gap, err)
			}
		})
	}
}

func TestCommentsBetweenCertificatesPass(t *testing.T) {
	ca, other := newAuthority(t, "ca", nil, nil), newAuthority(t, "other", nil, nil)
	f := newFiles(t, ca.issue("sidelock://prod", nil), ca)
	write(t, f.ca, "# before\n"+other.pem+"\nCertificate:\n    Data: x\n"+ca.pem)
	f.open(t)
}

func TestKeyThatOthersMayReadIsMentioned(t *testing.T) {
	ca := newAuthority(t, "ca", nil, nil)
	f := newFiles(t, ca.issue("sidelock://prod/a", nil), ca)
	must(t, os.Chmod(f.ca, 0o644))
	must(t, os.Chmod(f.cert, 0o644))
	_, log, _ := f.open(t)
	if log.count("WARN") != 0 || log.count("INFO", "name=sidelock://prod/a", "valid_until=") != 1 {
		t.Errorf("of certificates that all may read, which are public:\n%s", log.text())
	}
	must(t, os.Chmod(f.key, 0o644))
	_, log, _ = f.open(t)
	if log.count("WARN", f.key, "Kubernetes", "chmod 600") != 1 {
		t.Errorf("of a key that all may read:\n%s", log.text())
	}
}
