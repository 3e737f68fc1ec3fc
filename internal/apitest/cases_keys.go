package apitest

import (
	"strings"
	"testing"

	"github.com/sidelock/sidelock/internal/openapicheck"
)

// The keys of KeysFile.
const (
	TeamKey   = "team-key-5c1d8e0f3a7b4926d1c8e5f2a9b3"    // reads and writes team-a and shared.config
	ReadKey   = "read-key-0a9b8c7d6e5f4a3b2c1d0e9f8a7b"    // reads team-a
	WriteKey  = "write-key-7e6d5c4b3a29180f7e6d5c4b3a29"   // writes team-a
	AdminKey  = "admin-key-c3d2e1f0a9b8c7d6e5f4a3b2c1d0"   // only administers, every name
	EveryKey  = "every-key-19283746556473829101928374655"  // everything
	hashedKey = "sum-key-aa00bb11cc22dd33ee44ff5566778899" // reads team-a; the file has its digest
	hashedSum = "689ac4892a0cc3bb3ccc8d971ed23ef848e773f6c655575bfeec40558d9a5298"
)

// KeysFile is the keys file that the cases of KeyCases are for.
const KeysFile = `keys:
  - {name: team, key: ` + TeamKey + `, verbs: [read, write], prefixes: [team-a, shared.config]}
  - {name: reader, key: ` + ReadKey + `, verbs: [read], prefixes: [team-a]}
  - {name: writer, key: ` + WriteKey + `, verbs: [write], prefixes: [team-a]}
  - {name: operator, key: ` + AdminKey + `, verbs: [admin], prefixes: ["*"]}
  - {name: everything, key: ` + EveryKey + `, verbs: [read, write, admin], prefixes: ["*"]}
  - {name: hashed, sha256: ` + hashedSum + `, verbs: [read], prefixes: [team-a]}
`

// Secrets are what no answer and no log may have.
func Secrets() []string {
	return []string{TeamKey, ReadKey, WriteKey, AdminKey, EveryKey, hashedKey, hashedSum, wrongKey}
}

const wrongKey = "wrong-key-ffeeddccbbaa99887766554433"

// KeyInput sends every case of KeyCases to a server that has KeysFile, over connections of dial.
func KeyInput(t *testing.T, dial Dial, check *openapicheck.Checker) {
	for _, c := range KeyCases() {
		t.Run(c.Name, func(t *testing.T) { run(t, dial, c, check) })
	}
}

func bearer(key string) string { return "Authorization: Bearer " + key }

// KeyCases returns the table of who may call what. None but the accepted acquires leaves anything behind.
func KeyCases() []Case {
	var all []Case
	for _, group := range [][]Case{openToAll(), withoutKey(), withAnotherKey(), lackingAVerb(), outOfReach(), withinReach(), beforeTheKey()} {
		all = append(all, group...)
	}
	return all
}

func openToAll() []Case {
	var cases []Case
	for _, target := range []string{"/", "/livez", "/readyz", "/readyz?quorum=1", "/openapi.yaml", "/ui", "/ui/app.js"} {
		cases = append(cases,
			Case{Name: "open: " + target, Raw: get(target), Status: 200},
			Case{Name: "open, with a wrong key: " + target, Raw: get(target, bearer(wrongKey)), Status: 200})
	}
	return cases
}

