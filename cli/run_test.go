//go:build unix

package cli

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// runNightly starts `sidelock run --lock nightly` and grants the lock for so long.
func runNightly(t *testing.T, ttl, validFor time.Duration, args ...string) (*fakeSidecar, *process, *fakeStream, time.Time) {
	t.Helper()
	s := newFakeSidecar(t)
	p := start(t, s, append([]string{"run", "--lock", "nightly", "--ttl", ttl.String()}, args...)...)
	h := s.next(t)
	deadline := time.Now().Add(validFor)
	h.held(17, ttl, validFor)
	p.watch()
	return s, p, h, deadline
}

const (
	long    = 20 * time.Second
	forever = "while :; do sleep 1; done"
)

// released expects the release now, and that nothing of the command is left by then.
func expectRelease(t *testing.T, s *fakeSidecar, h *fakeStream, p *process) {
	t.Helper()
	d := s.released(t)
	if d.path != "/v1/locks/nightly" || d.lease != h.lease {
		t.Errorf("released %s with lease %q, held with %q", d.path, d.lease, h.lease)
	}
	if groupLives(p.pid()) {
		t.Error("released while something of the command is alive")
	}
	select {
	case <-h.gone:
		t.Error("the stream was closed before the release was answered: the history would say disconnected")
	default:
	}
	close(d.answered)
}

func TestTheExitCodeOfTheCommandIsPassedThrough(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -9 $$": 137, "kill -TERM $$": 143} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			s, p, h, _ := runNightly(t, long, long, sh(script)...)
			expectRelease(t, s, h, p)
			if code := p.exit(); code != want {
				t.Errorf("exit code %d, want %d", code, want)
			}
			if log := p.log.String(); log != "" {
				t.Errorf("it need not say anything, but said:\n%s", log)
			}
		})
	}
}

func TestTheCommandIsToldWhatItRunsUnder(t *testing.T) {
	t.Parallel()
	s, p, h, _ := runNightly(t, long, long, sh("echo $FENCING_TOKEN $SIDELOCK_LOCK")...)
	p.out.await(t, `17 nightly\n`)
	expectRelease(t, s, h, p)
	p.exit()
}

