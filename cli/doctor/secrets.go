package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/httpapi/keys"
	"github.com/sidelock/sidelock/raftnode/peer"
	"github.com/sidelock/sidelock/raftnode/trust"
	"github.com/sidelock/sidelock/reload"
)

// peerTrust reads the secret or the certificates of the peer port as a sidecar does, and tries whether it would accept itself: the
// others go by the same rules.
func (d *examination) peerTrust(ctx context.Context) {
	c := &d.cfg
	var t *trust.Trust
	var err error
	var warnings notes
	switch {
	case c.PeerSecretFile != "":
		t, err = trust.FromSecret(ctx, c.PeerSecretFile, warnings.logger(), trust.PollEvery(pollSecrets))
	case c.TLSCA != "" || c.TLSCert != "" || c.TLSKey != "":
		t, err = trust.FromCertificates(ctx, c.TLSCA, c.TLSCert, c.TLSKey, warnings.logger(), trust.PollEvery(pollSecrets))
	default:
		d.security = peer.Plain{}
		if c.InsecurePeers {
			d.warn(PeerTrust, "", "give all sidecars the same --peer-secret-file, or certificates", "peers talk in plaintext, and whoever reaches the peer port is trusted")
		} else {
			d.ok(PeerTrust, "", "peers talk in plaintext, on loopback")
		}
		return
	}
	if err != nil {
		d.fail(PeerTrust, "", "", "%v", err)
		return
	}
	d.security = t
	d.open = append(d.open, t.Close)
	for _, w := range warnings.list() {
		d.warn(PeerTrust, "", "", "%s", w)
	}
	if err := acceptsItself(ctx, t, c.Node); err != nil {
		d.fail(PeerTrust, "", "", "%v", err)
		return
	}
	if ends := t.Expiries(); len(ends) > 0 {
		first := ends[0]
		for _, e := range ends[1:] {
			if e.NotAfter.Before(first.NotAfter) {
				first = e
			}
		}
		d.ok(PeerTrust, "", "the certificates are in order; the first to end is in %s, in %s", first.File, days(first.NotAfter.Sub(c.now())))
		return
	}
	d.ok(PeerTrust, "", "the secret in %s is in order", c.PeerSecretFile)
}

// acceptsItself makes a connection from a trust to itself.
func acceptsItself(ctx context.Context, t *trust.Trust, node string) error {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	accepted := make(chan error, 1)
	go func() {
		c, err := t.Server(ctx, far)
		if err == nil {
			err = t.Vouches(c, peer.Hello{Name: node})
		}
		accepted <- err
	}()
	if _, err := t.Client(ctx, near, "this node itself"); err != nil {
		return err
	}
	return <-accepted
}

// apiCertificate reads the certificate of the API.
func (d *examination) apiCertificate(context.Context) {
	c := &d.cfg
	if c.APITLSCert == "" {
		return
	}
	chain, err := reload.Read(c.APITLSCert)
	var key []byte
	if err == nil {
		key, err = reload.Read(c.APITLSKey)
	}
	var cert *httpapi.Certificate
	if err == nil {
		cert, err = httpapi.NewCertificate(chain, key)
	}
	if err != nil {
		d.fail(APICertificate, "", "correct --api-tls-cert and --api-tls-key", "%s with %s cannot be used: %v", c.APITLSCert, c.APITLSKey, err)
		return
	}
	d.readableByOthers(APICertificate, c.APITLSKey)
	left := cert.NotAfter().Sub(c.now())
	name := d.missingName(chain, key)
	switch {
	case left < 0:
		d.fail(APICertificate, "", "replace the file, which is read again without a restart", "%s ended %s ago: clients refuse it", c.APITLSCert, days(-left))
	case left < trust.ExpiryWarning:
		d.warn(APICertificate, "", "replace the file, which is read again without a restart", "%s ends in %s", c.APITLSCert, days(left))
	case name != "":
		d.warn(APICertificate, "", "have it made for the names and addresses that clients use", "%s is not for %s: clients that use it refuse the connection", c.APITLSCert, name)
	default:
		d.ok(APICertificate, "", "%s is in order, and ends in %s", c.APITLSCert, days(left))
	}
}

// missingName is what clients may call the API by, where the certificate is for no such name at all; "" if it is for one.
func (d *examination) missingName(chain, key []byte) string {
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return ""
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return ""
	}
	names := append([]string{"localhost"}, d.cfg.AllowHosts...)
	for _, a := range d.cfg.APIAddrs {
		host, _, _ := net.SplitHostPort(a.Addr)
		if ip := net.ParseIP(host); ip.IsUnspecified() && (len(leaf.IPAddresses) > 0 || len(leaf.DNSNames) > 0) {
			return "" // reached by any name that leads here
		}
		names = append(names, host)
	}
	for _, n := range names {
		if leaf.VerifyHostname(n) == nil {
			return ""
		}
	}
	return strings.Join(names, ", ")
}

// apiKeys reads the file of API keys.
func (d *examination) apiKeys(context.Context) {
	file := d.cfg.APIKeysFile
	if file == "" {
		return
	}
	content, err := reload.Read(file)
	var ring *keys.Ring
	if err == nil {
		ring, err = keys.New(content)
	}
	if err != nil {
		d.fail(APIKeys, "", "", "%s cannot be used: %v", file, err)
		return
	}
	d.readableByOthers(APIKeys, file)
	d.ok(APIKeys, "", "%s has %s", file, plural(ring.Len(), "key"))
}

func (d *examination) readableByOthers(c Check, file string) {
	if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o077 != 0 {
		d.warn(c, "", fmt.Sprintf("chmod 600 %s, unless it is mounted by Kubernetes", file), "others than its owner may read %s (mode %v)", file, info.Mode().Perm())
	}
}

// expiry judges a certificate that is in force.
func (d *examination) expiry(c Check, what string, ends time.Time) {
	switch left := ends.Sub(d.cfg.now()); {
	case left < 0:
		d.fail(c, "", "replace the file; if that was done, see the sidecar's log for why it was not taken", "%s that the running sidecar goes by ended %s ago", what, days(-left))
	case left < trust.ExpiryWarning:
		d.warn(c, "", "replace the file, which is read again without a restart", "%s that the running sidecar goes by ends in %s", what, days(left))
	}
}
