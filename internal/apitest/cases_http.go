package apitest

import "strings"

// The cases that are about HTTP rather than parameters.

func bodies() []Case {
	typed := func(name, contentType string) Case {
		return Case{Name: "type: " + name, Raw: request("POST", lockPath, "ttl=15s", contentType), Status: 415, Code: "unsupported_media_type"}
	}
	big := strings.Repeat("a", 64<<10)
	return []Case{
		typed("plain text", "Content-Type: text/plain"), typed("none", "X-Type: none"), typed("empty", "Content-Type:"), typed("multipart", "Content-Type: multipart/form-data; boundary=x"),
		typed("XML", "Content-Type: application/xml"), typed("octets", "Content-Type: application/octet-stream"), typed("a JSON dialect", "Content-Type: application/merge-patch+json"),
		typed("JSON text", "Content-Type: text/json"), typed("Latin-1", "Content-Type: application/x-www-form-urlencoded; charset=iso-8859-1"),
		typed("UTF-16", "Content-Type: application/json; charset=utf-16"), typed("malformed", "Content-Type: application/json;;"), typed("a list", "Content-Type: application/json, text/plain"),
		{Name: "type: two", Raw: request("POST", lockPath, "{}", jsonHeader, formHeader), Status: 415, Code: "unsupported_media_type"},
		{Name: "type: compressed", Raw: request("POST", lockPath, "{}", jsonHeader, "Content-Encoding: gzip"), Status: 415, Code: "unsupported_media_type"},
		{Name: "type: plain text of a read", Raw: request("GET", lockPath, "x", "Content-Type: text/plain"), Status: 415, Code: "unsupported_media_type"},
		{Name: "body over 64 KiB", Raw: form("POST", lockPath, "owner="+big), Status: 413, Code: "body_too_large"},
		{Name: "body over 64 KiB, announced only", Raw: request("POST", lockPath, "owner=a", formHeader, "Content-Length: 1000000000"), Status: 413, Code: "body_too_large"},
		{Name: "body over 64 KiB in chunks", Raw: request("POST", lockPath, chunk("owner="+big)+chunk(big)+chunk(""), formHeader, "Transfer-Encoding: chunked"), Status: 413, Code: "body_too_large"},
		{Name: "body over 64 KiB of a renewal", Raw: jsonBody("PUT", lockPath, `{"lease":"`+big+`"}`), Status: 413, Code: "body_too_large"},
		{Name: "body shorter than announced", Raw: request("POST", lockPath, "ttl=15s", formHeader, "Content-Length: 20"), Status: 400, Code: "invalid_request", Close: true},
		{Name: "body shorter than announced, JSON", Raw: request("POST", lockPath, `{"ttl":"15s"}`, jsonHeader, "Content-Length: 20"), Status: 400, Code: "invalid_request", Close: true},
		{Name: "body missing", Raw: request("POST", lockPath, "", formHeader, "Content-Length: 7"), Status: 400, Code: "invalid_request", Close: true},
		{Name: "chunks cut off", Raw: request("POST", lockPath, "7\r\nttl=1", formHeader, "Transfer-Encoding: chunked"), Status: 400, Code: "invalid_request", Close: true},
		{Name: "chunks without end", Raw: request("POST", lockPath, chunk("ttl=15s"), formHeader, "Transfer-Encoding: chunked"), Status: 400, Code: "invalid_request", Close: true},
		{Name: "chunk of nonsense", Raw: request("POST", lockPath, "zz\r\nttl=15s\r\n", formHeader, "Transfer-Encoding: chunked"), Status: 400, Code: "invalid_request"},
	}
}

func chunk(s string) string {
	const hex = "0123456789abcdef"
	n, digits := len(s), ""
	for n > 0 || digits == "" {
		digits = string(hex[n%16]) + digits
		n /= 16
	}
	return digits + "\r\n" + s + "\r\n"
}

