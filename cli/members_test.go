package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	voterOne   = `{"name":"n1","id":"n_aaaa","address":"10.0.0.1:5626","role":"voter","zone":"a","healthy":true,"last_contact_ms":0,"version":"1.0.0"}`
	voterTwo   = `{"name":"n2","id":"n_bbbb","address":"10.0.0.2:5626","role":"voter","zone":"b","healthy":true,"last_contact_ms":4,"version":"1.0.0"}`
	voterGone  = `{"name":"n3","id":"n_cccc","address":"10.0.0.3:5626","role":"voter","zone":null,"healthy":false,"last_contact_ms":240000,"version":"1.0.0"}`
	spareThere = `{"name":"n4","id":"n_dddd","address":"10.0.0.4:5626","role":"spare","zone":"c","healthy":true,"last_contact_ms":4,"version":"1.1.0"}`
	agentThere = `{"name":"a1","id":"n_eeee","address":"10.0.0.5:5626","role":"agent","zone":null,"healthy":true,"last_contact_ms":9,"version":"1.1.0"}`
	namesake   = `{"name":"n3","id":"n_ffff","address":"10.0.0.6:5626","role":"spare","zone":null,"healthy":true,"last_contact_ms":2,"version":null}`
	oneLeads   = `{"name":"n1","id":"n_aaaa","address":"10.0.0.1:5626"}`
)

func TestMembersAreListedByRole(t *testing.T) {
	s := newFakeSidecar(t)
	answer := cluster(oneLeads, "0", agentThere, spareThere, voterGone, voterTwo, voterOne)
	s.on("GET /v1/cluster", 200, answer)
	wantText(t, invokeOn(t, s, ExitOK, "members").stdout, `
		NAME  ID      ROLE                ZONE  HEALTHY  LAST CONTACT  VERSION  ADDRESS
		n1    n_aaaa  voter, Raft leader  a     yes      now           1.0.0    10.0.0.1:5626
		n2    n_bbbb  voter               b     yes      4ms ago       1.0.0    10.0.0.2:5626
		n3    n_cccc  voter               -     no       4m ago        1.0.0    10.0.0.3:5626
		n4    n_dddd  spare               c     yes      4ms ago       1.1.0    10.0.0.4:5626
		a1    n_eeee  agent               -     yes      9ms ago       1.1.0    10.0.0.5:5626
	`)
	if got := invokeOn(t, s, ExitOK, "members", "--output", "json").stdout; !sameJSON(t, got, answer) {
		t.Errorf("%s", got)
	}
	s.on("GET /v1/cluster", 200, `{"id":null,"members":[],"raft_leader":null,"term":0,"commit_index":0,"applied_index":0,"failure_tolerance":-1}`)
	mustContain(t, invokeOn(t, s, ExitOK, "members").stdout, "no members are known here")
}

func TestStatusCountsRolesAndTellsOfDifferentVersions(t *testing.T) {
	s := newFakeSidecar(t)
	s.on("GET /v1/cluster", 200, cluster(oneLeads, "1", voterOne, voterTwo, spareThere, agentThere, namesake))
	out := invokeOn(t, s, ExitOK, "status")
	mustContain(t, out.stdout, "healthy: 2 voters, 2 spares, 1 agent; 1 voter may be lost", "note: versions differ: 1.0.0 on n1, n2, 1.1.0 on n4, a1.")
	mustContain(t, invokeOn(t, s, ExitOK, "status", "--output", "json").stdout, `"notes": [`, "versions differ")
	s.on("GET /v1/cluster", 200, cluster(oneLeads, "0", voterOne, voterTwo, namesake))
	if out := invokeOn(t, s, ExitOK, "status").stdout; strings.Contains(out, "versions differ") {
		t.Errorf("the versions that are known are the same:\n%s", out)
	}
}

// fakeGroup is a sidecar's answers about a group, on an admin socket in a data directory.
type fakeGroup struct {
	dir string

	mu      sync.Mutex
	members []string
	before  []string // what was true before the last removal
	lag     int      // so many answers after a removal still say that
	removed []string // by ID
	refusal string   // of removals: a problem document
	status  int
}

