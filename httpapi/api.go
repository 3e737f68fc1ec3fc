package httpapi

import (
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/gin-gonic/gin"
	"github.com/sidelock/sidelock/httpapi/keys"
)

// Config is what the API is made from. Only Node is required.
type Config struct {
	Node           Node
	Recorder       Recorder     // nil: nothing is counted
	Logger         *slog.Logger // nil: nothing is logged
	AllowHosts     []string     // names accepted in Host beside localhost and IP literals; exact, no port, no trailing dot
	MetricsHandler http.Handler // serves /metrics; nil: 404
	Keys           *keys.Ring   // who may call on Handler and SocketHandler; nil: whoever can
	Version        string       // of the program, for people
	// Draining says whether this sidecar is stopping: it then takes no new acquire, campaign or lease, while
	// renewals, releases and reads go on. nil: what Node.Status says.
	Draining func() bool
}

// API serves the calls of one sidecar. It is safe for concurrent use; its goroutines are those of its requests.
type API struct {
	node     Node
	recorder Recorder
	log      *slog.Logger
	metrics  http.Handler
	version  string
	draining func() bool
	guard    guard
	routes   []route
	nodeName []string // the Sidelock-Node header; also the default owner

	handler, socket, ops, admin *gin.Engine

	streams atomic.Int64 // open
}

// New makes an API. The name of the node is read once, here: it may change only over a restart.
func New(c Config) *API {
	a := &API{
		node: c.Node, recorder: c.Recorder, log: c.Logger, metrics: c.MetricsHandler, version: c.Version,
		draining: c.Draining, guard: newGuard(c.AllowHosts), routes: routes, nodeName: []string{c.Node.Status().Name},
	}
	if a.recorder == nil {
		a.recorder = noRecorder{}
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.draining == nil {
		a.draining = func() bool { return a.node.Status().Draining }
	}
	all := func(*route) bool { return true }
	a.handler = a.engine(all, door{check: a.guard.check, keys: c.Keys})
	a.socket = a.engine(all, door{check: sameOrigin, keys: c.Keys})
	a.admin = a.engine(all, door{check: sameOrigin, admin: true})
	a.ops = a.engine(func(r *route) bool { return r.is(ops) }, door{})
	return a
}

// Handler serves the whole API, to be put on the API listener.
func (a *API) Handler() http.Handler { return a.handler }

// SocketHandler is Handler for a Unix socket. Host is not looked at: no web page gets there under another name.
func (a *API) SocketHandler() http.Handler { return a.socket }

// AdminHandler serves the whole API, without keys, and takes administrators' calls: to be put on a Unix socket where only they come in. Host, which
// says nothing there, is not looked at.
func (a *API) AdminHandler() http.Handler { return a.admin }

// OpsHandler serves /livez, /readyz, /health/leader and /metrics alone, read-only and without a look at Host, for --ops-addr.
func (a *API) OpsHandler() http.Handler { return a.ops }

// Streams is how many streams are open.
func (a *API) Streams() int { return int(a.streams.Load()) }

// door is where a request came in.
type door struct {
	check func(*http.Request) *problem // before anything is read; nil: none
	keys  *keys.Ring                   // one of these is needed; nil: none
	admin bool                         // who comes in here is an administrator
}

func (a *API) engine(serves func(*route) bool, d door) *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	// With nil, gin trusts no X-Forwarded-* header; it cannot fail.
	_ = e.SetTrustedProxies(nil)
	e.ForwardedByClientIP = false
	e.HandleMethodNotAllowed = true
	e.RedirectTrailingSlash = false
	e.RedirectFixedPath = false
	// A slash or a NUL that was escaped is part of a name, which is then refused as such.
	e.UseRawPath = true
	e.UnescapePathValues = true
	for i := range a.routes {
		if r := &a.routes[i]; serves(r) {
			for _, m := range r.methods() {
				e.Handle(m, r.path, a.serve(r, d))
			}
		}
	}
	e.NoRoute(a.serve(&route{op: opOther, needs: anyKey, traits: lax, handle: (*call).notFound}, d))
	e.NoMethod(a.serve(&route{op: opOther, needs: anyKey, traits: lax, handle: (*call).methodNotAllowed}, d))
	return e
}

// NewServer wraps a handler in a server with the bounds of this package. It has no write timeout, because requests
// wait, and no read timeout, because that would end the wait; bodies and large answers have deadlines of their own.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	const slack = 4096 // net/http adds as much to what it is told
	s := &http.Server{
		Handler:                      h,
		ReadHeaderTimeout:            HeaderTimeout,
		IdleTimeout:                  IdleTimeout,
		MaxHeaderBytes:               MaxHeaderBytes - slack,
		DisableGeneralOptionsHandler: true,
		Protocols:                    new(http.Protocols),
		ConnContext:                  rememberConnection,
	}
	s.Protocols.SetHTTP1(true)
	if log != nil {
		s.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	}
	return s
}

// connectionAddr is where a request came from, for logs.
func connectionAddr(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}
