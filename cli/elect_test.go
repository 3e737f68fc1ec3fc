//go:build unix

package cli

import (
	"syscall"
	"testing"
	"time"
)

// lead grants an election.
func (h *fakeStream) lead(token int, ttl, validFor time.Duration) {
	h.say(`{"event":"leading","lease":%q,"token":%d,"ttl_ms":%d,"valid_for_ms":%d}`, h.lease, token, ttl.Milliseconds(), validFor.Milliseconds())
}

// electing starts `sidelock elect boss`.
func electing(t *testing.T, args ...string) (*fakeSidecar, *process, *fakeStream) {
	t.Helper()
	s := newFakeSidecar(t)
	p := start(t, s, append([]string{"elect", "boss", "--ttl", long.String()}, args...)...)
	h := s.next(t)
	if h.path != "/v1/elections/boss/hold" {
		t.Errorf("asked for %s", h.path)
	}
	return s, p, h
}

func expectResign(t *testing.T, s *fakeSidecar, h *fakeStream) {
	t.Helper()
	d := s.released(t)
	if d.path != "/v1/elections/boss" || d.lease != h.lease {
		t.Errorf("resigned %s with lease %q, led with %q", d.path, d.lease, h.lease)
	}
	close(d.answered)
}

func TestACandidateSaysWhenItLeadsAndResignsAtASignal(t *testing.T) {
	t.Parallel()
	s, p, h := electing(t, "--value", "10.0.0.1:80", "--owner", "me")
	s.on("GET /v1/elections/boss", 200, bossLed)
	if h.form.Get("value") != "10.0.0.1:80" || h.form.Get("owner") != "me" {
		t.Errorf("%v", h.form)
	}
	h.say(`{"event":"standby","position":1,"lease":%q}`, h.lease)
	p.log.await(t, `sidelock elect: waiting for election boss, number 1 in line, web-0 has led for 1m\n`)
	h.lead(17, long, long)
	p.out.await(t, `(?m)^\d\d:\d\d:\d\d  leading   boss  token 17$`)
	h.say(`{"event":"lost","reason":"expired"}`)
	p.out.await(t, `(?m)^\d\d:\d\d:\d\d  lost      boss  token 17  .*expired$`)
	h = s.next(t) // again
	h.lead(18, long, long)
	p.out.await(t, `(?m)  leading   boss  token 18$`)
	p.signal(syscall.SIGTERM)
	expectResign(t, s, h)
	if code := p.exit(); code != ExitOK {
		t.Errorf("exit code %d", code)
	}
	p.out.await(t, `(?m)  resigned  boss  token 18$`)
}

func TestWhatACandidateSaysMayBeJSON(t *testing.T) {
	t.Parallel()
	_, p, h := electing(t, "--output", "json")
	h.lead(17, long, long)
	p.out.await(t, `(?m)^\{"event":"leading","name":"boss","token":17,"at":"20[^"]*Z"\}$`)
}

func TestACandidateThatStandsByMayBeStopped(t *testing.T) {
	t.Parallel()
	_, p, h := electing(t, sh("echo ran")...)
	h.say(`{"event":"standby","position":1,"lease":%q}`, h.lease)
	p.signal(syscall.SIGINT)
	if code := p.exit(); code != ExitOK {
		t.Errorf("exit code %d", code)
	}
	if p.out.String() != "" {
		t.Errorf("the command was run: %s", p.out)
	}
}

func TestTheLeadersCommandIsEndedWhenDeposedAndRunAgainWhenItLeadsAgain(t *testing.T) {
	t.Parallel()
	s, p, h := electing(t, sh("echo leading $SIDELOCK_ELECTION with $FENCING_TOKEN; trap '' TERM; "+forever)...)
	h.lead(17, long, long)
	p.out.await(t, "leading boss with 17\n")
	first := p.pid()
	p.watch()
	h.say(`{"event":"lost","reason":"expired"}`)
	p.quiet()
	h = s.next(t)
	if groupLives(first) {
		t.Error("it stands for election again while something of the command is alive")
	}
	h.lead(18, long, long)
	p.out.await(t, "leading boss with 18\n")
	mustContain(t, p.log.String(), "leading boss, token 17", "expired", "sh was ended by SIGKILL; standing for boss again")
}

func TestACommandThatEndsByItselfResigns(t *testing.T) {
	t.Parallel()
	s, p, h := electing(t, sh("exit 5")...)
	h.lead(17, long, long)
	expectResign(t, s, h)
	if code := p.exit(); code != 5 {
		t.Errorf("exit code %d", code)
	}
	if len(s.streams) > 0 {
		t.Error("it stands for election again")
	}
}
