// Package keys is who may call where a sidecar asks for API keys: the file that lists them, and what each key may do.
//
//	keys:
//	  - name: web
//	    sha256: 1c0a…                 # or key: the key itself
//	    verbs: [read, write]
//	    prefixes: [web, shared.config] # web, web.7 and web:7, but not web-7; "*" is every name
//
// [New] reads a file, [Ring.Load] replaces it while requests are served, and [Ring.Find] tells whose key a request has.
// A file is taken as a whole or not at all: what is wrong with it is reported by line, and the keys before it stay in
// force. What a key could do when a stream or a wait began it must be able to do while that lasts, so that each [Key] has a
// life, which ends when the file no longer has it, or has it with other rights.
//
// Keys are secrets. They are not kept, only their SHA-256 is, and no error of this package repeats anything that
// could be one.
package keys
