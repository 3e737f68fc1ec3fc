package chaos_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

// TestMembersAreShownAndRemovedByTheCommands: the ones of the command line, with a real group behind them.
func TestMembersAreShownAndRemovedByTheCommands(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3, "--spares", "0", "--zone", "here")
	leader := g.Leader()
	stays, lost := g.Others(leader)[0], g.Others(leader)[1]
	want := func(r chaos.Ran, code int, says ...string) {
		t.Helper()
		for _, s := range says {
			if r.Code != code || !strings.Contains(r.Stdout+r.Stderr, s) {
				t.Errorf("exit code %d, want %d and %q:\n%s%s", r.Code, code, s, r.Stdout, r.Stderr)
			}
		}
	}
	want(stays.Run("members", "--server", stays.API), 0, "voter, Raft leader", "here", lost.Peer)
	remove := func(who string) chaos.Ran {
		t.Helper()
		return stays.Run("remove", who, "--yes", "--data-dir", stays.Dir)
	}
	want(remove("nobody"), 1, "there is no member nobody")
	lost.Kill()
	chaos.Until(t, 10*time.Second, lost.Name+" to be missed", func() error {
		if r := leader.Roles(); len(r.Ill) != 1 {
			return fmt.Errorf("%s", r)
		}
		return nil
	})
	want(remove(leader.Name), 1, "no_majority_left", "nothing was done")
	want(remove(lost.Name), 0, lost.Name+" (", "is out of the group", "The group: 2 voters; none may be lost.")
	want(remove(lost.Name), 1, "there is no member "+lost.Name)
	want(remove(leader.Name), 0, "It runs, and goes on as an agent")
	want(remove(stays.Name), 1, "last_voter")
	chaos.Until(t, 20*time.Second, stays.Name+" to lead alone", func() error {
		if r := stays.Roles(); fmt.Sprint(r.Voters) != fmt.Sprint([]string{stays.Name}) || len(r.Agents) != 1 {
			return fmt.Errorf("%s", r)
		}
		return nil
	})
	stays.Post("/v1/locks/nightly", "ttl", "1m").Want(t, 201)
}
