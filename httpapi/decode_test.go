package httpapi

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/lease"
)

const allParams = params(1<<(pQuorum+1)-1) &^ (1 << pPage)

func decodeString(query, contentType, body string, allowed params) (values, *problem) {
	r := httptest.NewRequest(http.MethodPost, "/v1/locks/a", strings.NewReader(body))
	r.URL.RawQuery = query
	r.Header.Set("Content-Type", contentType)
	v := values{minTTL: time.Second}
	p := decode(r, []byte(body), allowed, &v)
	return v, p
}

func TestParametersMeanTheSameWhereverTheyStand(t *testing.T) {
	const asForm = "owner=web-0+%C3%A9&ttl=1m30s&wait=500ms&lease=0123456789012345678901&limit=3&min_hold=0&metadata.b=2&metadata.a=%3D%26&token=1763846400000042&value=http://x:1/"
	const asJSON = `{"owner":"web-0 é","ttl":"1m30s","wait":"500ms","lease":"0123456789012345678901","limit":3,"min_hold":"0",
		"metadata":{"b":"2","a":"=&"},"token":1763846400000042,"value":"http:\/\/x:1/"}`
	want := values{
		given: set(pOwner, pTTL, pWait, pLease, pLimit, pMinHold, pMetadata, pToken, pValue), owner: "web-0 é", ttl: 90 * time.Second,
		wait: 500 * time.Millisecond, lease: "0123456789012345678901", limit: 3, metadata: []lease.Pair{{Key: "a", Value: "=&"}, {Key: "b", Value: "2"}},
		token: 1763846400000042, value: "http://x:1/", minTTL: time.Second,
	}
	for name, in := range map[string][3]string{
		"query": {asForm, "", ""}, "form": {"", formType, asForm}, "JSON": {"", jsonType, asJSON},
		"JSON with charset": {"", "application/json;charset=\"utf-8\"", asJSON},
	} {
		got, p := decodeString(in[0], in[1], in[2], allParams)
		if p != nil {
			t.Errorf("%s: %+v", name, p)
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
		}
	}
}

func TestOffenderIsNamed(t *testing.T) {
	for _, tc := range []struct{ query, body, param, detail string }{
		{"tll=1s", "", "tll", `there is no parameter "tll"`},
		{"TTL=1s", "", "TTL", "it is written ttl"},
		{"ttl=15", "", "ttl", "15 needs a unit: 15s"},
		{"ttl=15s&ttl=15s", "", "ttl", "ttl is given twice"},
		{"ttl=15s", `{"ttl":"15s"}`, "ttl", "ttl is given twice"},
		{"", `{"ttl":null}`, "ttl", "ttl is null"},
		{"", `{"owner":"a` + "\xff" + `"}`, "", "owner"},
		{"", `{"ttl":15}`, "ttl", "string in JSON"},
		{"", `{"limit":"1"}`, "limit", "without quotes"},
		{"", `{"ttl":"15s"} x`, "", "goes on after"},
		{"wait", "", "wait", "wait=VALUE"},
		{"ttl=1s;wait=1s", "", "", "semicolon"},
		{"metadata.a=1&metadata.a=1", "", "metadata", "metadata.\"a\" is given twice"},
		{"limit=1&mode=shared", "", "limit", "not both"},
	} {
		_, p := decodeString(tc.query, jsonType, tc.body, allParams)
		if p == nil {
			t.Errorf("%s %s: accepted", tc.query, tc.body)
			continue
		}
		if p.param != tc.param || !strings.Contains(p.detail, tc.detail) {
			t.Errorf("%s %s: parameter %q, detail %q; want %q, %q", tc.query, tc.body, p.param, p.detail, tc.param, tc.detail)
		}
	}
}

func TestLeaseIDsAreNotRepeatedInErrors(t *testing.T) {
	const secret = "Zm9yYmlkZGVuLXNlY3JldA"
	for _, in := range [][2]string{
		{"lease=" + secret + "!", ""}, {"lease=" + secret + "&lease=" + secret, ""}, {"lease=" + secret, `{"lease":"` + secret + `"}`},
		{"", `{"lease":"` + secret + "\xff" + `"}`}, {"", `{"lease":"` + secret}, {"lease=" + secret + "%zz", ""}, {"lease=" + secret + ";", ""},
	} {
		_, p := decodeString(in[0], jsonType, in[1], allParams)
		if p == nil || strings.Contains(p.detail, secret) || strings.Contains(p.param, secret) {
			t.Errorf("%v: %+v", in, p)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("ttl=15s&owner=a", `{"limit":1,"metadata":{"a":"b"}}`, true)
	f.Add("metadata.a=%41&mode=shared", "ttl=1m&lease=0123456789012345678901", false)
	f.Add("a;b", `{"ttl":null}`, true)
	f.Fuzz(func(t *testing.T, query, body string, asJSON bool) {
		media := formType
		if asJSON {
			media = jsonType
		}
		v, p := decodeString(query, media, body, allParams)
		if p != nil {
			if _, ok := classes[p.code]; !ok || p.detail == "" {
				t.Fatalf("a refusal without code or detail: %+v", p)
			}
			return
		}
		// What was accepted is within its bounds, whatever was sent.
		if v.given.has(pTTL) && lease.ValidTTL(v.ttl, time.Second) != nil || v.wait < 0 || v.wait > lease.MaxWait ||
			v.given.has(pOwner) && lease.ValidOwner(v.owner) != nil || lease.ValidMetadata(v.metadata) != nil ||
			v.given.has(pLease) && lease.ValidLeaseID(v.lease) != nil || lease.ValidLimit(v.limit) != nil || v.token > MaxInteger {
			t.Fatalf("accepted: %+v", v)
		}
	})
}
