package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/sidelock/sidelock/raftnode"
	"github.com/sidelock/sidelock/raftnode/peer"
)

// visit is what came of asking one of the others.
type visit struct {
	addr  string
	visit raftnode.Visit
	err   error
	trip  time.Duration // to the other and back, about

	back    *raftnode.DialledBack // what it found at this node's address; nil: it was not asked, or does not know how
	backErr error
}

// notMet says whether nobody was there to answer.
func (v *visit) notMet() bool {
	failed, ok := errors.AsType[*net.OpError](v.err)
	return ok && failed.Op == "dial"
}

// twinRemedy is for two processes, of which one is not to be, with one identity.
const twinRemedy = "one of the two directories is a copy, or was put back from a backup: stop one, and move its directory away"

// peers visits the others, and has them visit this node's address.
func (d *examination) peers(ctx context.Context) {
	if len(d.addresses) == 0 || d.security == nil {
		if d.security == nil && len(d.addresses) > 0 {
			d.warn(Peer, "", "mend the secret or the certificates first", "%s not visited", count(len(d.addresses), "peer was", "peers were"))
		}
		return
	}
	me, address := d.answering()
	d.visits = make([]visit, len(d.addresses))
	free := make(chan struct{}, peersAtOnce)
	var wg sync.WaitGroup
	for i, addr := range d.addresses {
		wg.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			d.visits[i] = d.visit(ctx, addr)
			if v := &d.visits[i]; v.err == nil && me != "" && v.visit.Hello.NodeID != d.ownID() {
				again := d.callBack(ctx, addr, v.visit.Hello.ClusterID, address)
				v.back, v.backErr = again.visit.DialBack, again.err
				v.trip = min(v.trip, again.trip)
			}
		})
	}
	wg.Wait()
	for i := range d.visits {
		d.reportVisit(&d.visits[i], me, address)
	}
}

// ownID is who this node is; "" if it is nobody yet.
func (d *examination) ownID() string {
	if d.running != nil {
		return d.running.Node.ID
	}
	return d.data.Identity.NodeID
}

// answering is the ID of who answers at this node's peer port, and where that is to be found: the sidecar that runs here, or, where the
// port is free, this program for as long as the examination lasts. "" if nobody does.
func (d *examination) answering() (id, address string) {
	if d.running != nil {
		return d.running.Node.ID, d.cfg.PeerAdvertise
	}
	if !d.peerFree {
		return "", ""
	}
	// Nobody's ID, and no cluster's: whoever wants the node that belongs here is told that it is not there yet.
	who := peer.Identity{NodeID: "doctor-" + rand.Text(), Name: d.cfg.Node}
	port, err := peer.Listen(peer.Config{Listen: d.cfg.PeerAddr, Security: d.security, Identity: func() peer.Identity { return who }})
	if err != nil {
		return "", "" // it was free a moment ago: somebody starts
	}
	d.open = append(d.open, func() { port.Close() })
	return who.NodeID, withPort(d.cfg.PeerAdvertise, port.Addr())
}

// withPort puts the port in that the system chose, where it was to choose.
func withPort(advertise string, bound net.Addr) string {
	host, port, err := net.SplitHostPort(advertise)
	if _, chosen, bad := net.SplitHostPort(bound.String()); err == nil && bad == nil && port == "0" {
		return net.JoinHostPort(host, chosen)
	}
	return advertise
}

// visit asks one of the others, as nobody of any cluster.
func (d *examination) visit(ctx context.Context, addr string) visit {
	return d.ask(ctx, addr, peer.Identity{Name: d.cfg.Node}, false)
}

// callBack asks one of the others to dial this node's address. Where no certificate shows who asks, the other wants to be of one
// cluster with him. It is no secret, and no node's ID goes with it, so that nothing is remembered.
func (d *examination) callBack(ctx context.Context, addr, cluster, advertise string) visit {
	return d.ask(ctx, addr, peer.Identity{Name: d.cfg.Node, ClusterID: cluster, Address: advertise}, true)
}

