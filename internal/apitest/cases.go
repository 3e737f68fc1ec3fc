package apitest

import (
	"fmt"
	"strings"
)

// Secret is the lease ID of the cases. It must not appear in any error but outcome_unknown.
const Secret = "Zm9yYmlkZGVuLXNlY3JldC1sZWFzZQ"

const (
	formHeader = "Content-Type: application/x-www-form-urlencoded"
	jsonHeader = "Content-Type: application/json"
	lockPath   = "/v1/locks/bad-input"
	campPath   = "/v1/elections/bad-input"
)

func form(method, path, body string, headers ...string) string {
	return request(method, path, body, append(headers, formHeader)...)
}
func jsonBody(method, path, body string) string { return request(method, path, body, jsonHeader) }
func get(target string, headers ...string) string {
	return request("GET", target, "", headers...)
}

// Cases returns the table. None of them leaves anything behind that a later case could see, but a few grants of locks
// of their own.
func Cases() []Case {
	var all []Case
	for _, group := range [][]Case{
		names(), durations(), numbers(), texts(), leases(), metadata(), places(), jsonSyntax(), jsonTypes(), querySyntax(),
		bodies(), hosts(), origins(), paths(), streams(), rawHTTP(), accepted(),
	} {
		all = append(all, group...)
	}
	return all
}

func names() []Case {
	var cases []Case
	for what, escaped := range map[string]string{
		"NUL": "a%00b", "only NUL": "%00", "space": "a%20b", "slash": "a%2Fb", "newline": "a%0A", "dot first": ".a", "dash first": "-a",
		"parent": "..", "escaped parent": "%2e%2e", "invalid UTF-8": "%ff%fe", "letter beyond ASCII": "caf%C3%A9", "plus": "a+b", "at": "a@b",
		"129 characters": strings.Repeat("a", 129), "percent": "a%25", "question mark": "a%3Fb", "right-to-left": "a%E2%80%AEb", "brackets": "a[0]",
	} {
		cases = append(cases, Case{Name: "name with " + what, Raw: get("/v1/locks/" + escaped), Status: 400, Code: "invalid_name"})
	}
	return append(cases,
		Case{Name: "name in an acquire", Raw: form("POST", "/v1/locks/a%00b", "ttl=15s"), Status: 400, Code: "invalid_name"},
		Case{Name: "name in a renewal", Raw: form("PUT", "/v1/locks/-a", "lease="+Secret), Status: 400, Code: "invalid_name"},
		Case{Name: "name in a release", Raw: form("DELETE", "/v1/locks/-a", "lease="+Secret), Status: 400, Code: "invalid_name"},
		Case{Name: "name in a campaign", Raw: form("POST", "/v1/elections/_a", "ttl=15s"), Status: 400, Code: "invalid_name"},
		Case{Name: "name of an election", Raw: get("/v1/elections/a%00b"), Status: 400, Code: "invalid_name"},
		Case{Name: "name of a lease", Raw: get("/v1/leases/short"), Status: 400, Code: "invalid_lease"},
		Case{Name: "name of a lease with NUL", Raw: request("PUT", "/v1/leases/"+Secret+"%00", ""), Status: 400, Code: "invalid_lease"},
		Case{Name: "name of a lease with a slash", Raw: request("DELETE", "/v1/leases/"+Secret+"%2F", ""), Status: 400, Code: "invalid_lease"},
	)
}

