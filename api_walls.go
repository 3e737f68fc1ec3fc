package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"sync"
	"time"

	"github.com/sidelock/sidelock/cli"
	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/httpapi/keys"
	"github.com/sidelock/sidelock/raftnode/trust"
	"github.com/sidelock/sidelock/reload"
)

// walls are what stands between the API and its callers: the keys that it asks for and the certificate that it shows. Both are replaced
// when their files change.
type walls struct {
	log      *slog.Logger
	keys     *keys.Ring           // nil: none are asked for
	cert     *httpapi.Certificate // nil: no TLS is spoken
	certFile string

	mu     sync.Mutex
	broken map[string]error // by file: why what is in it now is not in force
}

// openWalls reads the files and watches them until ctx ends. It comes before anything is opened: a sidecar whose API nobody could
// be let into, or everybody, does not start.
func openWalls(ctx context.Context, cfg cli.ServeConfig, log *slog.Logger) (*walls, error) {
	w := &walls{log: log, certFile: cfg.APITLSCert, broken: map[string]error{}}
	if cfg.APIKeysFile != "" {
		err := w.follow(ctx, []string{cfg.APIKeysFile}, func() error { return w.loadKeys(cfg.APIKeysFile) })
		if err != nil {
			return nil, fmt.Errorf("--api-keys-file %s: %w", cfg.APIKeysFile, err)
		}
	}
	if cfg.APITLSCert != "" {
		err := w.follow(ctx, []string{cfg.APITLSCert, cfg.APITLSKey}, func() error { return w.loadCertificate(cfg.APITLSCert, cfg.APITLSKey) })
		if err != nil {
			return nil, fmt.Errorf("--api-tls-cert %s and --api-tls-key %s: %w", cfg.APITLSCert, cfg.APITLSKey, err)
		}
	}
	w.remind()
	go w.remindDaily(ctx)
	return w, nil
}

// follow loads files now, and again whenever they change. What was loaded before stays in force while they are broken.
func (w *walls) follow(ctx context.Context, files []string, load func() error) error {
	loaded := make(chan struct{})
	reload.Watch(ctx, 0, files, func() {
		select {
		case <-loaded:
		case <-ctx.Done():
			return
		}
		err := load()
		w.mu.Lock()
		w.broken[files[0]] = err
		w.mu.Unlock()
		if err == nil {
			w.log.Info("a file of the API was read again and is in force", "file", files[0])
			return
		}
		w.sayBroken(files[0], err)
	})
	if err := load(); err != nil {
		return err
	}
	close(loaded)
	return nil
}

func (w *walls) sayBroken(file string, err error) {
	w.log.Error("a file of the API cannot be used: what was in it before stays in force, and this node could not start again", "file", file, "err", err)
}

func (w *walls) loadKeys(file string) error {
	content, err := reload.Read(file)
	switch {
	case err != nil:
		return err
	case w.keys == nil:
		w.keys, err = keys.New(content)
		return err
	}
	return w.keys.Load(content)
}

func (w *walls) loadCertificate(chainFile, keyFile string) error {
	chain, err := reload.Read(chainFile)
	if err != nil {
		return err
	}
	key, err := reload.Read(keyFile)
	switch {
	case err != nil:
		return err
	case w.cert == nil:
		w.cert, err = httpapi.NewCertificate(chain, key)
		return err
	}
	return w.cert.Load(chain, key)
}

// secure speaks TLS on a listener, if there is a certificate.
func (w *walls) secure(l net.Listener) net.Listener {
	if w.cert == nil {
		return l
	}
	return w.cert.Secure(l, w.log)
}

// asked is how many keys there are, of which a caller needs one; 0: none is asked for.
func (w *walls) asked() int {
	if w.keys == nil {
		return 0
	}
	return w.keys.Len()
}

// Expiries lists the end of the API's certificate.
func (w *walls) Expiries() []trust.Expiry {
	if w.cert == nil {
		return nil
	}
	return []trust.Expiry{{Use: "api", File: w.certFile, NotAfter: w.cert.NotAfter()}}
}

func (w *walls) remindDaily(ctx context.Context) {
	ticker := time.NewTicker(24 * time.Hour)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		w.mu.Lock()
		broken := maps.Clone(w.broken)
		w.mu.Unlock()
		for file, err := range broken {
			if err != nil {
				w.sayBroken(file, err)
			}
		}
		w.remind()
	}
}

// remind warns of a certificate that ends soon.
func (w *walls) remind() {
	for _, e := range w.Expiries() {
		left := time.Until(e.NotAfter)
		switch at := e.NotAfter.UTC().Format(time.RFC3339); {
		case left < 0:
			w.log.Warn("the API's certificate has ended: clients refuse it; replace the file, which is read again without a restart", "file", e.File, "ended", at)
		case left < min(trust.ExpiryWarning, w.cert.Lifetime()/3):
			w.log.Warn("the API's certificate ends soon: replace the file, which is read again without a restart", "file", e.File, "ends", at)
		}
	}
}
