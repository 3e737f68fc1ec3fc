package trust

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"github.com/sidelock/sidelock/reload"
)

// loadCertificates makes terms from certificates. It refuses a certificate of this node's that this node would not accept from
// another: the others would refuse it too, and here the message is at the right place.
func loadCertificates(caFile, certFile, keyFile string, now func() time.Time) (*terms, error) {
	n := &terms{source: source{ca: caFile, cert: certFile}, now: now, permissions: readableByOthers(keyFile)}
	if err := n.loadCAs(caFile); err != nil {
		return nil, err
	}
	if err := n.loadOwn(certFile, keyFile); err != nil {
		return nil, err
	}
	if err := n.vet(n.chain()); err != nil {
		return nil, fmt.Errorf("this node's certificate in %s would be refused by its peers: it %w", certFile, err)
	}
	n.configure()
	return n, nil
}

func (n *terms) loadCAs(file string) error {
	content, err := readPEM("--tls-ca", file)
	if err != nil {
		return err
	}
	n.roots = x509.NewCertPool()
	count := 0
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return fmt.Errorf("%s holds a private key: whoever has a CA's key can make himself a member; keep it away from the nodes, and let --tls-ca name certificates alone", file)
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return fmt.Errorf("%s (--tls-ca), certificate %d: %w", file, count+1, err)
		}
		if !c.BasicConstraintsValid || !c.IsCA {
			return fmt.Errorf("%s (--tls-ca), certificate %d (subject %s) is not that of a CA: it lacks basicConstraints CA:TRUE", file, count+1, quote(c.Subject.String()))
		}
		if count++; count > MaxCAs {
			return fmt.Errorf("%s (--tls-ca) holds more than %d CAs: name those alone that issue certificates to peers", file, MaxCAs)
		}
		n.roots.AddCert(c)
		n.expiries = append(n.expiries, expiryOf("ca", file, c))
	}
	if count == 0 {
		return fmt.Errorf("%s (--tls-ca) holds no certificate in PEM: put those of the CAs there", file)
	}
	return nil
}

func (n *terms) loadOwn(certFile, keyFile string) error {
	cert, err := readPEM("--tls-cert", certFile)
	if err != nil {
		return err
	}
	key, err := readPEM("--tls-key", keyFile)
	if err != nil {
		return err
	}
	for block, rest := pem.Decode(key); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
			return fmt.Errorf("%s (--tls-key) is encrypted, and nobody is there to enter its password: decrypt it with openssl pkey, and let only sidelock's user read it", keyFile)
		}
	}
	if n.own, err = tls.X509KeyPair(cert, key); err != nil {
		return fmt.Errorf("%s (--tls-cert) and %s (--tls-key) are no certificate with its private key: %w", certFile, keyFile, err)
	}
	for _, c := range n.chain() {
		n.expiries = append(n.expiries, expiryOf("peer", certFile, c))
	}
	if n.name, err = nameIn(n.own.Leaf); err != nil {
		return fmt.Errorf("this node's certificate in %s (--tls-cert) %w", certFile, err)
	}
	return nil
}

// chain is this node's certificate and those that it shows with it.
func (n *terms) chain() []*x509.Certificate {
	chain := []*x509.Certificate{n.own.Leaf}
	for _, raw := range n.own.Certificate[1:] {
		if c, err := x509.ParseCertificate(raw); err == nil { // a peer would not understand it either, and judges by the rest
			chain = append(chain, c)
		}
	}
	return chain
}

func readPEM(flag, file string) ([]byte, error) {
	content, err := reload.Read(file)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", flag, err)
	}
	if block, _ := pem.Decode(content); block == nil {
		return nil, fmt.Errorf("%s (%s) holds nothing in PEM, which would begin with -----BEGIN: if it is in DER, convert it with openssl", file, flag)
	}
	return content, nil
}