func durations() []Case {
	var cases []Case
	for _, bad := range []string{
		"15", "-5s", "-1ns", "0", "0s", "999ms", "24h1s", "1000000h", "9223372036854775808ns", "99999999999999999999s", "NaN", "inf", "1e3s",
		"", "+15s", "15+s", "s", "15 s", "15S", "fifteen", "1d", "0x10s", "15s;", "١٥s", "1m-30s", "15s%00",
	} {
		code := "invalid_ttl"
		if strings.HasSuffix(bad, ";") {
			code = "invalid_request" // a semicolon is refused before anybody looks at values
		}
		cases = append(cases, Case{Name: "ttl is " + bad, Raw: form("POST", lockPath, "ttl="+bad), Status: 400, Code: code})
	}
	for _, bad := range []string{"5", "-1s", "24h0m1s", "forever", "", "1.5", "null"} {
		cases = append(cases,
			Case{Name: "wait is " + bad, Raw: form("POST", lockPath, "wait="+bad), Status: 400, Code: "invalid_wait"},
			Case{Name: "min_hold is " + bad, Raw: form("POST", lockPath, "min_hold="+bad), Status: 400, Code: "invalid_min_hold"})
	}
	return append(cases,
		Case{Name: "ttl of a lease", Raw: form("POST", "/v1/leases", "ttl=1"), Status: 400, Code: "invalid_ttl"},
		Case{Name: "ttl of a campaign", Raw: form("POST", campPath, "ttl=25h"), Status: 400, Code: "invalid_ttl"},
		Case{Name: "ttl in the query string", Raw: request("POST", lockPath+"?ttl=-5s", ""), Status: 400, Code: "invalid_ttl"},
		Case{Name: "ttl is a number in JSON", Raw: jsonBody("POST", lockPath, `{"ttl":15}`), Status: 400, Code: "invalid_ttl"},
		Case{Name: "wait is a number in JSON", Raw: jsonBody("POST", lockPath, `{"wait":0}`), Status: 400, Code: "invalid_wait"},
		Case{Name: "ttl is negative in JSON", Raw: jsonBody("POST", lockPath, `{"ttl":"-15s"}`), Status: 400, Code: "invalid_ttl"},
	)
}

func numbers() []Case {
	var cases []Case
	for _, bad := range []string{"0", "-1", "10001", "1.0", "1e2", "01", "+1", " 1", "", "one", "0x1", "18446744073709551617", "4294967297"} {
		cases = append(cases, Case{Name: "limit is " + bad, Raw: form("POST", lockPath, "limit="+strings.ReplaceAll(bad, "+", "%2B")), Status: 400, Code: "invalid_limit"})
	}
	for _, bad := range []string{"0", "-1", "9007199254740992", "1.5", "1e3", "x", "", "99999999999999999999"} {
		cases = append(cases, Case{Name: "token is " + bad, Raw: get(lockPath + "?token=" + bad), Status: 400, Code: "invalid_token"})
	}
	for _, bad := range []string{"0", "1001", "-5", "all", ""} {
		cases = append(cases, Case{Name: "limit of a list is " + bad, Raw: get("/v1/locks?limit=" + bad), Status: 400, Code: "invalid_limit"})
	}
	return append(cases,
		Case{Name: "limit and mode", Raw: form("POST", lockPath, "limit=1&mode=exclusive"), Status: 400, Code: "invalid_limit"},
		Case{Name: "limit of an election list", Raw: get("/v1/elections?limit=1001"), Status: 400, Code: "invalid_limit"},
		Case{Name: "token of a release", Raw: form("DELETE", lockPath, "token=0&lease="+Secret), Status: 400, Code: "invalid_token"},
		Case{Name: "quorum is yes", Raw: get("/readyz?quorum=yes"), Status: 400, Code: "invalid_request"},
		Case{Name: "quorum is empty", Raw: get("/readyz?quorum="), Status: 400, Code: "invalid_request"},
	)
}

