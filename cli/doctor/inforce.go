package doctor

import (
	"bufio"
	"context"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const expirySeries = "sidelock_certificate_expiry_timestamp_seconds"

// certificatesInForce asks the sidecar that runs here when the certificates end that it goes by, which need not be those of the files.
func (d *examination) certificatesInForce(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/metrics", nil)
	if err != nil {
		return
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", d.cfg.AdminSocket)
	}}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		d.warn(PeerTrust, "", "", "the metrics of the sidecar that runs here cannot be read: %v", err)
		return
	}
	defer resp.Body.Close()
	for use, ends := range expiries(io.LimitReader(resp.Body, maxMetrics)) {
		switch use {
		case "api":
			d.expiry(APICertificate, "the certificate of the API", ends)
		case "ca":
			d.expiry(PeerTrust, "the CA of the peers", ends)
		default:
			d.expiry(PeerTrust, "the certificate for peers", ends)
		}
	}
}

// expiries reads the ends of certificates, by use, from metrics in Prometheus's text format.
func expiries(metrics io.Reader) map[string]time.Time {
	ends := map[string]time.Time{}
	lines := bufio.NewScanner(metrics)
	for lines.Scan() {
		labels, ok := strings.CutPrefix(lines.Text(), expirySeries+`{use="`)
		if !ok {
			continue
		}
		use, value, _ := strings.Cut(labels, `"} `)
		seconds, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err == nil && math.Abs(seconds) < math.MaxInt32*1000 {
			ends[use] = time.Unix(int64(seconds), 0)
		}
	}
	return ends
}