func hosts() []Case {
	var cases []Case
	for _, host := range []string{
		"evil.example", "evil.example:5625", "localhost.", "localhost.:5625", "localhost.evil.example", "evil.localhost", "127.0.0.1.evil.example", "127.0.0.1.",
		"127.1", "0x7f000001", "2130706433", "localhost:x", "localhost:5625:5625", "[localhost]", "[::1].evil.example", "[127.0.0.1]", "", "localhost:123456",
	} {
		cases = append(cases,
			Case{Name: "host " + host, Raw: get(lockPath, "Host: "+host), Status: 403, Code: "host_not_allowed"})
	}
	return append(cases,
		Case{Name: "host of the metrics", Raw: get("/metrics", "Host: evil.example"), Status: 403, Code: "host_not_allowed"},
		Case{Name: "host of the index", Raw: get("/", "Host: evil.example"), Status: 403, Code: "host_not_allowed"},
		Case{Name: "host of an acquire", Raw: request("POST", lockPath, "ttl=15s", formHeader, "Host: evil.example"), Status: 403, Code: "host_not_allowed"},
		Case{Name: "host of no route", Raw: get("/nothing", "Host: evil.example"), Status: 403, Code: "host_not_allowed"},
		Case{Name: "no host, HTTP/1.0", Raw: "GET " + lockPath + " HTTP/1.0\r\n\r\n", Status: 403, Code: "host_not_allowed"},
		Case{Name: "no host, HTTP/1.1", Raw: "GET " + lockPath + " HTTP/1.1\r\n\r\n", Status: 400},
		Case{Name: "two hosts", Raw: get(lockPath, "Host: localhost", "Host: evil.example"), Status: 400},
		Case{Name: "another host in the request line", Raw: get("http://evil.example" + lockPath), Status: 403, Code: "host_not_allowed"},
		Case{Name: "forwarded host does not help", Raw: get(lockPath, "Host: evil.example", "X-Forwarded-Host: localhost", "Forwarded: host=localhost"), Status: 403, Code: "host_not_allowed"},
		Case{Name: "forwarded address does not help", Raw: get(lockPath, "Host: evil.example", "X-Forwarded-For: 127.0.0.1", "X-Real-Ip: 127.0.0.1"), Status: 403, Code: "host_not_allowed"},
	)
}

func origins() []Case {
	cross := func(name, raw string) Case {
		return Case{Name: "origin: " + name, Raw: raw, Status: 403, Code: "cross_origin"}
	}
	return []Case{
		cross("another site posts", request("POST", lockPath, "", "Sec-Fetch-Site: cross-site")),
		cross("another site reads", get(lockPath, "Sec-Fetch-Site: cross-site")),
		cross("another site lists", get("/v1/locks", "Sec-Fetch-Site: cross-site")),
		cross("another port reads", get(lockPath, "Sec-Fetch-Site: same-site")),
		cross("unknown relation", get(lockPath, "Sec-Fetch-Site: whatever")),
		cross("two relations", get(lockPath, "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site")),
		cross("old browser posts", request("POST", lockPath, "", "Origin: http://evil.example")),
		cross("old browser reads", get(lockPath, "Origin: http://evil.example")),
		cross("null origin", request("PUT", lockPath, "", "Origin: null")),
		cross("another port", request("DELETE", lockPath, "", "Host: localhost:5625", "Origin: http://localhost:3000")),
		cross("of the cluster", get("/v1/cluster", "Sec-Fetch-Site: cross-site")),
		cross("a preflight", request("OPTIONS", lockPath, "", "Origin: http://evil.example", "Access-Control-Request-Method: PUT")),
		cross("a post elsewhere", request("POST", "/livez", "", "Sec-Fetch-Site: cross-site")),
		cross("forwarded origin does not help", request("POST", lockPath, "", "Origin: http://evil.example", "X-Forwarded-Host: evil.example")),
	}
}

