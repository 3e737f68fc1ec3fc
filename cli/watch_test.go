//go:build unix

package cli

import (
	"strings"
	"syscall"
	"testing"
)

var eventLines = strings.Join([]string{
	`{"event":"state","id":"914.0","index":913,"locks":[` + oneLine(nightlyHeld) + `],"elections":[],"more":true}`,
	`{"event":"state","id":"914.0","index":913,"locks":[],"elections":[` + oneLine(bossLed) + `],"more":false}`,
	`{"event":"granted","id":"915.1","kind":"lock","name":"deploy","owner":"web-0","token":43,"at":"2026-01-05T03:12:05Z","waited_ms":1200}`,
	`{"event":"expired","id":"916.1","kind":"lock","name":"deploy","owner":"web-0","token":43,"at":"2026-01-05T03:13:05Z","late_ms":80}`,
	`{"event":"alive","id":"917.0"}`,
	`{"event":"left","id":"918.1","kind":"lock","name":"deploy","owner":"web-1","token":null,"at":"2026-01-05T03:13:06Z","reason":"disconnected"}`,
	`{"event":"value_changed","id":"919.1","kind":"election","name":"boss","owner":"web-0","token":48,"at":"2026-01-05T03:14:00Z","value":"10.0.0.9:80"}`,
	`{"event":"forced","id":"920.1","kind":"lock","name":"nightly","owner":"web-0","token":42,"at":"2026-01-05T03:15:00Z","why":"stuck"}`,
}, "\n") + "\n"

func oneLine(json string) string { return strings.ReplaceAll(json, "\n", "") }

func TestWatchPrintsWhatIsAndThenWhatHappens(t *testing.T) {
	t.Parallel()
	s := newFakeSidecar(t)
	s.on("GET /v1/events", 200, eventLines)
	p := start(t, s, "watch", "--kind", "lock", "--prefix", "n", "--after", "900.1")
	p.out.await(t, "because: stuck\n")
	p.signal(syscall.SIGINT)
	if code := p.exit(); code != ExitOK {
		t.Errorf("exit code %d", code)
	}
	wantText(t, p.out.String(), `
		          is held        lock      nightly  by web-0 for 8m12s, token 42, 2 waiting
		          is led         election  boss  by web-0 for 1m, token 48, value 10.0.0.1:8080, 1 standing by
		so it is at index 913; from here on as it happens
		2026-01-05 03:12:05  granted        lock      deploy  web-0, token 43, waited 1.2s
		2026-01-05 03:13:05  expired        lock      deploy  web-0, token 43, 80ms late
		2026-01-05 03:13:06  left           lock      deploy  web-1, disconnected
		2026-01-05 03:14:00  value_changed  election  boss  web-0, token 48, value 10.0.0.9:80
		2026-01-05 03:15:00  forced         lock      nightly  web-0, token 42, because: stuck
	`)
	if asked := s.queries()[0]; !strings.Contains(asked, "kind=lock") || !strings.Contains(asked, "prefix=n") || !strings.Contains(asked, "after=900.1") {
		t.Errorf("asked %s", asked)
	}
}

func TestWatchInJSONIsTheStreamOfTheAPI(t *testing.T) {
	t.Parallel()
	s := newFakeSidecar(t)
	s.on("GET /v1/events", 200, eventLines)
	p := start(t, s, "watch", "--output", "json")
	p.out.await(t, `"why":"stuck"\}\n`)
	p.signal(syscall.SIGTERM)
	p.exit()
	for _, part := range []string{
		`{"event":"granted","id":"915.1","kind":"lock","name":"deploy","owner":"web-0","token":43,"at":"2026-01-05T03:12:05Z","waited_ms":1200}`,
		`{"event":"left","id":"918.1","kind":"lock","name":"deploy","owner":"web-1","token":null,"at":"2026-01-05T03:13:06Z","reason":"disconnected"}`,
		`"queue":[{"owner":"web-1","limit":1,"waiting_for_ms":12000},{"owner":"reader","limit":null,"waiting_for_ms":700}]`,
		`"leader":{"owner":"web-0","value":"10.0.0.1:8080","token":48,"leading_for_ms":60000,"expires_in_ms":14000`,
	} {
		if !strings.Contains(p.out.String(), part) {
			t.Errorf("%s is missing in:\n%s", part, p.out)
		}
	}
}