func TestTheFlagsReachTheSidecar(t *testing.T) {
	t.Parallel()
	s := newFakeSidecar(t)
	start(t, s, "run", "--lock", "nightly", "--ttl", "9s", "--wait", "30s", "--limit", "3", "--min-hold", "1m", "--owner", "me", "--", "sh", "-c", ":")
	form := s.next(t).form
	for name, want := range map[string]string{"ttl": "9s", "limit": "3", "min_hold": "1m0s", "owner": "me", "metadata.command": "sh"} {
		if got := form.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	start(t, s, "run", "--lock", "nightly", "--shared", "--no-wait", "--", "sh", "-c", ":")
	form = s.next(t).form
	if form.Get("mode") != "shared" || form.Get("wait") != "0s" || !strings.Contains(form.Get("owner"), ":") {
		t.Errorf("%v", form)
	}
}

func TestSignalsArePassedOn(t *testing.T) {
	t.Parallel()
	var traps strings.Builder
	signals := map[string]syscall.Signal{"INT": syscall.SIGINT, "HUP": syscall.SIGHUP, "QUIT": syscall.SIGQUIT, "USR1": syscall.SIGUSR1,
		"USR2": syscall.SIGUSR2, "WINCH": syscall.SIGWINCH}
	for name := range signals {
		traps.WriteString("trap 'echo got " + name + "' " + name + "; ")
	}
	s, p, h, _ := runNightly(t, long, long, sh(traps.String()+"trap 'exit 3' TERM; echo ready; while :; do sleep 0.1; done")...)
	p.out.await(t, "ready")
	for name, number := range signals {
		p.signal(number)
		p.out.await(t, "got "+name+`\n`)
	}
	s.notReleased(t)
	p.signal(syscall.SIGTERM)
	expectRelease(t, s, h, p)
	if code := p.exit(); code != 3 {
		t.Errorf("exit code %d", code)
	}
}

func TestASignalThatWasIgnoredFromTheBeginningStaysSo(t *testing.T) {
	t.Parallel()
	s := newFakeSidecar(t)
	shell := &exec.Cmd{Path: "/bin/sh", Args: []string{"sh", "-c", `trap '' INT HUP; exec "$@"`, "sh"}}
	p := startWith(t, shell, s, append([]string{"run", "--lock", "nightly", "--ttl", long.String()}, sh("trap 'echo usr1' USR1; trap 'echo usr2' USR2; echo ready; while :; do sleep 0.05; done")...)...)
	h := s.next(t)
	h.held(17, long, long)
	p.out.await(t, "ready")
	p.signal(syscall.SIGINT)
	p.signal(syscall.SIGHUP)
	p.signal(syscall.SIGUSR1) // by the time that these have come through, so would have those
	p.out.await(t, "usr1")
	p.signal(syscall.SIGUSR2)
	p.out.await(t, "usr2")
	p.signal(syscall.SIGTERM)
	expectRelease(t, s, h, p)
	if code := p.exit(); code != ExitSignal+int(syscall.SIGTERM) {
		t.Errorf("exit code %d", code)
	}
}

func TestASignalOfTheTerminalReachesAllOfTheGroup(t *testing.T) {
	t.Parallel()
	// The shell waits for its child: if that did not hear of it, the shell would wait on.
	s, p, h, _ := runNightly(t, long, long, sh("trap 'exit 4' INT; sh -c 'echo ready; exec sleep 1000'")...)
	p.out.await(t, "ready")
	p.signal(syscall.SIGINT)
	expectRelease(t, s, h, p)
	if code := p.exit(); code != 4 {
		t.Errorf("exit code %d", code)
	}
}

func TestTheCommandIsGoneBeforeTheDeadlineWhenTheStreamFallsSilent(t *testing.T) {
	t.Parallel()
	// It does not heed SIGTERM, nor does what it has started.
	s, p, h, deadline := runNightly(t, long, 3*time.Second, append([]string{"--kill-after", "1s"}, sh("trap 'echo asked' TERM; (trap '' TERM; sleep 1000) & "+forever)...)...)
	pid := p.pid()
	p.out.await(t, "asked")
	s.notReleased(t)
	p.loud()
	p.quiet()
	if late := p.deadAt.Sub(deadline); late > 0 {
		t.Errorf("the command lived %s longer than the lock", late)
	}
	expectRelease(t, s, h, p)
	if code := p.exit(); code != ExitLost {
		t.Errorf("exit code %d", code)
	}
	if groupLives(pid) {
		t.Error("something of the command is left")
	}
	mustContain(t, p.log.String(), "lock nightly (token 17) is in doubt: it could not be renewed", "ending sh", "was ended by SIGKILL", "sidelock show nightly")
}

func TestAMessageThatNobodyReadsKeepsNoCommandAlive(t *testing.T) {
	t.Parallel()
	reading, writing, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Close()
	fill(t, writing)
	s := newFakeSidecar(t)
	p := startWith(t, &exec.Cmd{Stderr: writing}, s, append([]string{"run", "--lock", "nightly", "--ttl", long.String(), "--kill-after", "500ms"}, sh(forever)...)...)
	writing.Close()
	h := s.next(t)
	deadline := time.Now().Add(3 * time.Second)
	h.held(17, long, 3*time.Second)
	p.watch()
	h.say(`{"event":"jeopardy","valid_for_ms":2500,"reason":"no_quorum"}`)
	p.quiet()
	if late := p.deadAt.Sub(deadline); late > 0 {
		t.Errorf("the command lived %s longer than the lock", late)
	}
	expectRelease(t, s, h, p)
	go func() { _, _ = io.Copy(io.Discard, reading) }() // now somebody reads
	if code := p.exit(); code != ExitLost {
		t.Errorf("exit code %d", code)
	}
}

// fill writes to a pipe until there is no room.
func fill(t *testing.T, pipe *os.File) {
	t.Helper()
	if err := pipe.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := pipe.Write(make([]byte, 4096)); err != nil {
			return
		}
	}
}