func texts() []Case {
	var cases []Case
	for what, escaped := range map[string]string{
		"empty": "", "NUL": "web%00", "newline": "web%0A0", "escape": "%1B[31m", "DEL": "web%7F", "257 bytes": strings.Repeat("o", 257),
		"129 letters of two bytes": strings.Repeat("%C3%A9", 129), "bidi override": "a%E2%80%AEb", "line separator": "a%E2%80%A8b", "C1 control": "a%C2%85",
	} {
		cases = append(cases, Case{Name: "owner: " + what, Raw: form("POST", lockPath, "owner="+escaped), Status: 400, Code: "invalid_owner"})
	}
	for _, bad := range []string{"", "Shared", "share", "exclusive+", "1"} {
		cases = append(cases, Case{Name: "mode is " + bad, Raw: form("POST", lockPath, "mode="+bad), Status: 400, Code: "invalid_mode"})
	}
	for _, bad := range []string{"", "Local", "stale", "eventual"} {
		cases = append(cases, Case{Name: "consistency is " + bad, Raw: get(lockPath + "?consistency=" + bad), Status: 400, Code: "invalid_consistency"})
	}
	return append(cases,
		Case{Name: "consistency of a lease", Raw: get("/v1/leases/" + Secret + "?consistency=no"), Status: 400, Code: "invalid_consistency"},
		Case{Name: "consistency of the cluster", Raw: get("/v1/cluster?consistency=linearizable"), Status: 400, Code: "invalid_consistency"},
		Case{Name: "value of 1025 bytes", Raw: form("POST", campPath, "value="+strings.Repeat("v", 1025)), Status: 400, Code: "invalid_value"},
		Case{Name: "value with a control character", Raw: form("POST", campPath, "value=a%07"), Status: 400, Code: "invalid_value"},
		Case{Name: "value of a renewal", Raw: form("PUT", campPath, "lease="+Secret+"&value=%00"), Status: 400, Code: "invalid_value"},
		Case{Name: "prefix with a star", Raw: get("/v1/locks?prefix=a*"), Status: 400, Code: "invalid_name"},
		Case{Name: "prefix too long", Raw: get("/v1/locks?prefix=" + strings.Repeat("a", 129)), Status: 400, Code: "invalid_name"},
		Case{Name: "after with NUL", Raw: get("/v1/elections?after=%00"), Status: 400, Code: "invalid_name"},
		Case{Name: "reason is empty", Raw: form("DELETE", lockPath, "token=5&reason="), Status: 400, Code: "invalid_reason"},
		Case{Name: "reason is too long", Raw: form("DELETE", lockPath, "token=5&reason="+strings.Repeat("r", 257)), Status: 400, Code: "invalid_reason"},
		Case{Name: "immediate is maybe", Raw: form("DELETE", lockPath, "token=5&reason=x&immediate=maybe"), Status: 400, Code: "invalid_request"},
	)
}

func leases() []Case {
	var cases []Case
	for what, id := range map[string]string{
		"empty": "", "21 characters": strings.Repeat("a", 21), "65 characters": strings.Repeat("a", 65), "dot": Secret + ".", "NUL": Secret + "%00",
		"space": Secret + "+", "beyond ASCII": Secret + "%C3%A9", "newline": Secret + "%0A",
	} {
		cases = append(cases, Case{Name: "lease: " + what, Raw: form("POST", lockPath, "lease="+id), Status: 400, Code: "invalid_lease"})
	}
	return append(cases,
		Case{Name: "lease missing in a renewal", Raw: request("PUT", lockPath, ""), Status: 400, Code: "invalid_lease"},
		Case{Name: "lease missing in a release", Raw: request("DELETE", lockPath, ""), Status: 400, Code: "invalid_lease"},
		Case{Name: "lease missing, token alone", Raw: form("DELETE", lockPath, "token=5"), Status: 400, Code: "invalid_lease"},
		Case{Name: "lease missing in a candidacy", Raw: request("PUT", campPath, ""), Status: 400, Code: "invalid_lease"},
		Case{Name: "lease missing in resigning", Raw: request("DELETE", campPath, ""), Status: 400, Code: "invalid_lease"},
		Case{Name: "lease header is short", Raw: request("PUT", lockPath, "", "Sidelock-Lease: abc"), Status: 400, Code: "invalid_lease"},
		Case{Name: "lease header is empty", Raw: request("PUT", lockPath, "", "Sidelock-Lease:"), Status: 400, Code: "invalid_lease"},
		Case{Name: "lease in header and query", Raw: request("PUT", lockPath+"?lease="+Secret, "", "Sidelock-Lease: "+Secret), Status: 400, Code: "invalid_request"},
		Case{Name: "lease in header and body", Raw: request("PUT", lockPath, "lease="+Secret, formHeader, "Sidelock-Lease: "+Secret), Status: 400, Code: "invalid_request"},
		Case{Name: "lease in header and JSON", Raw: request("PUT", lockPath, `{"lease":"`+Secret+`"}`, jsonHeader, "Sidelock-Lease: "+Secret), Status: 400, Code: "invalid_request"},
		Case{Name: "lease header twice", Raw: request("PUT", lockPath, "", "Sidelock-Lease: "+Secret, "Sidelock-Lease: "+Secret), Status: 400, Code: "invalid_request"},
		Case{Name: "lease header where none is taken", Raw: get(lockPath, "Sidelock-Lease: "+Secret), Status: 400, Code: "invalid_request"},
		Case{Name: "lease given to its own path", Raw: form("PUT", "/v1/leases/"+Secret, "lease="+Secret), Status: 400, Code: "invalid_request"},
		Case{Name: "lease and reason", Raw: form("DELETE", lockPath, "reason=why&lease="+Secret), Status: 400, Code: "invalid_request"},
	)
}

