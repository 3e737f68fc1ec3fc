package trust

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/url"
	"path/filepath"
	"testing"
	"time"
)

// authority is a CA of a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string // its certificate, and after it those above it but the root
}

var bothUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}

// newAuthority makes a CA, signed by itself or by the one above.
func newAuthority(t *testing.T, name string, above *authority, change func(*x509.Certificate)) *authority {
	t.Helper()
	a := &authority{t: t, key: newKey(t)}
	template := &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	if above == nil {
		a.cert = sealed(t, template, template, a.key, a.key, change)
	} else {
		a.cert = sealed(t, template, above.cert, a.key, above.key, change)
	}
	a.pem = encode("CERTIFICATE", a.cert.Raw)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

// sealed signs a template, valid from an hour ago for a year unless change says otherwise.
func sealed(t *testing.T, template, parent *x509.Certificate, own, signer *ecdsa.PrivateKey, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(365*24*time.Hour)
	if change != nil {
		change(template)
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, own.Public(), signer)
	must(t, err)
	c, err := x509.ParseCertificate(raw)
	must(t, err)
	return c
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// issued is a certificate and its key, in PEM.
type issued struct{ cert, key string }

// issue makes a node's certificate; uri "" leaves its name out.
func (a *authority) issue(uri string, change func(*x509.Certificate)) issued {
	a.t.Helper()
	template := &x509.Certificate{Subject: pkix.Name{CommonName: "a node"}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: bothUsages}
	if uri != "" {
		u, err := url.Parse(uri)
		must(a.t, err)
		template.URIs = []*url.URL{u}
	}
	key := newKey(a.t)
	c := sealed(a.t, template, a.cert, key, a.key, change)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(a.t, err)
	return issued{encode("CERTIFICATE", c.Raw), encode("PRIVATE KEY", der)}
}

// files are those of one node.
type files struct{ ca, cert, key string }

func newFiles(t *testing.T, node issued, cas ...*authority) files {
	t.Helper()
	dir := t.TempDir()
	f := files{filepath.Join(dir, "ca.crt"), filepath.Join(dir, "node.crt"), filepath.Join(dir, "node.key")}
	f.accept(t, cas...)
	f.show(t, node)
	return f
}

func (f files) accept(t *testing.T, cas ...*authority) {
	t.Helper()
	all := ""
	for _, a := range cas {
		all += a.pem
	}
	write(t, f.ca, all)
}

func (f files) show(t *testing.T, node issued) {
	t.Helper()
	write(t, f.cert, node.cert)
	write(t, f.key, node.key)
}

func (f files) open(t *testing.T, opts ...Option) (*Trust, *records, <-chan struct{}) {
	t.Helper()
	return trusting(t, func(log *slog.Logger) (*Trust, error) {
		return FromCertificates(t.Context(), f.ca, f.cert, f.key, log, opts...)
	})
}

func byCertificate(t *testing.T, node issued, cas ...*authority) *Trust {
	t.Helper()
	tr, _, _ := newFiles(t, node, cas...).open(t)
	return tr
}

// clockAt is a node's clock that is off by d.
func clockAt(d time.Duration) Option {
	return func(o *options) { o.now = func() time.Time { return time.Now().Add(d) } }
}

// careless is a node that shows its certificate without having looked at it, as another program would, and takes those that a node
// of the cluster would take.
func careless(t *testing.T, node issued, cluster string, cas ...*authority) *Trust {
	t.Helper()
	f := newFiles(t, node, cas...)
	n := &terms{source: source{ca: f.ca, cert: f.cert}, now: time.Now, name: name{cluster: cluster}}
	must(t, n.loadCAs(f.ca))
	own, err := tls.LoadX509KeyPair(f.cert, f.key)
	must(t, err)
	n.own = own
	n.configure()
	tr := &Trust{log: slog.New(slog.DiscardHandler), now: time.Now}
	tr.inForce.Store(n)
	return tr
}
