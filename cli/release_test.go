package cli

import (
	"os"
	"strings"
	"testing"
)

func TestAReleaseSendsTheLeaseInAHeader(t *testing.T) {
	s := newFakeSidecar(t)
	done := make(chan fakeDelete, 1)
	go func() {
		d := <-s.deletes
		close(d.answered)
		done <- d
	}()
	out := invoke(t, []string{"SIDELOCK_SERVER=" + s.URL, "SIDELOCK_LEASE=sl_secretsecretsecretsecret"}, "release", "--election", "boss", "--token", "7")
	if out.code != ExitOK {
		t.Fatalf("exit code %d: %s", out.code, out.stderr)
	}
	wantText(t, out.stdout, "election boss is released")
	if d := <-done; d.path != "/v1/elections/boss" || d.lease != "sl_secretsecretsecretsecret" || d.form.Get("token") != "7" {
		t.Errorf("%+v", d)
	}
	if asked := s.queries()[0]; strings.Contains(asked, "secret") {
		t.Errorf("the lease ID is in the URL: %s", asked)
	}
}

func TestALeaseThatHasEndedIsExit1WithTheReason(t *testing.T) {
	s := newFakeSidecar(t)
	s.on("DELETE /v1/locks/nightly", 410, `{"code":"lease_expired","title":"Lease has ended","status":410,"reason":"forced","ended_ago_ms":5000,"why":"stuck"}`)
	out := invokeOn(t, s, ExitFailed, "release", "nightly", "--lease", "sl_secretsecretsecretsecret")
	mustContain(t, out.stderr, "release lock nightly: Lease has ended (lease_expired): forced 5s ago: stuck")
	if strings.Contains(out.stderr, "secret") {
		t.Errorf("the lease ID is shown: %s", out.stderr)
	}
}

// admin is a fake sidecar with an admin socket in a data directory.
func admin(t *testing.T) (*fakeSidecar, string) {
	t.Helper()
	s, dir := newFakeSidecar(t), t.TempDir()
	s.onSocket(t, dir+"/admin.sock")
	s.on("GET /v1/locks/nightly", 200, nightlyHeld)
	s.on("GET /v1/locks/idle", 200, `{"name":"idle","state":"free","limit":1,"holders":[],"queue":[],"index":3}`)
	s.on("GET /v1/elections/boss", 200, bossLed)
	return s, dir
}

func TestForceWithoutATokenShowsWhichToNameAndDoesNothing(t *testing.T) {
	s, dir := admin(t)
	out := invokeOn(t, s, ExitUsage, "release", "--force", "nightly", "--data-dir", dir)
	mustContain(t, out.stderr, "nothing was done", "by web-0 for 8m12s, token 42", "add: --token 42 --reason")
	out = invokeOn(t, s, ExitUsage, "release", "--force", "--election", "boss", "--admin-socket", dir+"/admin.sock")
	mustContain(t, out.stderr, "election boss is held", "by web-0 for 1m, token 48")
	out = invokeOn(t, s, ExitUsage, "release", "--force", "idle", "--data-dir", dir)
	mustContain(t, out.stderr, "Nobody holds lock idle.")
	for _, asked := range s.queries() {
		if !strings.HasPrefix(asked, "GET ") {
			t.Errorf("asked %s", asked)
		}
	}
}

func TestForceEndsTheNamedGrantThroughTheAdminSocket(t *testing.T) {
	s, dir := admin(t)
	s.on("DELETE /v1/locks/nightly", 200, `{"name":"nightly","state":"forced","owner":"web-0","token":42,"free_in_ms":8000}`)
	args := []string{"release", "--force", "nightly", "--token", "42", "--reason", "stuck since noon", "--data-dir", dir}
	out := invokeOn(t, s, ExitOK, args...)
	wantText(t, out.stdout, "lock nightly: the grant of web-0 (token 42) was ended; it is free when its holder lets go, in 8s at the latest")
	if got := invokeOn(t, s, ExitOK, append(args, "--immediate", "--output", "json")...).stdout; !sameJSON(t, got, `{"name":"nightly","state":"forced","owner":"web-0","token":42,"free_in_ms":8000}`) {
		t.Errorf("%s", got)
	}
	asked := s.queries()
	mustContain(t, asked[0], "token=42", "reason=stuck")
	mustContain(t, asked[1], "immediate=true")
	if strings.Contains(asked[0], "immediate") {
		t.Errorf("asked %s", asked[0])
	}
}

func TestAStaleTokenIsExit1AndNothingIsDone(t *testing.T) {
	s, dir := admin(t)
	s.on("DELETE /v1/locks/nightly", 412, `{"code":"stale_token","title":"Token is not current","status":412}`)
	out := invokeOn(t, s, ExitFailed, "release", "--force", "nightly", "--token", "41", "--reason", "x", "--data-dir", dir)
	mustContain(t, out.stderr, "nothing was done: nobody holds lock nightly with token 41 now")
}

func TestAnAdminSocketThatCannotBeReachedIsExplained(t *testing.T) {
	s := newFakeSidecar(t)
	dir := t.TempDir()
	try := func() string {
		return invokeOn(t, s, ExitFailed, "release", "--force", "nightly", "--data-dir", dir).stderr
	}
	mustContain(t, try(), "there is no admin socket at "+dir+"/admin.sock", "--data-dir")
	if err := os.WriteFile(dir+"/admin.sock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	mustContain(t, try(), "nobody listens on the admin socket")
}