func metadata() []Case {
	big := fmt.Sprintf("metadata.k=%s", strings.Repeat("m", 4096))
	return []Case{
		{Name: "metadata without key", Raw: form("POST", lockPath, "metadata=x"), Status: 400, Code: "invalid_metadata"},
		{Name: "metadata with an empty key", Raw: form("POST", lockPath, "metadata.=x"), Status: 400, Code: "invalid_metadata"},
		{Name: "metadata key twice", Raw: form("POST", lockPath, "metadata.a=1&metadata.a=2"), Status: 400, Code: "invalid_request"},
		{Name: "metadata key in query and body", Raw: form("POST", lockPath+"?metadata.a=1", "metadata.a=2"), Status: 400, Code: "invalid_request"},
		{Name: "metadata key in query and JSON", Raw: jsonBody("POST", lockPath+"?metadata.a=1", `{"metadata":{"a":"2"}}`), Status: 400, Code: "invalid_request"},
		{Name: "metadata of 4097 bytes", Raw: form("POST", lockPath, big), Status: 400, Code: "invalid_metadata"},
		{Name: "metadata with a control character", Raw: form("POST", lockPath, "metadata.a=%01"), Status: 400, Code: "invalid_metadata"},
		{Name: "metadata key with NUL", Raw: form("POST", lockPath, "metadata.%00=x"), Status: 400, Code: "invalid_metadata"},
		{Name: "metadata is a string in JSON", Raw: jsonBody("POST", lockPath, `{"metadata":"x"}`), Status: 400, Code: "invalid_metadata"},
		{Name: "metadata is an array", Raw: jsonBody("POST", lockPath, `{"metadata":[]}`), Status: 400, Code: "invalid_metadata"},
		{Name: "metadata is null", Raw: jsonBody("POST", lockPath, `{"metadata":null}`), Status: 400, Code: "invalid_request"},
		{Name: "metadata of numbers", Raw: jsonBody("POST", lockPath, `{"metadata":{"a":1}}`), Status: 400, Code: "invalid_metadata"},
		{Name: "metadata of objects", Raw: jsonBody("POST", lockPath, `{"metadata":{"a":{}}}`), Status: 400, Code: "invalid_metadata"},
		{Name: "metadata of nulls", Raw: jsonBody("POST", lockPath, `{"metadata":{"a":null}}`), Status: 400, Code: "invalid_request"},
		{Name: "metadata key twice in JSON", Raw: jsonBody("POST", lockPath, `{"metadata":{"a":"1","a":"1"}}`), Status: 400, Code: "invalid_request"},
		{Name: "metadata twice in JSON", Raw: jsonBody("POST", lockPath, `{"metadata":{"a":"1"},"metadata":{"b":"1"}}`), Status: 400, Code: "invalid_request"},
		{Name: "metadata with a dot in JSON", Raw: jsonBody("POST", lockPath, `{"metadata.a":"1"}`), Status: 400, Code: "invalid_request"},
		{Name: "metadata where none is taken", Raw: form("PUT", lockPath, "metadata.a=1&lease="+Secret), Status: 400, Code: "invalid_request"},
	}
}

