package cli

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
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
	if out := invokeOn(t, s, ExitOK, "status").stdout; strings.Contains(out, "note") {
		t.Errorf("the versions that are known are the same:\n%s", out)
	}
}

// withGroup is a fake sidecar of a group, with an admin socket in a data directory, that removes whom it is told to.
func withGroup(t *testing.T, members ...string) (*fakeSidecar, string) {
	t.Helper()
	s, dir := newFakeSidecar(t), t.TempDir()
	s.onSocket(t, dir+"/admin.sock")
	s.on("GET /v1/cluster", 200, cluster(oneLeads, "0", members...))
	s.on("DELETE /v1/cluster/members/n_cccc", 200, `{"state":"removed","name":"n3","id":"n_cccc","address":"10.0.0.3:5626","role":"voter","healthy":false}`)
	s.on("DELETE /v1/cluster/members/n_bbbb", 200, `{"state":"removed","name":"n2","id":"n_bbbb","address":"10.0.0.2:5626","role":"voter","healthy":true}`)
	return s, dir
}

// deletions are the removals that were asked for.
func (s *fakeSidecar) deletions() (asked []string) {
	for _, q := range s.queries() {
		if strings.HasPrefix(q, "DELETE ") {
			asked = append(asked, q)
		}
	}
	return asked
}

func TestMemberIsRemovedByNameOrByID(t *testing.T) {
	s, dir := withGroup(t, voterOne, voterTwo, voterGone)
	for _, word := range []string{"n3", "n_cccc"} {
		out := invokeOn(t, s, ExitOK, "remove", word, "--yes", "--data-dir", dir)
		mustContain(t, out.stdout, "n3 (n_cccc) is out of the group.", "If it is started again", "The group: 3 voters; none may be lost.")
	}
	mustContain(t, invokeOn(t, s, ExitOK, "remove", "n2", "--yes", "--admin-socket", dir+"/admin.sock").stdout, "It runs, and goes on as an agent")
	out := invokeOn(t, s, ExitOK, "remove", "n2", "--yes", "--output", "json", "--data-dir", dir)
	if !sameJSON(t, out.stdout, `{"state":"removed","name":"n2","id":"n_bbbb","role":"voter","healthy":true}`) {
		t.Errorf("%s", out.stdout)
	}
	if got := strings.Join(s.deletions(), " "); strings.Count(got, "n_cccc") != 2 || strings.Count(got, "n_bbbb") != 2 {
		t.Errorf("asked: %s", got)
	}
}

func TestRemovalThatIsNotClearIsNotDone(t *testing.T) {
	s, dir := withGroup(t, voterOne, voterTwo, voterGone, namesake, agentThere)
	try := func(code int, args ...string) string {
		return invokeOn(t, s, code, append([]string{"remove", "--data-dir", dir}, args...)...).stderr
	}
	mustContain(t, try(ExitUsage, "n3", "--yes"), "2 members are called n3", "n_cccc  voter at 10.0.0.3:5626, last heard of 4m ago", "n_ffff  spare at 10.0.0.6:5626, it runs")
	mustContain(t, try(ExitFailed, "n9", "--yes"), "there is no member n9 in the group")
	mustContain(t, try(ExitFailed, "a1", "--yes"), "a1 is an agent, and no member")
	mustContain(t, try(ExitUsage, "n2"), "nothing was done: nobody can be asked here", "--yes")
	mustContain(t, try(ExitUsage), "MEMBER: is missing")
	mustContain(t, try(ExitUsage, "a/b", "--yes"), "MEMBER")
	if asked := s.deletions(); len(asked) > 0 {
		t.Errorf("asked: %v", asked)
	}
}

func TestRefusedRemovalSaysWhatIsInTheWay(t *testing.T) {
	s, dir := withGroup(t, voterOne, voterTwo, voterGone)
	refuse := func(status int, code, title string) string {
		s.on("DELETE /v1/cluster/members/n_bbbb", status, `{"code":"`+code+`","title":"`+title+`","status":409,"detail":"bring others back first"}`)
		return invokeOn(t, s, ExitFailed, "remove", "n2", "--yes", "--data-dir", dir).stderr
	}
	mustContain(t, refuse(409, "no_majority_left", "Too few healthy voters would be left"), "nothing was done", "no_majority_left", "bring others back first")
	mustContain(t, refuse(404, "no_such_member", "The group has no such member"), "nothing was done: it is no member any more")
	mustContain(t, invokeOn(t, s, ExitFailed, "remove", "n2", "--yes", "--data-dir", t.TempDir()).stderr, "there is no admin socket at")
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
		s, dir := withGroup(t, voterOne, voterTwo, voterGone, spareThere)
		out := invokeAtTerminal(t, answer, "remove", "n3", "--data-dir", dir)
		if out.code != want || len(s.deletions()) > 0 != (want == ExitOK) {
			t.Errorf("%q: exit code %d, asked %v\n%s%s", answer, out.code, s.deletions(), out.stdout, out.stderr)
		}
		mustContain(t, out.stdout, "n3 (n_cccc) is a voter at 10.0.0.3:5626, last heard of 4m ago.", "A spare would take its place.", "Type yes")
	}
	_, dir := withGroup(t, voterOne, voterTwo, voterGone)
	mustContain(t, invokeAtTerminal(t, "no\n", "remove", "n3", "--data-dir", dir).stdout, "There is no spare to take its place")
	mustContain(t, invokeAtTerminal(t, "no\n", "remove", "n2", "--data-dir", dir).stdout, "It would go on as an agent")
}