func withoutKey() []Case {
	var cases []Case
	for _, call := range []string{
		"GET /v1/locks/team-a", "POST /v1/locks/team-a", "PUT /v1/locks/team-a", "DELETE /v1/locks/team-a", "POST /v1/locks/team-a/hold", "GET /v1/locks/team-a/history", "GET /v1/locks",
		"POST /v1/leases", "GET /v1/leases/" + Secret, "PUT /v1/leases/" + Secret, "DELETE /v1/leases/" + Secret,
		"GET /v1/elections/team-a", "POST /v1/elections/team-a", "POST /v1/elections/team-a/hold", "GET /v1/elections", "GET /v1/events",
		"GET /v1/cluster", "GET /v1/cluster/leader", "DELETE /v1/cluster/members/n_nobody", "GET /metrics", "GET /health/leader/team-a", "GET /nothing", "PATCH /v1/locks/team-a", "GET /v1/locks/-a",
	} {
		method, target, _ := strings.Cut(call, " ")
		cases = append(cases, Case{Name: "no key: " + call, Raw: request(method, target, ""), Status: 401, Code: "unauthenticated"})
	}
	return append(cases,
		Case{Name: "no key: HEAD", Raw: request("HEAD", "/v1/locks/team-a", ""), Status: 401, Code: "not JSON: unexpected end of JSON input"},
		Case{Name: "no key: bad parameters are not looked at", Raw: form("POST", "/v1/locks/team-a", "ttl=nonsense"), Status: 401, Code: "unauthenticated"},
		Case{Name: "no key: a large body is not read", Raw: request("POST", "/v1/locks/team-a", "owner=a", formHeader, "Content-Length: 1000000000"), Status: 401, Code: "unauthenticated"},
		Case{Name: "no key: one in the query", Raw: get("/v1/locks/team-a?key=" + EveryKey), Status: 401, Code: "unauthenticated"},
		Case{Name: "no key: one in another header", Raw: get("/v1/locks/team-a", "X-Api-Key: "+EveryKey), Status: 401, Code: "unauthenticated"},
	)
}

func withAnotherKey() []Case {
	refused := func(name string, headers ...string) Case {
		return Case{Name: "wrong key: " + name, Raw: get("/v1/locks/team-a", headers...), Status: 401, Code: "unauthenticated"}
	}
	return []Case{
		refused("unknown", bearer(wrongKey)),
		refused("one letter more", bearer(TeamKey+"0")),
		refused("one letter less", bearer(TeamKey[:len(TeamKey)-1])),
		refused("other case", bearer(strings.ToUpper(TeamKey))),
		refused("the name of a key", bearer("team")),
		refused("the digest of a key", bearer(hashedSum)),
		refused("very long", bearer(strings.Repeat(TeamKey, 100))),
		refused("two of them", bearer(TeamKey+" "+EveryKey)),
		refused("two headers", bearer(TeamKey), bearer(EveryKey)),
		refused("an empty one", "Authorization: Bearer "),
		refused("only the word", "Authorization: Bearer"),
		refused("no header value", "Authorization:"),
		refused("without the word", "Authorization: "+TeamKey),
		refused("basic", "Authorization: Basic dGVhbTpwYXNzd29yZA=="),
		refused("another scheme", "Authorization: Token "+TeamKey),
		refused("in quotes", `Authorization: Bearer "`+TeamKey+`"`),
	}
}