// places are parameters where they do not belong, twice, or misspelt.
func places() []Case {
	bad := func(name, raw string) Case { return Case{Name: name, Raw: raw, Status: 400, Code: "invalid_request"} }
	return []Case{
		bad("unknown in the form", form("POST", lockPath, "tll=15s")),
		bad("unknown in the query", request("POST", lockPath+"?tll=15s", "")),
		bad("unknown in JSON", jsonBody("POST", lockPath, `{"tll":"15s"}`)),
		bad("wrong case in the form", form("POST", lockPath, "TTL=15s")),
		bad("wrong case in the query", get(lockPath+"?Consistency=local")),
		bad("wrong case in JSON", jsonBody("POST", lockPath, `{"Ttl":"15s"}`)),
		bad("hyphen for underscore", form("POST", lockPath, "min-hold=1s")),
		bad("camel case", jsonBody("POST", lockPath, `{"minHold":"1s"}`)),
		bad("brackets", form("POST", lockPath, "ttl[]=15s")),
		bad("empty name", form("POST", lockPath, "=15s")),
		bad("empty name in JSON", jsonBody("POST", lockPath, `{"":"15s"}`)),
		bad("twice in the form", form("POST", lockPath, "ttl=15s&ttl=15s")),
		bad("twice in the query", request("POST", lockPath+"?ttl=15s&ttl=20s", "")),
		bad("twice in JSON", jsonBody("POST", lockPath, `{"ttl":"15s","ttl":"15s"}`)),
		bad("twice in JSON, once escaped", jsonBody("POST", lockPath, `{"ttl":"15s","\u0074tl":"15s"}`)),
		bad("query and form", form("POST", lockPath+"?ttl=15s", "ttl=15s")),
		bad("query and JSON", jsonBody("POST", lockPath+"?ttl=15s", `{"ttl":"15s"}`)),
		bad("limit twice", form("POST", lockPath+"?limit=1", "limit=1")),
		bad("ttl in a renewal", form("PUT", lockPath, "ttl=15s&lease="+Secret)),
		bad("value of a lock", form("POST", lockPath, "value=x")),
		bad("limit of an election", form("POST", campPath, "limit=2")),
		bad("wait of a campaign", form("POST", campPath, "wait=5s")),
		bad("consistency of an acquire", form("POST", lockPath, "consistency=local")),
		bad("wait of a read", get(lockPath+"?wait=5s")),
		bad("token of an election", get(campPath+"?token=5")),
		bad("owner in a read", get(lockPath+"?owner=me")),
		bad("unknown in a body of a read", request("GET", lockPath, "verbose=1", formHeader)),
		bad("unknown in a list", get("/v1/locks?sort=desc")),
		bad("unknown of the cluster", get("/v1/cluster?verbose=1")),
		bad("unknown of readyz", get("/readyz?verbose=1")),
		bad("prototype", jsonBody("POST", lockPath, `{"__proto__":{}}`)),
		bad("name in the body", jsonBody("POST", lockPath, `{"name":"bad-input"}`)),
	}
}

func jsonSyntax() []Case {
	var cases []Case
	for what, body := range map[string]string{
		"trailing garbage": `{"ttl":"15s"}x`, "trailing object": `{"ttl":"15s"}{}`, "trailing comma": `{"ttl":"15s",}`, "trailing bracket": `{"ttl":"15s"}}`,
		"two values in lines": "{\"ttl\":\"15s\"}\n{\"wait\":\"1s\"}", "cut in a string": `{"ttl":"15`, "cut after a key": `{"ttl":`, "cut in an object": `{"ttl":"15s"`,
		"an array": `[{"ttl":"15s"}]`, "a string": `"ttl=15s"`, "a number": `15`, "null": `null`, "true": `true`, "white space": "  \n", "single quotes": `{'ttl':'15s'}`,
		"no quotes": `{ttl:"15s"}`, "a comment": `{"ttl":"15s"/*why*/}`, "a byte order mark": "\xef\xbb\xbf{}", "a form": `ttl=15s`, "NaN": `{"limit":NaN}`,
		"a raw newline in a string": "{\"owner\":\"a\nb\"}", "a raw NUL": "{\"owner\":\"a\x00\"}", "a bad escape": `{"owner":"\x41"}`, "half a surrogate": `{"owner":"\ud800"}`,
		"invalid UTF-8 in an owner": "{\"owner\":\"web\xff\"}", "invalid UTF-8 in a key": "{\"own\xffer\":\"web\"}", "overlong UTF-8": "{\"owner\":\"\xc0\xaf\"}",
		"UTF-16": "\xff\xfe{\x00}\x00", "a leading zero": `{"limit":01}`, "a plus sign": `{"limit":+1}`, "deep nesting": `{"ttl":` + strings.Repeat("[", 20000),
		"null for a value": `{"ttl":null}`, "null for an owner": `{"owner":null}`, "null for a number": `{"limit":null}`,
	} {
		code := "invalid_request"
		switch what {
		case "deep nesting":
			code = "invalid_ttl" // an array is no duration, however deep it goes
		case "a leading zero":
			code = "invalid_limit" // read as a zero
		}
		cases = append(cases, Case{Name: "JSON: " + what, Raw: jsonBody("POST", lockPath, body), Status: 400, Code: code})
	}
	return cases
}

