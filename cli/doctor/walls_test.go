package doctor_test

import (
	"crypto/x509"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sidelock/sidelock/cli/doctor"
	"github.com/sidelock/sidelock/internal/chaos"
	"github.com/sidelock/sidelock/internal/testca"
)

// certificates are files of an authority and what it has signed for a node.
type certificates struct{ ca, cert, key string }

func issue(t *testing.T, name string, ends time.Time) certificates {
	t.Helper()
	dir := t.TempDir()
	files := certificates{filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	ca := testca.New(t)
	cert, key := ca.Server(t, func(c *x509.Certificate) {
		u, err := url.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		c.URIs = []*url.URL{u}
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
		c.NotBefore, c.NotAfter = ends.AddDate(-1, 0, 0), ends
	})
	err := errors.Join(os.WriteFile(files.ca, ca.PEM(), 0o600), os.WriteFile(files.cert, cert, 0o600), os.WriteFile(files.key, key, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func (c certificates) forPeers() []string {
	return []string{"--tls-ca", c.ca, "--tls-cert", c.cert, "--tls-key", c.key}
}

func (c certificates) forAPI() []string {
	return []string{"--api-tls-cert", c.cert, "--api-tls-key", c.key}
}

func TestCertificatesOfPeersAreJudgedAsPeersDo(t *testing.T) {
	t.Parallel()
	n := chaos.Plan(t, 1).Nodes[0]
	now := time.Now()
	consult(t, n, issue(t, "sidelock://c", now.Add(-time.Hour)).forPeers()...).want(t, doctor.Fail, doctor.PeerTrust, "expired")
	consult(t, n, issue(t, "sidelock://c/n7", now.AddDate(1, 0, 0)).forPeers()...).want(t, doctor.Fail, doctor.PeerTrust, `"n7"`, `"n1"`)
	consult(t, n, issue(t, "https://c/n1", now.AddDate(1, 0, 0)).forPeers()...).want(t, doctor.Fail, doctor.PeerTrust, "URI SAN sidelock://CLUSTER")
	soon := issue(t, "sidelock://c/n1", now.Add(75*time.Hour))
	consult(t, n, soon.forPeers()...).want(t, doctor.Warn, doctor.PeerTrust, "ends soon", soon.cert)
	if err := os.Chmod(soon.key, 0o644); err != nil {
		t.Fatal(err)
	}
	consult(t, n, soon.forPeers()...).want(t, doctor.Warn, doctor.PeerTrust, "others than its owner may read this file", soon.key)

	n.Start(soon.forPeers()...)
	n.AwaitReady()
	d := consult(t, n, soon.forPeers()...)
	d.want(t, doctor.Warn, doctor.PeerTrust, "the certificate for peers that the running sidecar goes by ends in 3 days")
	d.want(t, doctor.OK, doctor.Port, "--peer-addr", "the sidecar that runs here")
	if d.Code != 0 {
		t.Errorf("nothing has failed yet: %s", d.Stdout)
	}
}

func TestCertificateAndKeysOfTheAPIAreRead(t *testing.T) {
	t.Parallel()
	n := chaos.Plan(t, 1).Nodes[0]
	now := time.Now()
	consult(t, n, issue(t, "x://y", now.Add(-50*time.Hour)).forAPI()...).want(t, doctor.Fail, doctor.APICertificate, "ended 2 days ago")
	consult(t, n, issue(t, "x://y", now.Add(75*time.Hour)).forAPI()...).want(t, doctor.Warn, doctor.APICertificate, "ends in 3 days")
	good := issue(t, "x://y", now.AddDate(1, 0, 0))
	consult(t, n, good.forAPI()...).want(t, doctor.OK, doctor.APICertificate, "is in order")
	other := certificates{cert: good.cert, key: issue(t, "x://y", now.AddDate(1, 0, 0)).key}
	consult(t, n, other.forAPI()...).want(t, doctor.Fail, doctor.APICertificate, "cannot be used", "--api-tls-key")

	keysFile := filepath.Join(t.TempDir(), "keys.yaml")
	const key = "a-key-of-a-test-5c1d8e0f3a7b4926d1c8"
	write := func(text string, mode os.FileMode) {
		t.Helper()
		if err := errors.Join(os.WriteFile(keysFile, []byte(text), mode), os.Chmod(keysFile, mode)); err != nil {
			t.Fatal(err)
		}
	}
	write("keys:\n  - {name: web, key: "+key+", verbs: [read], prefixes: [web]}\n", 0o600)
	consult(t, n, "--api-keys-file", keysFile).want(t, doctor.OK, doctor.APIKeys, "has 1 key")
	write("keys:\n  - {name: web, key: "+key+", verbs: [fly], prefixes: [web]}\n", 0o644)
	d := consult(t, n, "--api-keys-file", keysFile)
	d.want(t, doctor.Fail, doctor.APIKeys, "line 2: a verb is read, write or admin")
	write("keys:\n  - {name: web, key: "+key+", verbs: [read], prefixes: [web]}\n", 0o644)
	consult(t, n, "--api-keys-file", keysFile).want(t, doctor.Warn, doctor.APIKeys, "others than its owner may read")

	n.Start(append(good.forAPI(), "--api-keys-file", keysFile)...)
	chaos.Until(t, 20*time.Second, "it to be seen", func() error {
		if d := consult(t, n, append(good.forAPI(), "--api-keys-file", keysFile)...); d.Code != 0 {
			return errors.New(d.Stdout)
		}
		return nil
	})
	consult(t, n, append(good.forAPI(), "--api-keys-file", keysFile)...).want(t, doctor.OK, doctor.Port, "--api-addr", "the sidecar that runs here")
}