func paths() []Case {
	var cases []Case
	for _, path := range []string{
		"/v1", "/v1/", "/v2/locks/a", "/v1/lock/a", "/V1/locks/a", "/v1/Locks/a", "/v1/locks/", "/v1/locks/a/", "/v1//locks/a", "//v1/locks/a", "/v1/locks/a/b",
		"/v1/elections/", "/v1/leases/", "/favicon.ico", "/debug/pprof/", "/v1/cluster/", "/v1/cluster/members", "/v1/cluster/members/", "/../v1/locks/a", "/v1/locks/a/../b",
		"/v1/locks/a/holds", "/v1/locks/a/hold/b", "/v1/leases/a/history", "/v1/event", "/health/leader", "/health/leader/", "/health", "/ui/", "/ui/none", "/ui/index.html", "/ui/a/b",
	} {
		cases = append(cases, Case{Name: "path " + path, Raw: get(path), Status: 404, Code: "not_found"})
	}
	for _, call := range []string{
		"PATCH " + lockPath, "OPTIONS " + lockPath, "TRACE " + lockPath, "PURGE " + lockPath, "POST /v1/locks", "DELETE /v1/locks", "GET /v1/leases", "POST /v1/leases/" + strings.Repeat("a", 22),
		"PUT /v1/leases", "POST /v1/cluster", "DELETE /v1/cluster/leader", "GET /v1/cluster/members/n_a", "PUT /v1/cluster/members/n_a", "POST /livez", "PUT /metrics", "DELETE /", "get " + lockPath,
	} {
		cases = append(cases, methodNotAllowed(call))
	}
	return append(cases,
		Case{Name: "forced release", Raw: form("DELETE", lockPath+"?token=5&reason=stuck", ""), Status: 403, Code: "forbidden"},
		Case{Name: "forced release at once", Raw: form("DELETE", lockPath, "token=5&reason=stuck&immediate=true"), Status: 403, Code: "forbidden"},
		Case{Name: "forced resignation", Raw: jsonBody("DELETE", campPath, `{"token":5,"reason":"stuck","immediate":true}`), Status: 403, Code: "forbidden"},
		Case{Name: "removal of a member", Raw: request("DELETE", "/v1/cluster/members/n_nobody", ""), Status: 403, Code: "forbidden"},
		Case{Name: "removal of what is no ID", Raw: request("DELETE", "/v1/cluster/members/%00", ""), Status: 403, Code: "forbidden"},
		Case{Name: "removal with a parameter", Raw: form("DELETE", "/v1/cluster/members/n_nobody", "reason=gone"), Status: 400, Code: "invalid_request"},
		Case{Name: "HEAD is refused like GET", Raw: request("HEAD", "/v1/locks/-a", ""), Status: 400, Code: "not JSON: unexpected end of JSON input"},
	)
}

// methodNotAllowed is a call whose path has other methods.
func methodNotAllowed(call string) Case {
	method, path, _ := strings.Cut(call, " ")
	return Case{Name: "method " + call, Raw: request(method, path, ""), Status: 405, Code: "method_not_allowed"}
}

func rawHTTP() []Case {
	return []Case{
		{Name: "raw: not HTTP", Raw: "hello\r\n\r\n", Status: 400},
		{Name: "raw: a bad escape in the path", Raw: get("/v1/locks/%zz"), Status: 400},
		{Name: "raw: a control character in the path", Raw: get("/v1/locks/a\x01b"), Status: 400},
		{Name: "raw: a space in a header name", Raw: get(lockPath, "Sidelock Lease: x"), Status: 400},
		{Name: "raw: NUL in a header", Raw: get(lockPath, "Sidelock-Lease: a\x00b"), Status: 400},
		{Name: "raw: two lengths", Raw: request("POST", lockPath, "ttl=15s", formHeader, "Content-Length: 7", "Content-Length: 8"), Status: 400},
		{Name: "raw: a negative length", Raw: request("POST", lockPath, "ttl=15s", formHeader, "Content-Length: -7"), Status: 400},
		{Name: "raw: an unknown encoding", Raw: request("POST", lockPath, "ttl=15s", formHeader, "Transfer-Encoding: gzip"), Status: 501},
		{Name: "raw: headers over 16 KiB", Raw: get(lockPath, "X-Filler: "+strings.Repeat("x", 17<<10)), Status: 431},
		{Name: "raw: a request line over 16 KiB", Raw: get(lockPath + "?prefix=" + strings.Repeat("x", 17<<10)), Status: 431},
		{Name: "raw: an unknown expectation", Raw: get(lockPath, "Expect: miracles"), Status: 417},
		{Name: "raw: HTTP/3.0", Raw: "GET / HTTP/3.0\r\nHost: localhost\r\n\r\n", Status: 505},
	}
}

