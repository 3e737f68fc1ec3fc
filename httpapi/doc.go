// Package httpapi is the HTTP face of a sidecar: routes, strict decoding, errors, and who may call at all.
//
// It decides nothing about locks. A call goes the same way each time, and each station is one file:
//
//	routes.go    the route table: method, path, name for metrics, parameters, handler
//	guard.go     Host allow-list and refusal of cross-origin requests, before anything is read
//	authorise.go whose key it is and what that may do, where there are keys (package keys); still before anything is read
//	body.go      the body, bounded in size and time
//	decode*.go   query string, form, JSON and header, as one list of parameters; anything doubtful is a 400
//	params.go    what each parameter is and which values it may have
//	call.go      one request from admission to answer; what a failure means
//	locks.go …   the handlers: parameters to a lease.Command or lease.Query, through Node, and back
//	answers.go   the JSON of each answer, appended by hand (encode.go), since answers are the hot path
//	codes.go     the one table from code to status
//	problem.go   errors as RFC 9457 problem documents
//
// Below that, connection.go remembers how each connection ended, for a hold ends with its client's; secured.go speaks TLS without hiding
// that.
//
// What it promises to callers is openapi.yaml, which is embedded, served, and held against every answer of the tests.
//
// Two rules matter more than the rest. A request that is refused here has cost no log entry. And an answer either
// says that nothing happened or carries the code outcome_unknown: where a handler fails after it gave a command to
// the node, whatever the reason, the answer is outcome_unknown.
package httpapi
