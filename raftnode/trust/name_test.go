package trust

import (
	"crypto/x509"
	"net/url"
	"strings"
	"testing"
)

func TestNamesInCertificates(t *testing.T) {
	for uris, want := range map[string]string{
		"sidelock://prod":                                "sidelock://prod",
		"sidelock://prod/web-0":                          "sidelock://prod/web-0",
		"sidelock://prod/rack/web-0":                     "sidelock://prod/rack/web-0",
		"sidelock://prod/rack%201":                       "sidelock://prod/rack 1",
		"spiffe://prod/ns/x sidelock://prod https://x.y": "sidelock://prod",
		"":                                    "0 sidelock clusters",
		"spiffe://prod":                       "0 sidelock clusters",
		"https://sidelock":                    "0 sidelock clusters",
		"sidelock://prod sidelock://other":    "2 sidelock clusters",
		"sidelock://prod/a sidelock://prod/b": "2 sidelock clusters",
		"sidelock://prod/":                    "malformed",
		"sidelock:///web-0":                   "malformed",
		"sidelock:prod":                       "malformed",
		"sidelock://user@prod":                "malformed",
		"sidelock://prod:5626":                "malformed",
		"sidelock://prod?x=1":                 "malformed",
		"sidelock://prod/a?":                  "malformed",
		"sidelock://prod#x":                   "malformed",
	} {
		c := &x509.Certificate{}
		for _, s := range strings.Fields(uris) {
			u, err := url.Parse(s)
			must(t, err)
			c.URIs = append(c.URIs, u)
		}
		got, err := nameIn(c)
		text := got.String()
		if err != nil {
			text = err.Error()
			if !strings.Contains(text, howToName) {
				t.Errorf("%q: no remedy in %v", uris, err)
			}
		}
		if err == nil && text != want || !strings.Contains(text, want) {
			t.Errorf("%q: %s, not %s", uris, text, want)
		}
	}
}

func TestWhatStrangersSayIsQuotedAndCut(t *testing.T) {
	got := quote("a\n\x1b[31m" + strings.Repeat("b", 1000))
	if strings.ContainsAny(got, "\n\x1b") || len(got) > 2*maxQuoted {
		t.Errorf("%s", got)
	}
}
