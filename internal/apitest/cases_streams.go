package apitest

// streams are the calls that answer with a stream, or wait for a change, and what belongs to them.
func streams() []Case {
	bad := func(name, raw, code string) Case {
		return Case{Name: "stream: " + name, Raw: raw, Status: 400, Code: code}
	}
	hold, campaignHold := lockPath+"/hold", campPath+"/hold"
	cases := []Case{
		bad("hold of an ill-formed name", form("POST", "/v1/locks/a%00b/hold", "ttl=15s"), "invalid_name"),
		bad("hold with a bare number", form("POST", hold, "ttl=15"), "invalid_ttl"),
		bad("hold with a negative wait", form("POST", hold, "wait=-1s"), "invalid_wait"),
		bad("hold with an empty wait", form("POST", hold, "wait="), "invalid_wait"),
		bad("hold with a short lease", form("POST", hold, "lease=abc"), "invalid_lease"),
		bad("hold with a value", form("POST", hold, "value=x"), "invalid_request"),
		bad("hold with a consistency", form("POST", hold, "consistency=local"), "invalid_request"),
		bad("hold with a parameter twice", form("POST", hold+"?ttl=15s", "ttl=15s"), "invalid_request"),
		bad("hold with limit and mode", form("POST", hold, "limit=2&mode=shared"), "invalid_limit"),
		bad("hold with a number in JSON", jsonBody("POST", hold, `{"ttl":15}`), "invalid_ttl"),
		bad("hold of an election with a limit", form("POST", campaignHold, "limit=2"), "invalid_request"),
		bad("hold of an election with a long value", form("POST", campaignHold, "value=a%07"), "invalid_value"),
		bad("hold of an ill-formed election", form("POST", "/v1/elections/-a/hold", ""), "invalid_name"),

		bad("wait without index", get(lockPath+"?wait=5s"), "invalid_request"),
		bad("wait without index, of an election", get(campPath+"?wait=5s"), "invalid_request"),
		bad("wait of a long poll without unit", get(lockPath+"?index=5&wait=5"), "invalid_wait"),
		bad("wait of a long poll beyond a day", get(campPath+"?index=5&wait=25h"), "invalid_wait"),
		bad("index of a list", get("/v1/locks?index=5"), "invalid_request"),
		bad("index of a lease", get("/v1/leases/"+Secret+"?index=5&wait=5s"), "invalid_request"),
		bad("index of a history", get(lockPath+"/history?index=5"), "invalid_request"),
		bad("wait in the renewal of a lock", form("PUT", lockPath, "wait=5s&lease="+Secret), "invalid_request"),
		bad("negative wait in the renewal of a candidacy", form("PUT", campPath, "wait=-5s&lease="+Secret), "invalid_wait"),

		bad("events of an unknown kind", get("/v1/events?kind=locks"), "invalid_request"),
		bad("events of an empty kind", get("/v1/events?kind="), "invalid_request"),
		bad("events with a prefix that is none", get("/v1/events?prefix=a*"), "invalid_name"),
		bad("events with a limit", get("/v1/events?limit=5"), "invalid_request"),
		bad("events with two last events", get("/v1/events", "Last-Event-ID: 1.1", "Last-Event-ID: 1.2"), "invalid_request"),

		bad("history of an ill-formed name", get("/v1/locks/-a/history"), "invalid_name"),
		bad("history of an ill-formed election", get("/v1/elections/-a/history"), "invalid_name"),
		bad("history at an unknown consistency", get(lockPath+"/history?consistency=stale"), "invalid_consistency"),
		bad("health of an ill-formed name", get("/health/leader/-a"), "invalid_name"),

		{Name: "stream: health of an election that nobody leads", Raw: get("/health/leader/bad-input"), Status: 503, Code: "not_leading"},
		{Name: "stream: health looks at no parameter", Raw: get("/health/leader/bad-input?verbose=1"), Status: 503, Code: "not_leading"},
		{Name: "stream: hold from another site", Raw: request("POST", hold, "", "Sec-Fetch-Site: cross-site"), Status: 403, Code: "cross_origin"},
		{Name: "stream: events to another site", Raw: get("/v1/events", "Sec-Fetch-Site: cross-site"), Status: 403, Code: "cross_origin"},
		{Name: "stream: events to another host", Raw: get("/v1/events", "Host: evil.example"), Status: 403, Code: "host_not_allowed"},
		{Name: "stream: hold of another type", Raw: request("POST", hold, "ttl=15s", "Content-Type: text/plain"), Status: 415, Code: "unsupported_media_type"},
	}
	for _, index := range []string{"-1", "1.5", "x", "", "+5", "01", "9007199254740992"} {
		cases = append(cases, bad("index is "+index, get(lockPath+"?index="+index), "invalid_request"))
	}
	for _, id := range []string{"", "5", "5.", ".1", "5.1.1", "05.1", "5.01", "-5.1", "x.y", "5.4294967296", "99999999999999999999.1"} {
		cases = append(cases,
			bad("events after "+id, get("/v1/events?after="+id), "invalid_request"),
			bad("events, last event "+id, get("/v1/events", "Last-Event-ID: "+id), "invalid_request"))
	}
	for _, call := range []string{"GET " + hold, "PUT " + hold, "DELETE " + campaignHold, "POST /v1/events", "POST " + lockPath + "/history", "POST /health/leader/a"} {
		cases = append(cases, methodNotAllowed(call))
	}
	return cases
}
