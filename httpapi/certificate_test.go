package httpapi_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/internal/testca"
)

func TestCertificateIsReplacedWhileConnectionsGoOn(t *testing.T) {
	server := serveSecure(t, httpapi.Config{Node: newFakeNode()})
	conn, err := tls.Dial("tcp", server.addr, server.config(0))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	asks := func() {
		t.Helper()
		if _, err := io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
	}
	asks()
	before, until := shownSerial(t, server), time.Now().Add(30*time.Minute).Truncate(time.Second).UTC()
	chain, key := server.ca.Server(t, testca.Until(until))
	if err := server.cert.Load(chain, key); err != nil {
		t.Fatal(err)
	}
	if after := shownSerial(t, server); after == before || !server.cert.NotAfter().Equal(until) {
		t.Errorf("new connections are shown the certificate before; it expires at %s", server.cert.NotAfter())
	}
	asks()
}

func shownSerial(t *testing.T, server *secureServer) string {
	t.Helper()
	conn, err := tls.Dial("tcp", server.addr, server.config(0))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

func TestBrokenCertificateLeavesTheOneBeforeInUse(t *testing.T) {
	server := serveSecure(t, httpapi.Config{Node: newFakeNode()})
	before := shownSerial(t, server)
	chain, key := server.ca.Server(t)
	_, otherKey := server.ca.Server(t)
	expired, expiredKey := server.ca.Server(t, testca.Until(time.Now().Add(-time.Hour)))
	clients, clientsKey := server.ca.Server(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	for name, pair := range map[string][2][]byte{
		"nothing": {nil, nil}, "no key": {chain, nil}, "the key of another": {chain, otherKey}, "in the wrong order": {key, chain},
		"half written": {chain[:len(chain)/2], key}, "expired": {expired, expiredKey}, "for clients": {clients, clientsKey},
	} {
		if err := server.cert.Load(pair[0], pair[1]); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if name != "expired" {
			if _, err := httpapi.NewCertificate(pair[0], pair[1]); err == nil {
				t.Errorf("%s: accepted at the start", name)
			}
		}
	}
	if got := shownSerial(t, server); got != before {
		t.Error("a broken certificate is shown")
	}
	old, err := httpapi.NewCertificate(expired, expiredKey)
	if err != nil || time.Now().Before(old.NotAfter()) {
		t.Fatalf("one that has expired must not keep a sidecar from starting: %v", err)
	}
	if err := old.Load(expired, expiredKey); err != nil {
		t.Errorf("an expired one in place of another: %v", err)
	}
	if err := old.Load(chain, key); err != nil {
		t.Error(err)
	}
}

// TestChainExpiresWithTheFirstOfItsCertificates: clients refuse the whole then.
func TestChainExpiresWithTheFirstOfItsCertificates(t *testing.T) {
	ca := testca.New(t)
	chain, key := ca.Server(t, testca.Until(time.Now().Add(90*24*time.Hour)))
	c, err := httpapi.NewCertificate(append(chain, ca.PEM()...), key)
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(c.NotAfter()); left > 24*time.Hour {
		t.Errorf("it expires in %s, and the authority above it in a day", left)
	}
}