func (d *examination) ask(ctx context.Context, addr string, who peer.Identity, dialBack bool) visit {
	v := visit{addr: addr}
	way := &outgoing{}
	port, err := peer.Listen(peer.Config{Network: way, Security: d.security, Identity: func() peer.Identity { return who }})
	if err != nil {
		v.err = err
		return v
	}
	defer port.Close()
	v.visit, v.err = raftnode.Ask(ctx, port, addr, dialBack)
	v.trip = way.took
	return v
}

// outgoing is the network of a port at which nobody listens. It measures how long the other takes to answer.
type outgoing struct {
	peer.TCP
	took time.Duration
}

var _ peer.Network = (*outgoing)(nil)

// Dial implements peer.Network. A connection is there after one way to the other and one back.
func (o *outgoing) Dial(ctx context.Context, addr string) (net.Conn, error) {
	if host, port, err := net.SplitHostPort(addr); err == nil && net.ParseIP(host) == nil { // to look a name up is not the other's time
		if ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host); err == nil && len(ips) == 1 {
			addr = net.JoinHostPort(ips[0].Unmap().String(), port)
		}
	}
	began := time.Now()
	c, err := o.TCP.Dial(ctx, addr)
	o.took = time.Since(began)
	return c, err
}

// Listen implements peer.Network.
func (o *outgoing) Listen(string) (net.Listener, error) {
	return &nobody{closed: make(chan struct{})}, nil
}

// nobody is a listener to which nobody comes.
type nobody struct {
	closed chan struct{}
	once   sync.Once
}

// Accept implements net.Listener.
func (s *nobody) Accept() (net.Conn, error) {
	<-s.closed
	return nil, net.ErrClosed
}

// Close implements net.Listener.
func (s *nobody) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// Addr implements net.Listener.
func (s *nobody) Addr() net.Addr { return &net.TCPAddr{} }

// reportVisit says what came of a visit, and of the one in return.
func (d *examination) reportVisit(v *visit, me, address string) {
	h := v.visit.Hello
	refused, isRefusal := errors.AsType[*peer.HelloError](v.err)
	switch {
	case h.NodeID == me && me != "", h.NodeID == d.ownID() && h.NodeID != "" && d.occupied():
		d.ok(Peer, v.addr, "this is this node itself")
		return
	case h.NodeID == d.ownID() && h.NodeID != "":
		d.fail(Peer, v.addr, twinRemedy, "another process with this directory's identity (%s, %s) runs there: a twin", h.Name, h.NodeID)
		return
	case isRefusal:
		d.fail(Peer, v.addr, "", "it refuses this node: %s (%s)", refused.Message, refused.Code)
		return
	case v.err != nil:
		do := "" // trust and the hello say themselves what to do
		if v.notMet() {
			do = "start the sidecar there, open its peer port in firewalls, or correct --join"
		}
		d.fail(Peer, v.addr, do, "%v", v.err)
		return
	}
	d.ok(Peer, v.addr, "%s (%s, %s, release %s) answers", h.Name, h.NodeID, phase(v.visit), h.About.Release)
	subject := h.Name + " to " + address
	switch back := v.back; {
	case me == "":
	case v.backErr != nil:
		d.warn(WayBack, subject, "", "whether it reaches this node is not known: %v", v.backErr)
	case back == nil:
		d.warn(WayBack, subject, "upgrade it", "whether it reaches this node is not known: release %s cannot be asked", h.About.Release)
	case back.Declined != "":
		d.warn(WayBack, subject, "", "whether it reaches this node is not known, for it did not try: %s", back.Declined)
	case back.Error != "":
		d.fail(WayBack, subject, "set --peer-advertise to an address of this node that the others reach, and open its port in firewalls", "%s cannot reach this node: %s", h.Name, back.Error)
	case back.NodeID != me:
		d.fail(WayBack, subject, "correct --peer-advertise", "what %s reaches there is another node, %s (%s)", h.Name, back.Name, back.NodeID)
	default:
		d.ok(WayBack, subject, "%s reaches this node", h.Name)
	}
}