func lackingAVerb() []Case {
	forbidden := func(who, key, method, target, body string) Case {
		return Case{Name: "verb: " + who + " " + method + " " + target, Raw: form(method, target, body, bearer(key)), Status: 403, Code: "forbidden"}
	}
	lease := "lease=" + Secret
	return []Case{
		forbidden("reader", ReadKey, "POST", "/v1/locks/team-a", ""), forbidden("reader", ReadKey, "PUT", "/v1/locks/team-a", lease),
		forbidden("reader", ReadKey, "DELETE", "/v1/locks/team-a", lease), forbidden("reader", ReadKey, "POST", "/v1/locks/team-a/hold", ""),
		forbidden("reader", ReadKey, "POST", "/v1/elections/team-a", ""), forbidden("reader", ReadKey, "PUT", "/v1/elections/team-a", lease),
		forbidden("reader", ReadKey, "POST", "/v1/leases", ""), forbidden("reader", ReadKey, "PUT", "/v1/leases/"+Secret, ""), forbidden("reader", ReadKey, "DELETE", "/v1/leases/"+Secret, ""),
		forbidden("hashed", hashedKey, "POST", "/v1/locks/team-a", ""),
		forbidden("writer", WriteKey, "GET", "/v1/locks/team-a", ""), forbidden("writer", WriteKey, "GET", "/v1/locks", ""), forbidden("writer", WriteKey, "GET", "/v1/events", ""),
		forbidden("writer", WriteKey, "GET", "/v1/elections/team-a/history", ""), forbidden("writer", WriteKey, "GET", "/v1/leases/"+Secret, ""),
		forbidden("writer", WriteKey, "GET", "/v1/cluster", ""), forbidden("writer", WriteKey, "GET", "/metrics", ""), forbidden("writer", WriteKey, "GET", "/health/leader/team-a", ""),
		forbidden("writer, by force,", WriteKey, "DELETE", "/v1/locks/team-a", "token=5&reason=stuck"),
		forbidden("team, by force,", TeamKey, "DELETE", "/v1/elections/team-a", "token=5&reason=stuck&immediate=true"),
		forbidden("operator", AdminKey, "GET", "/v1/locks/team-a", ""), forbidden("operator", AdminKey, "POST", "/v1/locks/team-a", ""), forbidden("operator", AdminKey, "GET", "/v1/cluster", ""),
		forbidden("reader", ReadKey, "DELETE", "/v1/cluster/members/n_nobody", ""), forbidden("team", TeamKey, "DELETE", "/v1/cluster/members/n_nobody", ""),
		forbidden("operator, by lease,", AdminKey, "DELETE", "/v1/locks/team-a", lease),
	}
}

func outOfReach() []Case {
	forbidden := func(key, method, target string) Case {
		return Case{Name: "reach: " + method + " " + target, Raw: form(method, target, "", bearer(key)), Status: 403, Code: "forbidden"}
	}
	return []Case{
		forbidden(TeamKey, "GET", "/v1/locks/team-b"), forbidden(TeamKey, "POST", "/v1/locks/team-b"), forbidden(TeamKey, "PUT", "/v1/locks/team-b"), forbidden(TeamKey, "DELETE", "/v1/locks/team-b"),
		forbidden(TeamKey, "GET", "/v1/locks/team-a-x"), forbidden(TeamKey, "GET", "/v1/locks/team-ab"), forbidden(TeamKey, "GET", "/v1/locks/team-a_"), forbidden(TeamKey, "GET", "/v1/locks/team"),
		forbidden(TeamKey, "GET", "/v1/locks/Team-a"), forbidden(TeamKey, "GET", "/v1/locks/shared"), forbidden(TeamKey, "GET", "/v1/locks/shared:config"), forbidden(TeamKey, "GET", "/v1/locks/x.team-a"),
		forbidden(TeamKey, "GET", "/v1/locks/team-b/history"), forbidden(TeamKey, "POST", "/v1/locks/team-b/hold"), forbidden(TeamKey, "GET", "/v1/elections/team-b"), forbidden(TeamKey, "POST", "/v1/elections/team-b"),
		forbidden(TeamKey, "GET", "/health/leader/team-b"), forbidden(TeamKey, "GET", "/v1/locks/-a"), forbidden(TeamKey, "GET", "/v1/locks/a%00b"),
		forbidden(TeamKey, "GET", "/v1/locks?prefix=team-b"), forbidden(TeamKey, "GET", "/v1/locks?prefix=team-a-"), forbidden(TeamKey, "GET", "/v1/elections?prefix=team-ab"),
		forbidden(TeamKey, "GET", "/v1/events?prefix=team-b"),
	}
}