func TestACommandThatHeedsSIGTERMIsNotKilled(t *testing.T) {
	t.Parallel()
	s, p, h, _ := runNightly(t, long, 4*time.Second, append([]string{"--kill-after", "3s"}, sh("trap 'echo cleaning; exit 9' TERM; echo ready; while :; do sleep 0.1; done")...)...)
	expectRelease(t, s, h, p)
	if code := p.exit(); code != ExitLost {
		t.Errorf("exit code %d", code)
	}
	mustContain(t, p.out.String(), "cleaning")
	mustContain(t, p.log.String(), "it ended with exit code 9")
}

func TestTheCommandIsKilledAtOnceWhenTheLockIsLost(t *testing.T) {
	t.Parallel()
	_, p, h, _ := runNightly(t, time.Minute, time.Minute, append([]string{"--kill-after", "25s"}, sh("trap '' TERM; echo ready; "+forever)...)...)
	p.out.await(t, "ready")
	h.say(`{"event":"lost","reason":"expired"}`)
	p.quiet() // long before kill-after
	if code := p.exit(); code != ExitLost {
		t.Errorf("exit code %d", code)
	}
	mustContain(t, p.log.String(), "is lost: expired")
}

func TestAForcedReleaseLeavesTimeToCleanUp(t *testing.T) {
	t.Parallel()
	s, p, h, _ := runNightly(t, time.Minute, time.Minute, append([]string{"--kill-after", "20s"}, sh("trap 'echo cleaning; exit 0' TERM; echo ready; while :; do sleep 0.1; done")...)...)
	p.out.await(t, "ready")
	h.say(`{"event":"lost","reason":"forced","why":"stuck since noon"}`)
	expectRelease(t, s, h, p)
	if code := p.exit(); code != ExitLost {
		t.Errorf("exit code %d", code)
	}
	mustContain(t, p.out.String(), "cleaning")
	mustContain(t, p.log.String(), "forced: stuck since noon")
}

func TestWhatACommandLeavesBehindIsEndedBeforeTheRelease(t *testing.T) {
	t.Parallel()
	s, p, h, _ := runNightly(t, long, long, append([]string{"--kill-after", "500ms"}, sh("(trap '' TERM; sleep 1000) & exit 4")...)...)
	expectRelease(t, s, h, p)
	p.quiet()
	if code := p.exit(); code != 4 {
		t.Errorf("exit code %d", code)
	}
	mustContain(t, p.log.String(), "sh has ended and left processes behind")
}

func TestAHeldLockIsExit75AndSaysWhoHasIt(t *testing.T) {
	t.Parallel()
	refusal := `423 {"code":"lock_held","title":"Lock is held","status":423,"retryable":true,"queue_length":1,
		"holders":[{"owner":"web-1","token":16,"limit":1,"held_for_ms":492000,"expires_in_ms":9100,"metadata":{}}]}`
	s := newFakeSidecar(t)
	p := start(t, s, append([]string{"run", "--lock", "nightly", "--no-wait"}, sh("echo ran")...)...)
	s.next(t).say("%s", refusal)
	if code := p.exit(); code != ExitHeld {
		t.Errorf("exit code %d", code)
	}
	p.log.await(t, `sidelock run: lock nightly: held by web-1 since [0-9: -]+, for 8m12s \(token 16\)\n`)
	if strings.Contains(p.out.String(), "pid") {
		t.Error("the command was run")
	}
}

func TestAWaitThatIsOverIsExit75(t *testing.T) {
	t.Parallel()
	s := newFakeSidecar(t)
	s.on("GET /v1/locks/nightly", 200, `{"name":"nightly","state":"held","limit":1,"index":9,"holders":[{"owner":"web-1","token":16,"limit":1,"held_for_ms":8200,"expires_in_ms":9100}]}`)
	p := start(t, s, append([]string{"run", "--lock", "nightly", "--wait", "30s"}, sh("echo ran")...)...)
	h := s.next(t)
	h.say(`{"event":"queued","position":1,"lease":%q}`, h.lease)
	h.say(`{"event":"lost","reason":"wait_timeout"}`)
	if code := p.exit(); code != ExitHeld {
		t.Errorf("exit code %d", code)
	}
	mustContain(t, p.log.String(), "held by web-1", "; waited 30s")
	if strings.Contains(p.out.String(), "pid") {
		t.Error("the command was run")
	}
}

