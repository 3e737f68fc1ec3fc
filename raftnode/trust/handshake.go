package trust

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"github.com/sidelock/sidelock/raftnode/peer"
)

// protocol is negotiated in the handshake, so that a certificate which serves elsewhere too is of use between peer ports alone, and
// a port of something else is known for what it is.
const protocol = "sidelock/1"

// configure makes what crypto/tls needs of terms that are otherwise complete.
func (n *terms) configure() {
	n.server = &tls.Config{
		MinVersion:   tls.VersionTLS13,
		NextProtos:   []string{protocol},
		Certificates: []tls.Certificate{n.own},
		// The library's own check comes first for the sake of the alerts that it sends; check, below, is the stricter one.
		ClientAuth:       tls.RequireAndVerifyClientCert,
		ClientCAs:        n.roots,
		Time:             n.now,
		VerifyConnection: n.check,
		// A resumed connection would rest on a certificate that was checked under other terms.
		SessionTicketsDisabled: true,
	}
	n.client = &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{protocol},
		// Always the one that there is: left to choose by what the server asks for, the library might show none.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &n.own, nil },
		// The library can only compare names of hosts. Peers have none that would last; check does all that it skips.
		InsecureSkipVerify: true,
		VerifyConnection:   n.check,
	}
}

// check judges a connection in its handshake, on either side.
func (n *terms) check(cs tls.ConnectionState) error {
	if err := n.vet(cs.PeerCertificates); err != nil {
		return err
	}
	if cs.NegotiatedProtocol != protocol {
		return &refusal{"is in order, but it does not speak the protocol of peers: is it a sidelock peer port?"}
	}
	return nil
}

// conn is a connection whose handshake is done.
type conn struct {
	*tls.Conn
	bare  net.Conn
	under *terms // those of its handshake
	chain []*x509.Certificate
}

func (n *terms) finished(c *tls.Conn, bare net.Conn) *conn {
	return &conn{Conn: c, bare: bare, under: n, chain: c.ConnectionState().PeerCertificates}
}

// Close implements net.Conn. It closes without TLS's farewell, for which a peer that hangs could make it wait for seconds. What
// peers say has its length before it, so that they miss nothing when a connection ends early.
func (c *conn) Close() error { return c.bare.Close() }

// Server implements peer.Security.
func (t *Trust) Server(ctx context.Context, c net.Conn) (net.Conn, error) {
	n := t.inForce.Load()
	secured := tls.Server(c, n.server)
	err := secured.HandshakeContext(ctx)
	if err == nil {
		return n.finished(secured, c), nil
	}
	if e, ok := errors.AsType[tls.RecordHeaderError](err); ok && peer.IsPlain(e.RecordHeader[:]) {
		peer.RefusePlainly(c, "this node speaks TLS with its peers, and the caller plaintext: "+n.setUpAlike())
	} else if ctx.Err() == nil {
		peer.Linger(c) // the caller may have said its hello already, and has to hear the alert all the same
	}
	return nil, n.explainCaller(err)
}

// Client implements peer.Security.
func (t *Trust) Client(ctx context.Context, c net.Conn, addr string) (net.Conn, error) {
	n := t.inForce.Load()
	secured := tls.Client(c, n.client)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, n.explainPeer(addr, err)
	}
	return n.finished(secured, c), nil
}

// Valid implements peer.Security. This node's own certificate does not count: whether the one that it showed still holds is for
// the other side to say, which has been told of the change too, or will be.
func (t *Trust) Valid(c net.Conn) error {
	secured, ok := c.(*conn)
	if !ok {
		return errors.New("the connection was not secured: close it")
	}
	if err := t.inForce.Load().vet(secured.chain); err != nil {
		return fmt.Errorf("the connection's other side is not trusted any more: its certificate %w", err)
	}
	return nil
}

// Vouches implements peer.Security. The port closes the connections that it knows of after a change of terms, and asks this when it
// has come to know of one: so a connection made during a change is caught here or there.
func (t *Trust) Vouches(c net.Conn, h peer.Hello) error {
	secured, ok := c.(*conn)
	if !ok || secured.under != t.inForce.Load() {
		if err := t.Valid(c); err != nil {
			return err
		}
	}
	if secured.under.accepted != nil {
		return nil // by a secret, any name goes
	}
	of, err := nameIn(secured.chain[0])
	if err != nil {
		return fmt.Errorf("the certificate of node %s %w", quote(h.Name), err)
	}
	if of.node != "" && of.node != h.Name {
		return fmt.Errorf("the node that calls itself %s has a certificate for node %s: give it one of its own, or start it with --node %[2]s",
			quote(h.Name), quote(of.node))
	}
	return nil
}