func withGroup(t *testing.T, members ...string) *fakeGroup {
	t.Helper()
	g := &fakeGroup{dir: t.TempDir(), members: members}
	l, err := net.Listen("unix", g.dir+"/admin.sock")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: g}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close() })
	return g
}

// ServeHTTP takes members out, and makes agents of those that run.
func (g *fakeGroup) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	id, remove := strings.CutPrefix(r.URL.Path, "/v1/cluster/members/")
	switch {
	case r.Method == http.MethodGet && g.before != nil && g.lag > 0:
		g.lag--
		respond(w, 200, cluster(oneLeads, "0", g.before...))
	case r.Method == http.MethodGet:
		respond(w, 200, cluster(oneLeads, "0", g.members...))
	case remove && r.Method == http.MethodDelete && g.refusal != "":
		respond(w, g.status, g.refusal)
	case remove && r.Method == http.MethodDelete:
		g.removed = append(g.removed, id)
		i := slices.IndexFunc(g.members, func(m string) bool { return strings.Contains(m, id) })
		was := g.members[i]
		g.before = g.members
		g.members = slices.Delete(slices.Clone(g.members), i, i+1)
		healthy := strings.Contains(was, `"healthy":true`)
		if healthy {
			g.members = append(g.members, strings.Replace(was, `"role":"voter"`, `"role":"agent"`, 1))
		}
		respond(w, 200, fmt.Sprintf(`{"state":"removed","name":"x","id":%q,"address":null,"role":"voter","healthy":%t}`, id, healthy))
	default:
		respond(w, 404, `{"code":"not_found","title":"No such page","status":404}`)
	}
}

func (g *fakeGroup) remove(t *testing.T, args ...string) outcome {
	t.Helper()
	return invoke(t, nil, append([]string{"remove", "--data-dir", g.dir}, args...)...)
}

func TestMemberIsRemovedByNameOrByID(t *testing.T) {
	for _, word := range []string{"n3", "n_cccc"} {
		g := withGroup(t, voterOne, voterTwo, voterGone)
		out := g.remove(t, word, "--yes")
		if out.code != ExitOK || !slices.Equal(g.removed, []string{"n_cccc"}) {
			t.Fatalf("exit code %d, removed %v: %s", out.code, g.removed, out.stderr)
		}
		mustContain(t, out.stdout, "n3 (n_cccc) is out of the group.", "If it is started again", "The group: 2 voters; none may be lost.")
	}
	late := withGroup(t, voterOne, voterTwo, voterGone)
	late.lag = 3 // a sidecar that does not lead hears of it a little later
	mustContain(t, late.remove(t, "n3", "--yes").stdout, "The group: 2 voters; none may be lost.")
	g := withGroup(t, voterOne, voterTwo, voterGone)
	mustContain(t, g.remove(t, "n2", "--yes").stdout, "It runs, and goes on as an agent", "The group: 2 voters, 1 agent; none may be lost.")
	g = withGroup(t, voterOne, voterTwo, voterGone)
	if out := g.remove(t, "n2", "--yes", "--output", "json"); !sameJSON(t, out.stdout, `{"state":"removed","name":"n2","id":"n_bbbb","role":"voter","healthy":true}`) {
		t.Errorf("%s", out.stdout)
	}
}

func TestRemovalThatIsNotClearIsNotDone(t *testing.T) {
	g := withGroup(t, voterOne, voterTwo, voterGone, namesake, agentThere)
	try := func(code int, args ...string) string {
		t.Helper()
		out := g.remove(t, args...)
		if out.code != code {
			t.Errorf("%v: exit code %d", args, out.code)
		}
		return out.stderr
	}
	mustContain(t, try(ExitUsage, "n3", "--yes"), "2 members are called n3", "n_cccc  voter at 10.0.0.3:5626, last heard of 4m ago", "n_ffff  spare at 10.0.0.6:5626, it runs")
	mustContain(t, try(ExitFailed, "n9", "--yes"), "there is no member n9 in the group")
	mustContain(t, try(ExitFailed, "a1", "--yes"), "a1 is an agent, and no member")
	mustContain(t, try(ExitUsage, "n2"), "nothing was done: nobody can be asked here", "--yes")
	mustContain(t, try(ExitUsage), "MEMBER: is missing")
	mustContain(t, try(ExitUsage, "a/b", "--yes"), "MEMBER")
	if len(g.removed) > 0 {
		t.Errorf("removed: %v", g.removed)
	}
}