func withinReach() []Case {
	ok := func(name, key, method, target, body string, status int) Case {
		return Case{Name: "may: " + name, Raw: form(method, target, body, bearer(key)), Status: status}
	}
	return []Case{
		ok("the name itself", TeamKey, "GET", "/v1/locks/team-a", "", 200), ok("below a dot", TeamKey, "GET", "/v1/locks/team-a.x", "", 200), ok("below a colon", TeamKey, "GET", "/v1/locks/team-a:x.y", "", 200),
		ok("an escaped dot", TeamKey, "GET", "/v1/locks/team-a%2Ex", "", 200), ok("another prefix", TeamKey, "GET", "/v1/elections/shared.config", "", 200),
		ok("acquire", TeamKey, "POST", "/v1/locks/team-a.key-ok-1", "ttl=15s", 201), ok("acquire, write alone", WriteKey, "POST", "/v1/locks/team-a.key-ok-2", "ttl=15s", 201),
		ok("campaign", TeamKey, "POST", "/v1/elections/team-a.key-ok-3", "value=x", 201), ok("a lease", WriteKey, "POST", "/v1/leases", "", 201),
		ok("a list", ReadKey, "GET", "/v1/locks", "", 200), ok("a list of fewer", ReadKey, "GET", "/v1/locks?prefix=team-a.x", "", 200), ok("a list of more", ReadKey, "GET", "/v1/elections?prefix=te", "", 200),
		ok("the group", ReadKey, "GET", "/v1/cluster", "", 200), ok("metrics", ReadKey, "GET", "/metrics", "", 200), ok("by digest", hashedKey, "GET", "/v1/locks/team-a", "", 200),
		ok("any name", EveryKey, "GET", "/v1/locks/whatever", "", 200), ok("acquire any name", EveryKey, "POST", "/v1/locks/key-ok-4", "", 201),
		{Name: "may: bearer in small letters", Raw: get("/v1/locks/team-a", "Authorization: bearer "+TeamKey), Status: 200},
		{Name: "may: more space", Raw: get("/v1/locks/team-a", "Authorization: BEARER   "+TeamKey+" "), Status: 200},
		{Name: "may: whether it leads", Raw: get("/health/leader/team-a", bearer(ReadKey)), Status: 503, Code: "not_leading"},
		{Name: "may: and asks for what is not there", Raw: get("/nothing", bearer(ReadKey)), Status: 404, Code: "not_found"},
		{Name: "may: and uses another method", Raw: request("PATCH", "/v1/locks/team-a", "", bearer(ReadKey)), Status: 405, Code: "method_not_allowed"},
		{Name: "may: and has a bad name", Raw: get("/v1/locks/-a", bearer(EveryKey)), Status: 400, Code: "invalid_name"},
		{Name: "may: and has a bad parameter", Raw: form("POST", "/v1/locks/team-a", "ttl=15", bearer(TeamKey)), Status: 400, Code: "invalid_ttl"},
		{Name: "may: and removes nobody", Raw: request("DELETE", "/v1/cluster/members/n_nobody", "", bearer(AdminKey)), Status: 404, Code: "no_such_member"},
		{Name: "may: and removes what is no ID", Raw: request("DELETE", "/v1/cluster/members/a%00b", "", bearer(EveryKey)), Status: 404, Code: "no_such_member"},
		{Name: "may: and forces without a reason", Raw: form("DELETE", "/v1/locks/team-a", "token=5", bearer(AdminKey)), Status: 400, Code: "invalid_reason"},
	}
}

// beforeTheKey is what no key helps against.
func beforeTheKey() []Case {
	return []Case{
		{Name: "first: host", Raw: get("/v1/locks/team-a", "Host: evil.example", bearer(EveryKey)), Status: 403, Code: "host_not_allowed"},
		{Name: "first: host, without a key", Raw: get("/v1/locks/team-a", "Host: evil.example"), Status: 403, Code: "host_not_allowed"},
		{Name: "first: origin", Raw: get("/v1/locks/team-a", "Origin: http://evil.example", bearer(EveryKey)), Status: 403, Code: "cross_origin"},
		{Name: "first: a preflight", Raw: request("OPTIONS", "/v1/locks/team-a", "", "Origin: http://evil.example", "Access-Control-Request-Headers: authorization"), Status: 403, Code: "cross_origin"},
		{Name: "first: NUL in the header", Raw: get("/v1/locks/team-a", "Authorization: Bearer a\x00b"), Status: 400},
	}
}
