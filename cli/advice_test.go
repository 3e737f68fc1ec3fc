package cli

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/sidelock/sidelock/client"
)

// wantNot fails if one of the parts is in text.
func wantNot(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if strings.Contains(text, part) {
			t.Errorf("%q is in:\n%s", part, text)
		}
	}
}

func TestOnlyWhereNobodyListensIsASidecarToBeStarted(t *testing.T) {
	refused := fmt.Errorf("%w: %w", client.ErrUnavailable, &net.OpError{Op: "dial", Err: errors.New("connection refused")})
	mustContain(t, whatToDo(refused, "http://x", true), "start one with `sidelock serve`")
	hangs := whatToDo(fmt.Errorf("%w: %w", client.ErrUnavailable, os.ErrDeadlineExceeded), "http://x", true)
	mustContain(t, hangs, "see `sidelock doctor`")
	wantNot(t, hangs, "start one")
	s := newFakeSidecar(t)
	out := invoke(t, nil, "status", "--server", "https"+strings.TrimPrefix(s.URL, "http"))
	mustContain(t, out.stderr, "does not speak TLS", "begins with http://")
	wantNot(t, out.stderr, "start one")
}

func TestKeyInAnAddressIsNotRepeated(t *testing.T) {
	for _, server := range []string{"https://user:s3cr3t@host", "http://user:s3cr3t@host", "https://host?key=s3cr3t"} {
		for _, more := range [][]string{nil, {"--api-ca", writeFile(t, "none")}} {
			out := invoke(t, nil, append([]string{"status", "--server", server}, more...)...)
			if out.code != ExitUsage {
				t.Errorf("exit code %d", out.code)
			}
			wantNot(t, out.stderr, "s3cr3t")
		}
	}
}

func TestTheSidecarIsOneOrMany(t *testing.T) {
	gone := func(name string) client.Member {
		return client.Member{MemberRef: client.MemberRef{Name: name}, Role: roleVoter}
	}
	leader := &client.MemberRef{Name: "web-0"}
	mustContain(t, strings.Join(ailments(&client.Cluster{ID: "c", RaftLeader: leader, Members: []client.Member{gone("web-1")}}), "\n"), "web-1 is not heard of: see whether it runs")
	mustContain(t, strings.Join(ailments(&client.Cluster{ID: "c", RaftLeader: leader, Members: []client.Member{gone("web-2"), gone("web-1")}}), "\n"), "web-2, web-1 are not heard of: see whether they run")
}

func TestGroupOfTwoVotersIsNoted(t *testing.T) {
	s := newFakeSidecar(t)
	s.on("GET /v1/cluster", 200, cluster(oneLeads, "0", voterOne, voterTwo))
	out := invokeOn(t, s, ExitOK, "status")
	mustContain(t, out.stdout, "healthy: 2 voters; none may be lost", "note: if one of the two voters is lost, the group stops")
	s.on("GET /v1/cluster", 200, cluster(oneLeads, "0", voterOne))
	wantNot(t, invokeOn(t, s, ExitOK, "status").stdout, "note:")
	s.on("GET /v1/cluster", 200, cluster(oneLeads, "0", voterOne, voterTwo, voterGone))
	wantNot(t, invokeOn(t, s, ExitFailed, "status").stdout, "note:") // it says so already
}

// TestOneThatIsNotHeardOfYetIsAskedForAgain: a member that was just taken in, or has come back, is not heard of for a moment.
func TestOneThatIsNotHeardOfYetIsAskedForAgain(t *testing.T) {
	s := newFakeSidecar(t)
	late := strings.NewReplacer(`"healthy":false`, `"healthy":true`).Replace(voterGone)
	s.atFirst("GET /v1/cluster", 2, cluster(oneLeads, "0", voterOne, voterTwo, voterGone))
	s.on("GET /v1/cluster", 200, cluster(oneLeads, "1", voterOne, voterTwo, late))
	mustContain(t, invokeOn(t, s, ExitOK, "status").stdout, "healthy: 3 voters; 1 voter may be lost")
}

func TestHelpIsACommandToo(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"help", "run"}} {
		flag := append(args[1:len(args):len(args)], "--help")
		got, want := invoke(t, nil, args...), invoke(t, nil, flag...)
		if got.code != ExitOK || got.stdout == "" || got.stdout != want.stdout {
			t.Errorf("%v: exit code %d\n%s%s", args, got.code, got.stdout, got.stderr)
		}
	}
}

func TestShortenedVariableIsGuessed(t *testing.T) {
	out := invoke(t, []string{"SIDELOCK_PEER_SECRET=x"}, "locks", "--output", "none")
	mustContain(t, out.stderr, "SIDELOCK_PEER_SECRET is not known and was ignored (did you mean SIDELOCK_PEER_SECRET_FILE?)")
}

func TestElectionOfTheLocksNameIsPointedTo(t *testing.T) {
	s, _ := admin(t)
	s.on("GET /v1/locks/boss", 200, `{"name":"boss","state":"free","limit":1,"holders":[],"queue":[],"index":3}`)
	s.on("GET /v1/locks/boss/history", 200, `{"name":"boss","events":[],"truncated":false}`)
	s.on("GET /v1/locks/idle/history", 200, `{"name":"idle","events":[],"truncated":false}`)
	mustContain(t, invokeOn(t, s, ExitOK, "show", "boss").stdout, "lock boss is free", "an election of that name exists: --election")
	wantNot(t, invokeOn(t, s, ExitOK, "show", "idle").stdout, "election")
}

func TestForceWithoutATokenAsksTheOrdinaryServer(t *testing.T) {
	s, _ := admin(t)
	for _, env := range []string{"X=y", "SIDELOCK_DATA_DIR=" + t.TempDir()} {
		out := invoke(t, []string{"SIDELOCK_SERVER=" + s.URL, env}, "release", "--force", "nightly")
		if out.code != ExitUsage {
			t.Errorf("exit code %d", out.code)
		}
		mustContain(t, out.stderr, "nothing was done", "by web-0 for 8m12s, token 42", "add: --token 42 --reason")
	}
}

func TestPathThatIsTooLongForASocketIsSaid(t *testing.T) {
	long := "/" + strings.Repeat("x", maxSocketPath-len("/"+AdminSocket))
	out := invoke(t, nil, "release", "--force", "nightly", "--token", "1", "--reason", "x", "--data-dir", long)
	mustContain(t, out.stderr, "is too long for a socket", "103", "choose a shorter --data-dir, or use an API key with admin")
	cfg := mustServe(t, nil, "--data-dir", long)
	mustContain(t, strings.Join(cfg.Warnings, "\n"), "is too long for a socket", "choose a shorter --data-dir")
	if w := mustServe(t, nil, "--data-dir", long[:len(long)-1]).Warnings; len(w) > 0 {
		t.Errorf("%v", w)
	}
}
