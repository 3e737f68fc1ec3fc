package metrics

import (
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Registry is where the instruments are registered and from which [Metrics.Handler]
// reads them; [prometheus.NewRegistry] makes one.
type Registry interface {
	prometheus.Registerer
	prometheus.Gatherer
}

var _ Registry = (*prometheus.Registry)(nil)

// BuildInfo says what is running: the labels of sidelock_build_info.
type BuildInfo struct {
	Version   string // of sidelock
	Commit    string // of its source
	GoVersion string // that built it
	Raft      string // version of the Raft library
}

// Metrics are the instruments of one sidecar. All methods may be called from
// any number of goroutines; none blocks, and none of those that record an event
// allocates once its label values have been seen.
type Metrics struct {
	registry Registry
	source   atomic.Pointer[Source]

	ops, codes, reasons, kinds map[string]struct{} // closed sets; read-only after New
	names                      names

	requests       *prometheus.CounterVec
	requestSeconds *prometheus.HistogramVec
	commitSeconds  prometheus.Histogram
	batchCommands  prometheus.Histogram
	fsyncSeconds   prometheus.Histogram
	leaderChanges  prometheus.Counter
	membership     *prometheus.CounterVec
	grants         *prometheus.CounterVec
	grantWait      prometheus.Histogram
	leasesEnded    *prometheus.CounterVec
	renewalMargin  prometheus.Histogram
	lateness       prometheus.Histogram
	jeopardy       prometheus.Counter
	namedGrants    *prometheus.CounterVec
	namedEnds      *prometheus.CounterVec
	namesLeftOut   prometheus.Counter
}

// New makes the instruments and registers them with reg, together with those of
// the Go runtime and of the process. ops and codes are the closed sets of label
// values for [Metrics.Request]; patterns say which names of locks and elections
// may be labels, each a name or the beginning of one and a *. It fails if reg
// already has a metric of the same name: one registry serves one sidecar.
func New(reg Registry, info BuildInfo, ops, codes, patterns []string) (*Metrics, error) {
	m := newInstruments(reg, ops, codes)
	m.names.patterns, m.names.admitted = patterns, m.beginName
	build := gauge("build_info", "What runs on this node; always 1.")
	build.ConstLabels = prometheus.Labels{
		"version": info.Version, "commit": info.Commit, "goversion": info.GoVersion, "raft": info.Raft,
	}
	all := []prometheus.Collector{
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(build, func() float64 { return 1 }),
		scrape{m},
		m.requests, m.requestSeconds, m.commitSeconds, m.batchCommands, m.fsyncSeconds,
		m.leaderChanges, m.membership, m.grants, m.grantWait, m.leasesEnded, m.renewalMargin, m.lateness, m.jeopardy,
		m.namedGrants, m.namedEnds, m.namesLeftOut,
	}
	var errs []error
	for _, c := range all {
		errs = append(errs, reg.Register(c))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("metrics: register (give each sidecar a registry of its own): %w", err)
	}
	m.initialise()
	return m, nil
}

// Watch makes src the source of the gauges from the next scrape on. Until the
// first call those series are absent rather than zero: a node that is still
// opening its storage does not know that there is no Raft leader.
func (m *Metrics) Watch(src Source) {
	m.source.Store(&src)
}

// Handler serves the registry in the text format, or in OpenMetrics if asked.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		// One collector that fails must not hide the rest in an incident; the
		// failure is counted in promhttp_metric_handler_errors_total.
		ErrorHandling:       promhttp.ContinueOnError,
		Registry:            m.registry,
		MaxRequestsInFlight: maxScrapes,
		EnableOpenMetrics:   true,
	})
}

// initialise makes the series of the closed sets exist at zero, so that a rate
// over the first event is not lost. Requests by op and code are left out: most
// pairs cannot happen, and a thousand zeros help nobody.
func (m *Metrics) initialise() {
	for op := range m.ops {
		m.requestSeconds.WithLabelValues(op)
	}
	for _, change := range MembershipChanges() {
		m.membership.WithLabelValues(change)
	}
	for _, kind := range Kinds() {
		m.grants.WithLabelValues(kind)
	}
	for reason := range m.reasons {
		m.leasesEnded.WithLabelValues(reason)
	}
}

// beginName makes the series of a name exist at zero, for the same reason.
func (m *Metrics) beginName(kind, name string) {
	m.namedGrants.WithLabelValues(kind, name)
	for reason := range m.reasons {
		m.namedEnds.WithLabelValues(kind, name, reason)
	}
}

// set returns values as a set to which Other always belongs.
func set(values []string) map[string]struct{} {
	s := map[string]struct{}{Other: {}}
	for _, v := range values {
		s[v] = struct{}{}
	}
	return s
}

// within returns v if the closed set has it, and Other if not.
func within(s map[string]struct{}, v string) string {
	if _, ok := s[v]; ok {
		return v
	}
	return Other
}
