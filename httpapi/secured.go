package httpapi

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// Certificate is what the API shows to its callers where it speaks TLS. It can be replaced while it is in use: connections that are
// open go on, later ones are shown the new one. It is safe for concurrent use.
type Certificate struct{ current atomic.Pointer[shown] }

type shown struct {
	pair     tls.Certificate
	notAfter time.Time
	lifetime time.Duration
}

// NewCertificate takes a chain of certificates, the API's own first, and its private key, both in PEM. One that has expired is taken, for a
// sidecar is more than its API; NotAfter tells.
func NewCertificate(chain, key []byte) (*Certificate, error) {
	s, err := newShown(chain, key)
	if err != nil {
		return nil, err
	}
	c := new(Certificate)
	c.current.Store(s)
	return c, nil
}

// Load replaces the certificate. After an error the one before stays: also where the new one has expired, and that one has not.
func (c *Certificate) Load(chain, key []byte) error {
	s, err := newShown(chain, key)
	if err != nil {
		return err
	}
	if now := time.Now(); now.After(s.notAfter) && now.Before(c.NotAfter()) {
		return fmt.Errorf("the certificate expired at %s", s.notAfter.UTC().Format(time.RFC3339))
	}
	c.current.Store(s)
	return nil
}

// NotAfter is when the first certificate of the chain in use expires.
func (c *Certificate) NotAfter() time.Time { return c.current.Load().notAfter }

// Lifetime is how long that certificate is valid in all.
func (c *Certificate) Lifetime() time.Duration { return c.current.Load().lifetime }

func newShown(chain, key []byte) (*shown, error) {
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, err
	}
	first := pair.Leaf
	for _, raw := range pair.Certificate[1:] {
		above, err := x509.ParseCertificate(raw)
		if err != nil {
			return nil, err
		}
		if above.NotAfter.Before(first.NotAfter) {
			first = above
		}
	}
	s := &shown{pair: pair, notAfter: first.NotAfter, lifetime: first.NotAfter.Sub(first.NotBefore)}
	use := pair.Leaf.ExtKeyUsage
	if len(use) > 0 && !slices.Contains(use, x509.ExtKeyUsageServerAuth) && !slices.Contains(use, x509.ExtKeyUsageAny) {
		return nil, errors.New("the certificate is not for servers: its extended key usage lacks serverAuth")
	}
	return s, nil
}

// config is that of a listener. HTTP/1.1 is all that is spoken: HTTP/2 would put many requests on one connection, and a hold ends when its
// client's connection does, which says of no single request that it was given up.
func (c *Certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return &c.current.Load().pair, nil
		},
	}
}

// Secure speaks TLS on the connections of a listener, which is one of Listen or Watch. Handshakes that fail are logged at debug.
func (c *Certificate) Secure(l net.Listener, log *slog.Logger) net.Listener {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return secureListener{l, c.config(), log}
}

type secureListener struct {
	net.Listener
	config *tls.Config
	log    *slog.Logger
}

func (l secureListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	under, ok := c.(*connection)
	if !ok {
		under = &connection{Conn: c}
	}
	under.tls = true
	return &secured{Conn: tls.Server(under, l.config), under: under, log: l.log}, nil
}

// secured is a connection on which TLS is spoken. A client that closes it says so in TLS before it closes the socket, and either is its
// close; so what is below remembers both. net/http would handshake by itself for a bare tls.Conn, and hide how that ends; here the first Read does,
// within the time for headers.
type secured struct {
	*tls.Conn
	under *connection
	log   *slog.Logger
}

func (s *secured) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	if err != nil {
		s.under.note(err)
		if !s.ConnectionState().HandshakeComplete {
			s.unmet(err)
		}
	}
	return n, err
}

func (s *secured) Write(b []byte) (int, error) {
	n, err := s.Conn.Write(b)
	s.under.note(err)
	return n, err
}

// unmet tells of a handshake that failed; and the client too, if it does not speak TLS at all.
func (s *secured) unmet(err error) {
	var record tls.RecordHeaderError
	if errors.As(err, &record) && record.Conn != nil && looksLikeHTTP(record.RecordHeader) {
		_, _ = record.Conn.Write(speakTLS())
		err = errors.New("the client sent plain HTTP")
	}
	s.log.Debug("a TLS handshake failed", "from", s.RemoteAddr().String(), "err", err)
}

// looksLikeHTTP knows the beginnings of requests.
func looksLikeHTTP(b [5]byte) bool {
	return slices.Contains([]string{"GET /", "HEAD ", "POST ", "PUT /", "DELET", "OPTIO"}, string(b[:]))
}

// speakTLS is the answer to plain HTTP.
func speakTLS() []byte {
	var e encoder
	p := problem{code: lease.InvalidRequest, detail: "this address speaks TLS: begin the URL with https://"}
	p.write(&e, classes[p.code])
	e.b = append(e.b, '\n')
	return append([]byte("HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\nCache-Control: no-store\r\nConnection: close\r\nContent-Length: "+
		strconv.Itoa(len(e.b))+"\r\n\r\n"), e.b...)
}
