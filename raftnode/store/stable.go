package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/hashicorp/raft"
)

// The keys that raft uses, and ours in which a vote is kept whole.
const (
	keyCurrentTerm   = "CurrentTerm"
	keyLastVoteTerm  = "LastVoteTerm"
	keyLastVoteCand  = "LastVoteCand"
	keyVote          = "SidelockVote"
	voteHeaderBytes  = 8           // the term; the candidate follows
	notFoundSentence = "not found" // raft compares this text
)

var errKeyNotFound = errors.New(notFoundSentence)

// Stable is Raft's term and vote with their guards.
//
// raft writes a vote as two keys in two transactions. A crash between them leaves
// the new term beside the old candidate, and raft takes that for a vote already
// given: it would grant the old candidate the new term without looking at its
// log. So the term is held back until the candidate comes, and both are written
// as one record. A term or a vote that goes backwards is refused: it would mean
// that this library, or the file, is not what this code was written for.
type Stable struct {
	log *Log // shares backend, failure and file name

	mu      sync.Mutex
	loaded  bool
	voted   bool
	term    uint64 // of the last vote given
	cand    string
	pending *uint64 // term of a vote whose candidate has not come yet
}

var _ raft.StableStore = (*Stable)(nil)

// NewStable puts the guards around the backend of l.
func NewStable(l *Log) *Stable { return &Stable{log: l} }

// Set writes one key durably. Any error has gone to Fatal.
func (s *Stable) Set(key, val []byte) error {
	if string(key) == keyLastVoteCand {
		return s.setVote(string(val))
	}
	return s.write(key, val)
}

// Get reads one key. A missing one is an error whose text is "not found".
func (s *Stable) Get(key []byte) ([]byte, error) {
	if string(key) == keyLastVoteCand {
		_, cand, err := s.vote()
		if err != nil {
			return nil, err // not an empty slice: raft takes any but nil for a vote given
		}
		return []byte(cand), nil
	}
	return s.read(key)
}

// SetUint64 writes one key durably. Any error has gone to Fatal.
func (s *Stable) SetUint64(key []byte, val uint64) error {
	switch string(key) {
	case keyLastVoteTerm:
		return s.beginVote(val)
	case keyCurrentTerm:
		if err := s.checkTerm(val); err != nil {
			return err
		}
	}
	return s.Set(key, binary.BigEndian.AppendUint64(nil, val))
}

// GetUint64 reads one key. A missing one is an error whose text is "not found".
func (s *Stable) GetUint64(key []byte) (uint64, error) {
	if string(key) == keyLastVoteTerm {
		term, _, err := s.vote()
		return term, err
	}
	val, err := s.read(key)
	if err != nil {
		return 0, err
	}
	if len(val) != 8 {
		return 0, s.log.fail.report(&CorruptError{File: s.log.file, Reason: fmt.Sprintf("%s has %d bytes, expected 8", key, len(val))})
	}
	return binary.BigEndian.Uint64(val), nil
}

// write puts one key, sealed like an entry: a flipped bit in a term could be a
// second vote in it.
func (s *Stable) write(key, val []byte) error {
	rec := make([]byte, sealBytes, sealBytes+len(val))
	rec[0] = sealVersion
	binary.BigEndian.PutUint32(rec[1:], pairSum(key, val))
	rec = append(rec, val...)
	return s.log.do(writeState, func() error { return s.log.inner.Set(key, rec) })
}

// read gets one key and verifies it; only "not found" is an answer.
func (s *Stable) read(key []byte) (val []byte, err error) {
	missing := false
	err = s.log.do(readState, func() (err error) {
		val, err = s.log.inner.Get(key)
		if err != nil && err.Error() == notFoundSentence {
			missing, err = true, nil
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case missing:
		return nil, errKeyNotFound
	case len(val) < sealBytes || val[0] != sealVersion || binary.BigEndian.Uint32(val[1:]) != pairSum(key, val[sealBytes:]):
		return nil, s.log.fail.report(&CorruptError{File: s.log.file, Reason: fmt.Sprintf("the record %s has not its checksum", key)})
	}
	return val[sealBytes:], nil
}

func (s *Stable) checkTerm(next uint64) error {
	now, err := s.GetUint64([]byte(keyCurrentTerm))
	if err != nil && !errors.Is(err, errKeyNotFound) {
		return err
	}
	if err == nil && next < now {
		return s.log.fail.report(fmt.Errorf("%s: term would go back from %d to %d; stopped before a term is used twice", s.log.file, now, next))
	}
	return nil
}

func (s *Stable) vote() (uint64, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(); err != nil {
		return 0, "", err
	}
	if !s.voted {
		return 0, "", errKeyNotFound
	}
	return s.term, s.cand, nil
}

// beginVote takes the first half of a vote. Nothing is written: without the
// second half there is no vote.
func (s *Stable) beginVote(term uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(); err != nil {
		return err
	}
	if s.voted && term < s.term {
		return s.log.fail.report(fmt.Errorf("%s: vote would go back from term %d to %d; stopped before a vote is given twice", s.log.file, s.term, term))
	}
	s.pending = &term
	return nil
}

// setVote takes the second half and writes both at once.
func (s *Stable) setVote(cand string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(); err != nil {
		return err
	}
	if s.pending == nil {
		return s.log.fail.report(fmt.Errorf("%s: a vote for %q came without its term", s.log.file, cand))
	}
	term := *s.pending
	if s.voted && s.term == term && s.cand != cand {
		return s.log.fail.report(fmt.Errorf("%s: second vote in term %d: given to %q, asked for %q", s.log.file, term, s.cand, cand))
	}
	rec := append(binary.BigEndian.AppendUint64(nil, term), cand...)
	if err := s.write([]byte(keyVote), rec); err != nil {
		return err
	}
	s.pending, s.voted, s.term, s.cand = nil, true, term, cand
	return nil
}

// load reads the vote once; called with mu held.
func (s *Stable) load() error {
	if s.loaded {
		return s.log.fail.check()
	}
	rec, err := s.read([]byte(keyVote))
	switch {
	case errors.Is(err, errKeyNotFound):
		s.loaded = true
		return nil
	case err != nil:
		return err
	case len(rec) < voteHeaderBytes:
		return s.log.fail.report(&CorruptError{File: s.log.file, Reason: "the record of the last vote is not readable"})
	}
	s.loaded, s.voted = true, true
	s.term, s.cand = binary.BigEndian.Uint64(rec), string(rec[voteHeaderBytes:])
	return nil
}