func TestRefusedRemovalSaysWhatIsInTheWay(t *testing.T) {
	g := withGroup(t, voterOne, voterTwo, voterGone)
	refuse := func(status int, code string) string {
		g.status, g.refusal = status, fmt.Sprintf(`{"code":%q,"title":"It cannot be","status":%d,"detail":"bring others back first"}`, code, status)
		out := g.remove(t, "n2", "--yes")
		if out.code != ExitFailed {
			t.Errorf("%s: exit code %d", code, out.code)
		}
		return out.stderr
	}
	mustContain(t, refuse(409, "no_majority_left"), "nothing was done", "no_majority_left", "bring others back first")
	mustContain(t, refuse(404, "no_such_member"), "nothing was done: it is no member any more")
	out := refuse(504, "outcome_unknown")
	mustContain(t, out, "`sidelock members` shows whether it was removed")
	if strings.Contains(out, "nothing was done") {
		t.Errorf("that is not known: %s", out)
	}
	mustContain(t, invoke(t, nil, "remove", "n2", "--yes", "--data-dir", t.TempDir()).stderr, "there is no admin socket at")
}

// invokeAtTerminal is invoke with a person who types.
func invokeAtTerminal(t *testing.T, typed string, args ...string) outcome {
	t.Helper()
	in, keyboard, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	_, err = keyboard.WriteString(typed)
	if err := errors.Join(err, keyboard.Close()); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	c := &call{env: newEnvironment([]string{"HOME=/h"}), host: host{terminal: func(w io.Writer) bool { return w == in }, zone: time.UTC},
		stdin: in, stdout: &stdout, stderr: &stderr, signals: make(chan os.Signal), exit: func(int) {}, faults: &faults{}}
	code := run(args, c)
	return outcome{code: code, stdout: stdout.String(), stderr: stderr.String()}
}

func TestWhoeverRemovesIsAskedFirst(t *testing.T) {
	for answer, want := range map[string]int{"yes\n": ExitOK, "n\n": ExitFailed, "": ExitUsage} {
		g := withGroup(t, voterOne, voterTwo, voterGone, spareThere)
		out := invokeAtTerminal(t, answer, "remove", "n3", "--data-dir", g.dir)
		if out.code != want || len(g.removed) > 0 != (want == ExitOK) {
			t.Errorf("%q: exit code %d, removed %v\n%s%s", answer, out.code, g.removed, out.stdout, out.stderr)
		}
		mustContain(t, out.stdout, "n3 (n_cccc) is a voter at 10.0.0.3:5626, last heard of 4m ago.", "A spare would take its place.", "Type yes")
	}
	g := withGroup(t, voterOne, voterTwo, voterGone)
	mustContain(t, invokeAtTerminal(t, "no\n", "remove", "n3", "--data-dir", g.dir).stdout, "There is nobody to take its place: the group would go on with 2 voters, of which none may be lost.")
	withAgent := withGroup(t, voterOne, voterTwo, voterGone, agentThere)
	mustContain(t, invokeAtTerminal(t, "no\n", "remove", "n3", "--data-dir", withAgent.dir).stdout, "an agent would become one first")
	runs := invokeAtTerminal(t, "no\n", "remove", "n2", "--data-dir", g.dir).stdout
	mustContain(t, runs, "It would go on as an agent", "There is nobody to take its place: the group would go on with 2 voters, of which none may be lost.")
	wantNot(t, runs, "it is replaced")
}
