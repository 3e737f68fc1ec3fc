package httpapi

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestAllowedHostsAreExact(t *testing.T) {
	g := newGuard([]string{"locks.internal", "Sidecar"})
	for host, want := range map[string]bool{
		"locks.internal": true, "locks.internal:5625": true, "LOCKS.internal": true, "sidecar": true, "locks.internal.": false, "x.locks.internal": false,
		"locks.internal.evil.example": false, "localhost": true, "10.0.0.1": true, "[fe80::1%25eth0]": true, "::1": false, "1.2.3.4.5": false, "[::1": false, ":5625": false,
		"[::1]x": false, "[::1]:": true, "": false, "[]": false,
	} {
		if got := g.hostAllowed(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}

// The rule for unsafe methods is net/http's own; this holds ours against it.
func TestCrossOriginRuleIsThatOfNetHTTP(t *testing.T) {
	reference := http.NewCrossOriginProtection()
	for _, site := range []string{"", "same-origin", "none", "same-site", "cross-site", "x"} {
		for _, origin := range []string{"", "null", "http://localhost:5625", "https://localhost:5625", "http://evil.example", "://", "localhost:5625"} {
			for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "GET", "HEAD", "OPTIONS"} {
				r := httptest.NewRequest(method, "http://localhost:5625/metrics", nil)
				if site != "" {
					r.Header.Set("Sec-Fetch-Site", site)
				}
				if origin != "" {
					r.Header.Set("Origin", origin)
				}
				if got, want := crossOrigin(r), reference.Check(r) != nil; got != want {
					t.Errorf("%s, Sec-Fetch-Site %q, Origin %q: refused %v, net/http %v", method, site, origin, got, want)
				}
				r.Method = "POST"
				unsafe := reference.Check(r) != nil
				r.Method, r.URL.Path = method, "/v1/locks/a"
				if got := crossOrigin(r); got != unsafe {
					t.Errorf("%s on /v1, Sec-Fetch-Site %q, Origin %q: refused %v, want %v", method, site, origin, got, unsafe)
				}
			}
		}
	}
}
