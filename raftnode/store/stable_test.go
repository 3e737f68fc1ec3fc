package store

import (
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
)

var (
	voteTerm = []byte(keyLastVoteTerm)
	voteCand = []byte(keyLastVoteCand)
	current  = []byte(keyCurrentTerm)
)

func vote(s raft.StableStore, term uint64, cand string) error {
	if err := s.SetUint64(voteTerm, term); err != nil {
		return err
	}
	return s.Set(voteCand, []byte(cand))
}

func TestMissingKeysAreWhatRaftExpects(t *testing.T) {
	d, rec := open(t, t.TempDir())
	_, s, _ := d.stores()
	for _, k := range [][]byte{voteTerm, current} {
		if v, err := s.GetUint64(k); v != 0 || err == nil || err.Error() != "not found" {
			t.Fatalf("%s: %d %v", k, v, err)
		}
	}
	if v, err := s.Get(voteCand); v != nil || err == nil || err.Error() != "not found" {
		t.Fatalf("candidate %v %v", v, err)
	}
	if len(rec.errs) != 0 {
		t.Fatal(rec.errs)
	}
}

// TestCrashWithinAVoteLeavesTheOldVote: with two separate keys the new term
// would stand beside the old candidate, who would then be granted that term too.
func TestCrashWithinAVoteLeavesTheOldVote(t *testing.T) {
	path := t.TempDir()
	d, _ := open(t, path)
	_, s, _ := d.stores()
	if err := vote(s, 4, "n_old"); err != nil {
		t.Fatal(err)
	}
	if err := s.SetUint64(voteTerm, 5); err != nil {
		t.Fatal(err)
	}
	shut(t, d) // "crash": the candidate of term 5 was never written

	d, _ = open(t, path)
	_, s, _ = d.stores()
	term, err := s.GetUint64(voteTerm)
	cand, err2 := s.Get(voteCand)
	if term != 4 || string(cand) != "n_old" || err != nil || err2 != nil {
		t.Fatalf("vote for %q in term %d (%v, %v)", cand, term, err, err2)
	}
	if err := vote(s, 5, "n_new"); err != nil {
		t.Fatal(err)
	}
}

func TestTermsAndVotesNeverGoBack(t *testing.T) {
	bad := map[string]func(raft.StableStore) error{
		"term goes back":          func(s raft.StableStore) error { return s.SetUint64(current, 6) },
		"vote goes back":          func(s raft.StableStore) error { return vote(s, 6, "n_b") },
		"second vote in the term": func(s raft.StableStore) error { return vote(s, 7, "n_b") },
		"vote without term":       func(s raft.StableStore) error { return s.Set(voteCand, []byte("n_b")) },
	}
	for what, f := range bad {
		t.Run(what, func(t *testing.T) {
			path := t.TempDir()
			d, _ := open(t, path)
			_, s, _ := d.stores()
			if err := errors.Join(s.SetUint64(current, 7), vote(s, 7, "n_a"), vote(s, 7, "n_a"), s.SetUint64(current, 7)); err != nil {
				t.Fatal(err)
			}
			shut(t, d)
			d, rec := open(t, path)
			_, s, _ = d.stores()
			if err := f(s); err == nil || len(rec.errs) != 1 {
				t.Fatalf("%v; fatal %v", err, rec.errs)
			}
		})
	}
}

func TestTamperedTermIsNeverReturned(t *testing.T) {
	for _, name := range []string{keyCurrentTerm, keyVote} {
		path := t.TempDir()
		d, _ := open(t, path)
		_, s, _ := d.stores()
		if err := errors.Join(s.SetUint64(current, 7), vote(s, 7, "n_a")); err != nil {
			t.Fatal(err)
		}
		shut(t, d)
		patchBolt(t, path, "conf", func(b *bbolt.Bucket) error {
			v := append([]byte(nil), b.Get([]byte(name))...)
			v[len(v)-1] ^= 1
			return b.Put([]byte(name), v)
		})
		d, rec := open(t, path)
		_, s, _ = d.stores()
		_, err := s.GetUint64(current)
		_, err2 := s.GetUint64(voteTerm)
		if err = errors.Join(err, err2); err == nil || !strings.Contains(err.Error(), name) && name != keyVote || len(rec.errs) != 1 {
			t.Fatalf("%s: %v; fatal %v", name, err, rec.errs)
		}
	}
}
