package mutants

// In who may call.
var wallBugs = []mutant{
	{"wall: a prefix matches in the middle of a word", "httpapi/keys/key.go", "return ok && (rest == \"\" || strings.IndexByte(delimiters, rest[0]) >= 0)", "return ok && (rest == \"\" || rest != \"\")", "./httpapi/keys", "."},
	{"wall: a broken keys file is half taken", "httpapi/keys/file.go", "		keys = append(keys, k)\n	}\n	return keys, f.err()", "		keys = append(keys, k)\n	}\n	return keys, nil", "./httpapi/keys", "."},
	{"wall: a removed key goes on in what is open", "httpapi/keys/ring.go", "			old.end()\n", "			_ = old.end\n", "./httpapi/keys", "."},
	{"wall: errors of YAML are repeated with the key in them", "httpapi/keys/faults.go", "if !strings.ContainsAny(text, \"'\\\"`\") {", "if text != \"\" {", "./httpapi/keys", "."},
	{"wall: names are not looked at", "httpapi/authorise.go", "given && !q.key.Reaches(name) {", "given && !q.key.Reaches(name) && false {", "./httpapi", "WhoMay"},
	{"wall: every verb will do", "httpapi/authorise.go", "if p := q.lacks(q.route.needs); p != nil {", "if p := q.lacks(anyKey); p != nil {", "./httpapi", "WhoMay"},
	{"wall: an administrator's key releases by lease", "httpapi/place.go", "	if p := q.lacks(write); p != nil {", "	if p := q.lacks(write | admin); p != nil {", "./httpapi", "WhoMay"},
	{"wall: a refusal logs the header", "httpapi/authorise.go", "\"refused: the API key is not known\", \"op\", q.route.op,", "\"refused: the API key is not known\", \"op\", q.route.op, \"sent\", sent,", "./httpapi", "WhoMay"},
	{"wall: lists show all", "httpapi/list.go", "	if len(spans) == 1 && !spans[0].One {", "	if len(spans) > 0 {", "./httpapi", "ListsShow"},
	{"wall: events tell all", "httpapi/events.go", "if s.q.sees(d.Events[i].Event.Name) {", "if s.q.sees(d.Events[i].Event.Name) || true {", "./httpapi", "EventsTell"},
	{"wall: a stream whose key sees nothing falls silent", "httpapi/events.go", "quiet = len(s.q.out.b) == 0 && time", "quiet = len(s.q.out.b) < 0 && time", "./httpapi", "EventStreamLives"},
	{"wall: a removed key's hold is released", "httpapi/hold.go", "			return false // as in a drain", "			return true // as in a drain", "./httpapi", "RemovedKey"},
	{"wall: a removed key's grant is promised", "httpapi/call.go", "	if q.v.wait > 0 && q.keyGone() {\n		return out", "	if q.v.wait < 0 && q.keyGone() {\n		return out", "./httpapi", "RemovedKey"},
	{"wall: a close within TLS is not the client's", "httpapi/secured.go", "		s.under.note(err)\n		if !s", "		if !s", "./httpapi", "ThroughTLS"},
	{"wall: what TLS has left unread hides the close", "httpapi/connection.go", "	if !c.tls {\n", "	if !c.tls || c.tls {\n", "./httpapi", "ThroughTLS"},
	{"wall: HTTP/2 is spoken", "httpapi/secured.go", "NextProtos: []string{\"http/1.1\"}", "NextProtos: []string{\"h2\", \"http/1.1\"}", "./httpapi", "OnlyHTTP1"},
	{"wall: an expired certificate takes the place of a good one", "httpapi/secured.go", "if now := time.Now(); now.After(s.notAfter) &&", "if now := time.Now(); now.Before(s.notAfter) && now.After(s.notAfter) &&", "./httpapi", "BrokenCertificate"},
	{"wall: the client remembers a key that its file no longer has", "client/access.go", "		c.key = func() (string, error) { return readKey(path) }\n", "		first, err := readKey(path)\n		c.key = func() (string, error) { return first, err }\n", "./client", "KeyFile"},
}
