// Package uitest looks at the page of /ui with a real browser, Chromium without a window, on real sidecars.
//
// It is a module of its own, for two reasons. `go test ./...` of the project must not need a browser, and a test of ours does not skip itself:
// here whoever runs the tests says so, as `.ci/run` does where it finds or can install Chromium. And people who import the client, or
// vulnerability scanners that read go.mod, need not hear of a browser's remote control. The price is that the requirements of the
// project stand in this go.mod once more: when they change, run `go mod tidy` here too, which `.ci/run` demands.
//
//	cd internal/uitest && go test ./...
//	cd internal/uitest && go test -run Pictures -pictures ../../docs/ui
//
// The second form makes the pictures of docs/ui.md anew.
package uitest