// TestAWaitIsToldOnceWhereThereIsNoTerminal: else the log of a cron job does not say why nothing happens.
func TestAWaitIsToldOnceWhereThereIsNoTerminal(t *testing.T) {
	t.Parallel()
	s := newFakeSidecar(t)
	s.on("GET /v1/locks/nightly", 200, `{"name":"nightly","state":"held","limit":1,"index":9,"holders":[{"owner":"web-1","token":16,"limit":1,"held_for_ms":8200,"expires_in_ms":9100}]}`)
	p := start(t, s, append([]string{"run", "--lock", "nightly"}, sh("exit 0")...)...)
	h := s.next(t)
	h.say(`{"event":"queued","position":2,"lease":%q}`, h.lease)
	p.log.await(t, `sidelock run: waiting for lock nightly, number 2 in line, held by web-1 for 8\.2s\n`)
	h.say(`{"event":"queued","position":1,"lease":%q}`, h.lease)
	h.held(17, long, long)
	close(s.released(t).answered)
	p.exit()
	if n := strings.Count(p.log.String(), "waiting for"); n != 1 {
		t.Errorf("it was told %d times: %s", n, p.log)
	}
}

func TestAWaitThatNobodyAnsweredIsNotHeldByAnother(t *testing.T) {
	t.Parallel()
	s := newFakeSidecar(t)
	s.on("GET /v1/locks/nightly", 503, `{"code":"no_leader","title":"No Raft leader","status":503,"retryable":true,"detail":"wait"}`)
	p := start(t, s, append([]string{"run", "--lock", "nightly", "--wait", "300ms"}, sh("echo ran")...)...)
	if code := p.exit(); code != ExitFailed {
		t.Errorf("exit code %d", code)
	}
	mustContain(t, p.log.String(), "no answer from the sidecar")
}

func TestASignalEndsTheWaitAndLeavesTheLine(t *testing.T) {
	t.Parallel()
	s := newFakeSidecar(t)
	p := start(t, s, append([]string{"run", "--lock", "nightly"}, sh("echo ran")...)...)
	h := s.next(t)
	h.say(`{"event":"queued","position":1,"lease":%q}`, h.lease)
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != 143 {
		t.Errorf("exit code %d", code)
	}
	select {
	case <-h.gone:
	case <-time.After(soon):
		t.Error("it still stands in line")
	}
}

func TestACommandThatCannotBeRunIsKnownBeforeTheWait(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]struct {
		code int
		says string
	}{
		"no-such-command-here":                {ExitNotFound, `there is no command "no-such-command-here" in $PATH`},
		"./no-such-command":                   {ExitNotFound, `there is no "./no-such-command"`},
		"cd / && ls":                          {ExitNotFound, `-- sh -c "cd / && ls"`},
		writeProgram(t, 0o600, "#!/bin/sh\n"): {ExitNotExecutable, "may not be executed"},
		writeProgram(t, 0o700, "no shell"):    {ExitNotExecutable, "#!/bin/sh"},
	} {
		s := newFakeSidecar(t)
		p := start(t, s, "run", "--lock", "nightly", "--", command)
		if want.says == "#!/bin/sh" { // only running it tells
			h := s.next(t)
			h.held(17, long, long)
			close(s.released(t).answered)
		}
		if code := p.exit(); code != want.code {
			t.Errorf("%s: exit code %d, want %d", command, code, want.code)
		}
		mustContain(t, p.log.String(), "sidelock run: ", want.says)
		if len(s.streams) > 0 {
			t.Errorf("%s: it stood in line all the same", command)
		}
	}
}
