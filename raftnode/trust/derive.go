package trust

import (
	"crypto"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"time"
)

const (
	// derivation names what is derived, and how. Other nodes have to derive the same: it changes never, or the group falls apart.
	derivation = "sidelock peer CA 1"
	// secretOrganization marks the certificates that come from a secret, so that messages can tell them from others.
	secretOrganization = "sidelock peer secret"
)

// The certificates made from a secret hold at every time that a clock may show. They prove that their maker has the secret, which
// stays true until the secret is removed; no clock should be able to end it, and a machine that starts in 1970 is to be let in.
var (
	always       = time.Date(1970, time.January, 1, 0, 0, 0, 0, time.UTC)
	forever      = time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC) // "no end", by RFC 5280
	whateverTime = func() time.Time { return time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC) }
)

// derive makes terms from secrets: accept what comes from any of them, issue with the first.
func derive(secrets []string) (*terms, error) {
	n := &terms{roots: x509.NewCertPool(), now: whateverTime}
	for i, secret := range secrets {
		ca, key, err := deriveCA(secret)
		if err != nil {
			return nil, err
		}
		n.roots.AddCert(ca)
		n.accepted = append(n.accepted, ca.Subject.CommonName)
		if i == 0 {
			if n.own, err = issue(ca, key); err != nil {
				return nil, err
			}
		}
	}
	n.configure()
	return n, nil
}

// deriveCA gives the CA of a secret. Its name is its fingerprint: a digest of the public key, which every certificate that it
// signed gives away anyway.
func deriveCA(secret string) (*x509.Certificate, ed25519.PrivateKey, error) {
	seed, err := hkdf.Key(sha256.New, []byte(secret), nil, derivation, ed25519.SeedSize)
	if err != nil {
		return nil, nil, fmt.Errorf("derive the peer CA: %w", err)
	}
	key := ed25519.NewKeyFromSeed(seed)
	digest := sha256.Sum256(key.Public().(ed25519.PublicKey))
	ca, err := sign(&x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{Organization: []string{secretOrganization}, CommonName: hex.EncodeToString(digest[:4])},
		SubjectKeyId:          digest[:20],
		IsCA:                  true,
		MaxPathLenZero:        true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}, nil, key.Public(), key)
	return ca, key, err
}

// issue makes this process's own certificate, with a key that never leaves it.
func issue(ca *x509.Certificate, caKey ed25519.PrivateKey) (tls.Certificate, error) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make the peer key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make the peer certificate: %w", err)
	}
	leaf, err := sign(&x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{Organization: []string{secretOrganization}},
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, ca, public, caKey)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

// sign makes a certificate without end; parent nil: signed by itself.
func sign(template, parent *x509.Certificate, public crypto.PublicKey, key ed25519.PrivateKey) (*x509.Certificate, error) {
	template.NotBefore, template.NotAfter = always, forever
	if parent == nil {
		parent = template
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate from the peer secret: %w", err)
	}
	return x509.ParseCertificate(raw)
}
