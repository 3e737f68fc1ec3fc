package trust

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
	"syscall"

	"github.com/sidelock/sidelock/raftnode/peer"
)

// The alerts by which the other side says what it does not like (RFC 8446, section 6).
const (
	alertBadCertificate         = 42
	alertUnsupportedCertificate = 43
	alertCertificateExpired     = 45 // not yet valid, too
	alertCertificateUnknown     = 46
	alertUnknownCA              = 48
	alertCertificateRequired    = 116
	alertNoProtocol             = 120
)

// alertIn finds the alert in an error of a handshake, a read or a write. crypto/tls has a type of its own for it, and no name for
// that outside; it is a byte.
func alertIn(err error) (code uint64, ok bool) {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" {
		return 0, false
	}
	v := reflect.ValueOf(op.Err)
	if v.Kind() != reflect.Uint8 {
		return 0, false
	}
	return v.Uint(), true
}

// explainPeer puts a failed handshake with the peer at addr into words.
func (n *terms) explainPeer(addr string, err error) error {
	who := "peer " + addr
	if r, ok := errors.AsType[*refusal](err); ok {
		return fmt.Errorf("%s is not trusted: its certificate %w", who, r)
	}
	if code, ok := alertIn(err); ok {
		return n.explainAlert(who, code, err)
	}
	if e, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		switch first := string(e.RecordHeader[:]); {
		case peer.IsPlain(e.RecordHeader[:]):
			return fmt.Errorf("%s speaks plaintext, and this node TLS: %s", who, n.setUpAlike())
		case strings.HasPrefix(first, "HTTP"):
			return fmt.Errorf("%s answers in HTTP: it is no peer port; correct --join (peer ports are those of --peer-addr)", who)
		}
		return fmt.Errorf("%s does not answer in TLS: is it a sidelock peer port? %w", who, err)
	}
	switch {
	case late(err):
		return fmt.Errorf("%s did not finish the TLS handshake in time: it hangs, or is no sidelock peer port: %w", who, err)
	case closed(err):
		return fmt.Errorf("%s closed the connection during the TLS handshake: it is stopping, at its limit of connections, or no sidelock peer port: %w", who, err)
	}
	return fmt.Errorf("the TLS handshake with %s failed: is it a sidelock peer port? %w", who, err)
}

// explainCaller puts a failed handshake with a caller into words.
func (n *terms) explainCaller(err error) error {
	const who = "the caller"
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		// The library's check comes before ours, and its words are for others.
		if r := n.vet(e.UnverifiedCertificates); r != nil {
			err = r
		}
	}
	if r, ok := errors.AsType[*refusal](err); ok {
		return fmt.Errorf("%s is not trusted: its certificate %w", who, r)
	}
	if code, ok := alertIn(err); ok {
		return n.explainAlert(who, code, err)
	}
	if e, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		if peer.IsPlain(e.RecordHeader[:]) {
			return fmt.Errorf("%s speaks plaintext, and this node TLS: %s", who, n.setUpAlike())
		}
		return fmt.Errorf("%s does not speak TLS (its first bytes are %s): is it a sidelock node? This is the peer port, not the API",
			who, quote(string(e.RecordHeader[:])))
	}
	switch {
	case late(err):
		return fmt.Errorf("%s did not finish the TLS handshake in time: it hangs, or is no sidelock node: %w", who, err)
	case closed(err):
		return fmt.Errorf("%s closed the connection during the TLS handshake: it has stopped, or only tried the port: %w", who, err)
	}
	return fmt.Errorf("the TLS handshake with %s failed: is it a sidelock node, set up like this one? %w", who, err)
}

// Explain implements peer.Security.
func (t *Trust) Explain(c net.Conn, addr string, err error) error {
	n := t.inForce.Load()
	if secured, ok := c.(*conn); ok {
		n = secured.under
	}
	who := "peer " + addr
	if code, ok := alertIn(err); ok {
		return n.explainAlert(who, code, err)
	}
	if closed(err) {
		return fmt.Errorf("%s closed the connection before it answered the hello: it is stopping, or it refused this node's certificate, and then its log says why: %w", who, err)
	}
	return fmt.Errorf("%s gave no answer to the hello: %w", who, err)
}

// explainAlert puts into words what somebody's alert says about this node's certificate. It is one byte; what is behind it, where
// that is open, is in the log of whoever sent it.
func (n *terms) explainAlert(who string, code uint64, err error) error {
	own := n.own.Leaf
	switch code {
	case alertNoProtocol:
		return fmt.Errorf("%s speaks TLS, but not as a sidelock peer port does: it is another service's, or sidelock's API; correct --join (%w)", who, err)
	case alertBadCertificate, alertUnsupportedCertificate, alertCertificateExpired, alertCertificateUnknown, alertUnknownCA, alertCertificateRequired:
	default:
		return fmt.Errorf("%s broke off: its log says why (%w)", who, err)
	}
	if n.accepted != nil {
		return fmt.Errorf("%s refused this node's certificate, which comes from the secret %s: it has another secret, or goes by certificates; give both the same --peer-secret-file, and to replace a secret, %s (%w)",
			who, n.accepted[0], addFirst, err)
	}
	switch code {
	case alertUnknownCA:
		return fmt.Errorf("%s does not know the CA of this node's certificate in %s (issuer %s): add that CA to the file of --tls-ca there, or issue a certificate from one that it knows (%w)",
			who, n.cert, quote(own.Issuer.String()), err)
	case alertCertificateExpired:
		now := n.now()
		remedy := "correct the clock that is wrong, here or there, or replace the CA's; its log says which"
		if now.After(own.NotAfter) {
			remedy = "issue a new one; it is read without a restart"
		}
		return fmt.Errorf("%s finds this node's certificate in %s, or that of its CA, out of date: it is valid from %s to %s, and this clock says %s: %s (%w)",
			who, n.cert, stamp(own.NotBefore), stamp(own.NotAfter), stamp(now), remedy, err)
	}
	return fmt.Errorf("%s refused this node's certificate in %s (%s, issuer %s, valid until %s): to it, the certificate is of another cluster, from a CA that is not in its --tls-ca, or out of date; its log says which (%w)",
		who, n.cert, n.name, quote(own.Issuer.String()), stamp(own.NotAfter), err)
}

func late(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}
