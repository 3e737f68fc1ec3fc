package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/internal/apitest"
	"github.com/sidelock/sidelock/raftnode"
)

func bodyOf(t *testing.T, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// wantRefusal checks the status and the code of a refusal, and returns it.
func wantRefusal(t *testing.T, resp *http.Response, status int, code string) document {
	t.Helper()
	d := problemOf(t, resp)
	if d.Status != status || d.Code != code {
		t.Errorf("%d %s, want %d %s: %s", d.Status, d.Code, status, code, d.Detail)
	}
	return d
}

func TestMemberIsRemovedOnAnAdministratorsWord(t *testing.T) {
	node := newFakeNode()
	var removed []string
	node.remove = func(ctx context.Context, id string) error {
		if deadline, _ := ctx.Deadline(); time.Until(deadline) < 10*time.Second {
			t.Errorf("only %v to replace it first", time.Until(deadline))
		}
		removed = append(removed, id)
		return nil
	}
	var log bytes.Buffer
	api := httpapi.New(httpapi.Config{Node: node, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	resp := ask(t, api.AdminHandler(), formRequest("DELETE", "/v1/cluster/members/id-2", ""))
	want := `{"state":"removed","name":"n2","id":"id-2","address":null,"role":"voter","healthy":false}` + "\n"
	if got := bodyOf(t, resp); resp.StatusCode != 200 || got != want {
		t.Errorf("%d %s\nwant %s", resp.StatusCode, got, want)
	}
	if !strings.Contains(log.String(), "member removed") || !strings.Contains(log.String(), "name=n2") {
		t.Errorf("the log says nothing of it: %s", log.String())
	}
	resp = ask(t, api.AdminHandler(), formRequest("DELETE", "/v1/cluster/members/n_unknown.here", ""))
	if got := bodyOf(t, resp); resp.StatusCode != 200 || !strings.Contains(got, `"name":"n_unknown.here"`) || !strings.Contains(got, `"role":null`) {
		t.Errorf("of one that is not known here: %d %s", resp.StatusCode, got)
	}
	if strings.Join(removed, " ") != "id-2 n_unknown.here" {
		t.Errorf("removed %v", removed)
	}
	for _, h := range []http.Handler{api.Handler(), api.SocketHandler()} {
		wantRefusal(t, ask(t, h, formRequest("DELETE", "/v1/cluster/members/id-2", "")), 403, "forbidden")
	}
	if len(removed) != 2 {
		t.Errorf("removed although it was forbidden: %v", removed)
	}
}

func TestRefusalsOfARemovalSayWhatIsInTheWay(t *testing.T) {
	node := newFakeNode()
	api := httpapi.New(httpapi.Config{Node: node})
	for _, tc := range []struct {
		err    error
		status int
		code   string
	}{
		{raftnode.ErrNoSuchMember, 404, "no_such_member"},
		{raftnode.ErrIsAgent, 409, "not_a_member"},
		{raftnode.ErrLastVoter, 409, "last_voter"},
		{raftnode.ErrNoMajority, 409, "no_majority_left"},
		{&raftnode.Error{Code: raftnode.NoLeader, Detail: "nobody leads"}, 503, "no_leader"},
		{&raftnode.Error{Code: raftnode.NoQuorum, Detail: "not in time"}, 503, "no_quorum"},
		{&raftnode.Error{Code: raftnode.OutcomeUnknown, Detail: "perhaps"}, 504, "outcome_unknown"},
		{errors.New("never seen before"), 504, "outcome_unknown"},
	} {
		node.remove = func(context.Context, string) error { return tc.err }
		wantRefusal(t, ask(t, api.AdminHandler(), formRequest("DELETE", "/v1/cluster/members/id-2", "")), tc.status, tc.code)
	}
	node.remove = func(_ context.Context, id string) error { t.Errorf("asked to remove %q", id); return nil }
	for _, id := range []string{"%00", "-x", "a%2Fb", strings.Repeat("n", 129)} {
		wantRefusal(t, ask(t, api.AdminHandler(), formRequest("DELETE", "/v1/cluster/members/"+id, "")), 404, "no_such_member")
	}
	wantRefusal(t, ask(t, api.AdminHandler(), formRequest("DELETE", "/v1/cluster/members/id-2?force=1", "")), 400, "invalid_request")
}

// TestKeyOfSomeNamesRemovesNobody: the group is everybody's.
func TestKeyOfSomeNamesRemovesNobody(t *testing.T) {
	const teamAdmin = "team-admin-0f1e2d3c4b5a69788796a5b4c3d2"
	ring := ringOf(t, apitest.KeysFile+"  - {name: team-admin, key: "+teamAdmin+", verbs: [admin], prefixes: [team-a]}\n")
	node := newFakeNode()
	removed := 0
	node.remove = func(context.Context, string) error { removed++; return nil }
	h := httpapi.New(httpapi.Config{Node: node, Keys: ring}).Handler()
	with := func(key string) *http.Response {
		return ask(t, h, withKey(formRequest("DELETE", "/v1/cluster/members/id-2", ""), key))
	}
	wantRefusal(t, with(teamAdmin), 403, "forbidden")
	wantRefusal(t, with(apitest.TeamKey), 403, "forbidden")
	if removed != 0 {
		t.Fatal("removed")
	}
	if resp := with(apitest.AdminKey); resp.StatusCode != 200 || removed != 1 {
		t.Errorf("an administrator of everything: %d", resp.StatusCode)
	}
}