// accepted are the neighbours of bad input that must go on working.
func accepted() []Case {
	ok := func(name, raw string, status int) Case {
		return Case{Name: "accepted: " + name, Raw: raw, Status: status}
	}
	return []Case{
		ok("no body", request("POST", "/v1/locks/bad-input-ok-1", ""), 201),
		ok("an empty body of any type", request("POST", "/v1/locks/bad-input-ok-2", "", "Content-Type: text/plain", "Content-Length: 0"), 201),
		ok("an empty object", jsonBody("POST", "/v1/locks/bad-input-ok-3", "{}"), 201),
		ok("charset utf-8", request("POST", "/v1/locks/bad-input-ok-4", `{"ttl":"15s"}`, "Content-Type: application/json; charset=UTF-8"), 201),
		ok("empty pairs", form("POST", "/v1/locks/bad-input-ok-5", "&ttl=15s&"), 201),
		ok("white space around JSON", jsonBody("POST", "/v1/locks/bad-input-ok-6", "\n {\"ttl\" : \"1m30s\"} \n"), 201),
		ok("chunks", request("POST", "/v1/locks/bad-input-ok-7", chunk("ttl=")+chunk("15s")+chunk(""), formHeader, "Transfer-Encoding: chunked"), 201),
		ok("query, form and JSON names mixed", jsonBody("POST", "/v1/locks/bad-input-ok-8?ttl=15s&metadata.a=1", `{"owner":"web-0 é","limit":2,"metadata":{"b":"2"}}`), 201),
		ok("an escaped colon", request("POST", "/v1/locks/bad%3Ainput-ok-9", ""), 201),
		ok("128 characters", request("POST", "/v1/locks/bad-input-ok-10."+strings.Repeat("a", 109), ""), 201),
		ok("a campaign with an empty value", form("POST", "/v1/elections/bad-input-ok-11", "value="), 201),
		ok("IPv4 and a port", get("/v1/locks/bad-input-ok-12", "Host: 192.0.2.1:80"), 200),
		ok("IPv6", get("/v1/locks/bad-input-ok-12", "Host: [2001:db8::1]:5625"), 200),
		ok("IPv6 without port", get("/v1/locks/bad-input-ok-12", "Host: [::1]"), 200),
		ok("localhost in capitals", get("/v1/locks/bad-input-ok-12", "Host: LOCALHOST:5625"), 200),
		ok("an empty port", get("/v1/locks/bad-input-ok-12", "Host: localhost:"), 200),
		ok("same origin", get("/v1/locks/bad-input-ok-12", "Sec-Fetch-Site: same-origin"), 200),
		ok("typed into a browser", get("/v1/locks/bad-input-ok-12", "Sec-Fetch-Site: none"), 200),
		ok("old browser, same origin", get("/v1/locks/bad-input-ok-12", "Host: localhost:5625", "Origin: http://localhost:5625"), 200),
		ok("a link to the index", get("/", "Sec-Fetch-Site: cross-site"), 200),
		ok("a spoofed address is ignored", get("/v1/locks/bad-input-ok-12", "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Host: evil.example", "Forwarded: for=6.6.6.6"), 200),
		ok("HEAD", request("HEAD", "/v1/locks/bad-input-ok-12", ""), 200),
		ok("parameters in the body of GET", request("GET", "/v1/locks/bad-input-ok-12", "consistency=linearizable", formHeader), 200),
		ok("livez looks at no parameter", get("/livez?verbose=1"), 200),
	}
}
