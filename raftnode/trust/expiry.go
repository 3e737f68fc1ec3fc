package trust

import (
	"context"
	"crypto/x509"
	"time"
)

// Expiry tells when a certificate in force ends.
type Expiry struct {
	Use      string // "ca": of a CA that is accepted; "peer": this node's own, or one between it and its CA
	File     string
	NotAfter time.Time
}

type expiry struct {
	Expiry
	life time.Duration
}

func expiryOf(use, file string, c *x509.Certificate) expiry {
	return expiry{Expiry{use, file, c.NotAfter}, c.NotAfter.Sub(c.NotBefore)}
}

// Expiries lists the ends of the certificates in force, those of the CAs first; none with a secret, whose certificates do not end.
func (t *Trust) Expiries() []Expiry {
	var out []Expiry
	for _, e := range t.inForce.Load().expiries {
		out = append(out, e.Expiry)
	}
	return out
}

func (t *Trust) remindDaily(ctx context.Context) {
	ticker := time.NewTicker(remindEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		t.mu.Lock()
		fault := t.fault
		t.mu.Unlock()
		if fault != nil {
			t.log.Error("the new "+t.what+" still cannot be used: an old one is in force, and this node could not start again", "err", fault)
		}
		t.remind()
	}
}

// remind warns of certificates that end soon.
func (t *Trust) remind() {
	now := t.now()
	for _, e := range t.inForce.Load().expiries {
		left := e.NotAfter.Sub(now)
		at := stamp(e.NotAfter)
		switch {
		case left < 0:
			t.log.Warn("a certificate has ended: new connections are refused; replace the file, which is read again without a restart", "use", e.Use, "file", e.File, "ended", at)
		case left < min(ExpiryWarning, e.life/3):
			t.log.Warn("a certificate ends soon: replace the file, which is read again without a restart", "use", e.Use, "file", e.File, "ends", at, "days_left", int(left/(24*time.Hour)))
		}
	}
}
