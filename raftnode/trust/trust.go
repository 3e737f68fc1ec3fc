package trust

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sidelock/sidelock/raftnode/peer"
	"github.com/sidelock/sidelock/reload"
)

// Trust is what one node goes by. All methods are safe for concurrent use.
type Trust struct {
	load func() (*terms, error)
	what string // the source, for the log
	log  *slog.Logger
	now  func() time.Time

	inForce atomic.Pointer[terms]
	stop    context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex // one load at a time
	fault    error      // why the files as they are cannot be used
	onChange []func()
}

var _ peer.Security = (*Trust)(nil)

// terms are how this node shows who it is, and whom it lets in. They do not change once made.
type terms struct {
	source
	own    tls.Certificate // with its Leaf
	name   name            // in own; empty with a secret
	roots  *x509.CertPool
	now    func() time.Time // the time by which certificates are judged
	server *tls.Config
	client *tls.Config

	permissions []string // files that others than their owner may read
	expiries    []expiry
}

// source is what terms were made from, as messages speak of it.
type source struct {
	accepted []string // fingerprints of the secrets, the issuing one first; nil with certificates
	ca, cert string   // file names, with certificates
}

// Option changes how a Trust works.
type Option func(*options)

type options struct {
	every time.Duration
	now   func() time.Time
}

// PollEvery sets how often the files are looked at, in place of reload.Every.
func PollEvery(d time.Duration) Option { return func(o *options) { o.every = d } }

// FromSecret trusts whoever has a secret of the file, which this node needs too. Until Close, or until ctx ends, the file is read
// again when it changes.
func FromSecret(ctx context.Context, file string, log *slog.Logger, opts ...Option) (*Trust, error) {
	return open(ctx, "peer secret", []string{file}, log, opts, func(func() time.Time) (*terms, error) { return loadSecret(file) })
}

// FromCertificates trusts those of this node's cluster who have a certificate from a CA in the file ca. cert holds this node's own,
// and after it those between it and the CA; key its private key; all in PEM. Until Close, or until ctx ends, the files are read
// again when they change.
func FromCertificates(ctx context.Context, ca, cert, key string, log *slog.Logger, opts ...Option) (*Trust, error) {
	return open(ctx, "peer certificate", []string{ca, cert, key}, log, opts, func(now func() time.Time) (*terms, error) {
		return loadCertificates(ca, cert, key, now)
	})
}

func open(ctx context.Context, what string, files []string, log *slog.Logger, opts []Option, load func(func() time.Time) (*terms, error)) (*Trust, error) {
	o := options{every: reload.Every, now: time.Now}
	for _, set := range opts {
		set(&o)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(ctx)
	t := &Trust{what: what, log: log, now: o.now, stop: cancel}
	t.load = func() (*terms, error) { return load(o.now) }
	// Watched before they are read, so that nothing written in between is missed. Nobody is told yet: see reload.
	t.mu.Lock()
	watched := reload.Watch(ctx, o.every, files, t.reload)
	first, err := t.load()
	if err == nil {
		t.inForce.Store(first)
	}
	t.mu.Unlock()
	if err != nil {
		cancel()
		<-watched
		return nil, err
	}
	t.describe(first, "peer connections are encrypted, and both sides show who they are")
	t.remind()
	t.running.Go(func() { <-watched })
	t.running.Go(func() { t.remindDaily(ctx) })
	return t, nil
}

// Close stops looking at the files and waits for callbacks under way. What is in force stays in force.
func (t *Trust) Close() {
	t.stop()
	t.running.Wait()
}

// OnChange implements peer.Security. f is called from one goroutine, when the new terms are in force.
func (t *Trust) OnChange(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.onChange = append(t.onChange, f)
}

// reload puts the files' new content into force, or says why it cannot be used.
func (t *Trust) reload() {
	t.mu.Lock()
	before := t.inForce.Load()
	if before == nil { // the first load has failed
		t.mu.Unlock()
		return
	}
	next, err := t.load()
	if t.fault = err; err == nil {
		t.inForce.Store(next)
	}
	callbacks := slices.Clone(t.onChange)
	t.mu.Unlock()
	if err != nil {
		t.log.Error("the new "+t.what+" cannot be used: the old one stays in force until this process ends, and it could not start again", "err", err)
		return
	}
	t.describe(next, "the new "+t.what+" is in force")
	if before.name.cluster != next.name.cluster {
		t.log.Warn("this node's certificate is of another cluster now: it talks to that cluster's nodes alone", "was", before.name.cluster, "is", next.name.cluster)
	}
	for _, f := range callbacks {
		f()
	}
	t.remind()
}

// describe logs what is in force, so that people can compare it between nodes.
func (t *Trust) describe(n *terms, message string) {
	if n.accepted != nil {
		t.log.Info(message, "by", t.what, "issuing", n.accepted[0], "accepted", n.accepted)
	} else {
		t.log.Info(message, "by", t.what, "name", n.name.String(), "valid_until", stamp(n.own.Leaf.NotAfter))
	}
	for _, file := range n.permissions {
		t.log.Warn("others than its owner may read this file: that is usual for a file mounted by Kubernetes; elsewhere chmod 600 it", "file", file)
	}
}