func jsonTypes() []Case {
	bad := func(body, code string) Case {
		return Case{Name: "JSON type: " + body, Raw: jsonBody("POST", lockPath, body), Status: 400, Code: code}
	}
	return []Case{
		bad(`{"limit":"1"}`, "invalid_limit"), bad(`{"limit":1.0}`, "invalid_limit"), bad(`{"limit":1e2}`, "invalid_limit"), bad(`{"limit":-1}`, "invalid_limit"),
		bad(`{"limit":-0}`, "invalid_limit"), bad(`{"limit":true}`, "invalid_limit"), bad(`{"limit":[1]}`, "invalid_limit"), bad(`{"limit":1e400}`, "invalid_limit"),
		bad(`{"ttl":true}`, "invalid_ttl"), bad(`{"ttl":{}}`, "invalid_ttl"), bad(`{"ttl":["15s"]}`, "invalid_ttl"), bad(`{"owner":5}`, "invalid_owner"),
		bad(`{"owner":["a"]}`, "invalid_owner"), bad(`{"owner":"\u0000"}`, "invalid_owner"), bad(`{"owner":""}`, "invalid_owner"), bad(`{"lease":1234567890123456789012}`, "invalid_lease"),
		bad(`{"mode":true}`, "invalid_mode"), bad(`{"min_hold":60}`, "invalid_min_hold"),
		{Name: "JSON type: token is a string", Raw: jsonBody("DELETE", lockPath, `{"token":"5","lease":"`+Secret+`"}`), Status: 400, Code: "invalid_token"},
		{Name: "JSON type: token beyond doubles", Raw: jsonBody("DELETE", lockPath, `{"token":9007199254740993,"lease":"`+Secret+`"}`), Status: 400, Code: "invalid_token"},
		{Name: "JSON type: immediate is a number", Raw: jsonBody("DELETE", lockPath, `{"token":5,"reason":"x","immediate":1}`), Status: 400, Code: "invalid_request"},
		{Name: "JSON type: value is a number", Raw: jsonBody("POST", campPath, `{"value":5}`), Status: 400, Code: "invalid_value"},
	}
}

func querySyntax() []Case {
	var cases []Case
	for _, body := range []string{
		"ttl=15s;wait=1s", "ttl=%", "ttl=1%5", "ttl=%zz", "%zz=1", "t%ttl=15s", "ttl", "wait&ttl=15s", "owner=%ff", "owner=%C3", "owner=%C0%AF", "owner=%ED%A0%80",
		"own%ff=x", "owner=a%", "a=1;b=2",
	} {
		cases = append(cases,
			Case{Name: "form: " + body, Raw: form("POST", lockPath, body), Status: 400, Code: "invalid_request"},
			Case{Name: "query: " + body, Raw: request("POST", lockPath+"?"+body, ""), Status: 400, Code: "invalid_request"})
	}
	return append(cases,
		Case{Name: "form: raw invalid UTF-8 in an owner", Raw: form("POST", lockPath, "owner=web\xff"), Status: 400, Code: "invalid_request"},
		Case{Name: "query: a second question mark", Raw: get(lockPath + "?consistency=local?"), Status: 400, Code: "invalid_consistency"},
	)
}
