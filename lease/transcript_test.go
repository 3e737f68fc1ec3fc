package lease

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the answers in testdata/*.txt (and, of the next release, its snapshot) with what the state machine says now")

// TestTranscripts plays the stories in testdata. A line without indent is a command; the indented lines below it are
// what came of it, and are rewritten by -update: read the difference before believing it.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			a, b := strings.Split(got, "\n"), strings.Split(string(want), "\n")
			for i := range min(len(a), len(b)) {
				if a[i] != b[i] {
					t.Fatalf("line %d\n got %q\nwant %q", i+1, a[i], b[i])
				}
			}
			if len(a) != len(b) {
				t.Fatalf("%d lines, want %d", len(a), len(b))
			}
		})
	}
}

// play runs a transcript and returns it with its answers as they are.
func play(t *testing.T, script string) string {
	s := &stage{rig: newRig(t), sidecars: map[string]SessionID{}, labels: map[string]Command{}}
	var out strings.Builder
	for number, line := range strings.Split(strings.TrimRight(script, "\n"), "\n") {
		if strings.HasPrefix(line, "  ") {
			continue // an answer of the last time
		}
		out.WriteString(line + "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		answers, err := s.line(line)
		if err != nil {
			t.Fatalf("line %d: %s: %v", number+1, line, err)
		}
		for _, a := range answers {
			out.WriteString("    " + a + "\n")
		}
	}
	return out.String()
}

// stage is where a transcript plays: a rig whose leases, sidecars and commands have names.
type stage struct {
	*rig
	sidecars map[string]SessionID
	labels   map[string]Command
}

// line runs one line: a command, with `label:` before it to say it again later, or one of
//
//	after 5s            time passes, and the Raft leader's tick says so
//	again LABEL         the very same command once more, as a network that doubles or delays delivers it
//	delay LABEL: …      a command is sent, and is under way until it is said again
//	show lock NAME      what a read answers
//	leader change       a new Raft leader; what the old one still had under way is stamped in the old term
//	stale: …            a command in an entry that the old Raft leader stamped
//	snapshot            the node restarts from a snapshot
func (s *stage) line(line string) ([]string, error) {
	words := strings.Fields(line)
	switch words[0] {
	case "after":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			return nil, err
		}
		s.pass(d)
		return s.happened(nil), nil
	case "again":
		c, ok := s.labels[words[1]]
		if !ok {
			return nil, fmt.Errorf("no command has this label")
		}
		return s.answer(c), nil
	case "show":
		return s.show(words[1], words[2])
	case "snapshot":
		s.restore()
		return nil, nil
	case "leader":
		s.term++
		return nil, nil
	case "stale:":
		c, err := s.parse(words[1:])
		if err != nil {
			return nil, err
		}
		s.index++
		results, _ := s.s.Apply(s.index, s.term, Entry{Term: s.term - 1, Now: s.now.Add(time.Hour), Commands: []Command{c}})
		return []string{fmt.Sprintf("ignored: %d results", len(results))}, nil
	}
	label, delayed := "", words[0] == "delay"
	if delayed {
		words = words[1:]
	}
	if strings.HasSuffix(words[0], ":") {
		label, words = strings.TrimSuffix(words[0], ":"), words[1:]
	}
	c, err := s.parse(words)
	if err != nil {
		return nil, err
	}
	s.labels[label] = c
	if delayed {
		return nil, nil
	}
	return s.answer(c), nil
}

// answer applies a command and tells its result, then what else happened.
func (s *stage) answer(c Command) []string {
	result := s.apply(c)[0]
	return s.happened([]string{describe(&result)})
}

// parse reads a command: VERB [NAME] by=LEASE and parameters.
func (s *stage) parse(words []string) (Command, error) {
	c := Command{Space: Locks, TTL: 15 * time.Second, Limit: 1}
	verbs := map[string]Op{"acquire": OpAcquire, "campaign": OpAcquire, "renew": OpRenew, "release": OpRelease, "resign": OpRelease,
		"withdraw": OpWithdraw, "force": OpForceRelease, "lease": OpCreateLease, "heartbeat": OpRenewLease, "revoke": OpRevokeLease,
		"keepalive": OpKeepAlive}
	verb := words[0]
	op, ok := verbs[verb]
	if !ok {
		return c, fmt.Errorf("no such command")
	}
	c.Op = op
	if verb == "campaign" || verb == "resign" {
		c.Space, c.Wait = Elections, verb == "campaign"
	}
	sidecar := "n1"
	for _, w := range words[1:] {
		key, arg, given := strings.Cut(w, "=")
		if err := s.parameter(&c, key, arg, given, &sidecar); err != nil {
			return c, fmt.Errorf("%s: %w", w, err)
		}
	}
	if c.Op == OpKeepAlive {
		c.Renewals, c.Lease, c.Name = []Renewal{{Lease: c.Lease, Hold: c.Hold}}, "", ""
	}
	if _, ok := s.sidecars[sidecar]; !ok {
		s.sidecars[sidecar] = s.openSession(sidecar)
	}
	c.Session = s.sidecars[sidecar]
	return s.number(c), nil
}

func (s *stage) parameter(c *Command, key, arg string, given bool, sidecar *string) error {
	duration := func(to *time.Duration) (err error) {
		*to, err = time.ParseDuration(arg)
		return err
	}
	number := func() uint64 {
		n, _ := strconv.ParseUint(arg, 10, 64)
		return n
	}
	switch {
	case !given && key == "wait":
		c.Wait = true
	case !given && key == "keep":
		c.Keep = true
	case !given && key == "hold":
		c.Hold = true
	case !given && key == "told":
		c.Told = true
	case !given && key == "latest":
		c.Latest = true
	case !given && key == "leave":
		c.Leave = true
	case !given && key == "immediate":
		c.Immediate = true
	case !given && key == "shared":
		c.Limit, c.Given = 0, c.Given|GivenLimit
	case !given && key == "election":
		c.Space = Elections
	case !given && c.Name == "":
		c.Name = key
	case key == "by":
		c.Lease, c.Owner = id(arg), arg
	case key == "ttl":
		c.Given |= GivenTTL
		return duration(&c.TTL)
	case key == "min_hold":
		c.Given |= GivenMinHold
		return duration(&c.MinHold)
	case key == "limit":
		c.Limit, c.Given = uint32(number()), c.Given|GivenLimit
	case key == "value":
		c.Value, c.Given = arg, c.Given|GivenValue
	case key == "attempt":
		c.Attempt = number()
	case key == "token":
		c.Token = Token(number())
	case key == "reason":
		c.Reason = arg
	case key == "cancels":
		c.Cancel = s.labels[arg].Seq
	case key == "via":
		*sidecar = arg
	default:
		return fmt.Errorf("no such parameter")
	}
	return nil
}

// describe is one line for one result, of what its caller learns.
func describe(r *Result) string {
	if r.Code != OK {
		parts := []string{string(r.Code)}
		add := func(format string, yes bool, args ...any) {
			if yes {
				parts = append(parts, fmt.Sprintf(format, args...))
			}
		}
		add("%v %v ago", r.Reason != NotEnded && r.Code == LeaseExpired, r.Reason, r.EndedAgo)
		add("%v", r.Reason != NotEnded && r.Code != LeaseExpired, r.Reason)
		add("because %s", r.Why != "", r.Why)
		add("wrong: %s", r.Param != "", r.Param)
		for i := range r.Holders {
			parts = append(parts, holder(&r.Holders[i]))
		}
		add("%d in line", r.QueueLength > 0, r.QueueLength)
		add("try again in %v", r.RetryAfter > 0, r.RetryAfter)
		return strings.Join(parts, ", ")
	}
	switch {
	case r.Standing == Holding:
		return fmt.Sprintf("holds: token %d, %v left%s", r.Token, r.Remaining, made(r))
	case r.Standing == Waiting:
		return fmt.Sprintf("waits: number %d in line, %v left", r.Position, r.Remaining)
	case len(r.Places) > 0:
		var list []string
		for _, p := range r.Places {
			if p.Standing == Holding {
				list = append(list, fmt.Sprintf("holds %s with %d", p.Name, p.Token))
			} else {
				list = append(list, fmt.Sprintf("waits for %s at %d", p.Name, p.Position))
			}
		}
		return fmt.Sprintf("lease: %v left, %s", r.Remaining, strings.Join(list, ", "))
	case r.Remaining > 0 && r.Token == 0:
		return fmt.Sprintf("lease: %v left%s", r.Remaining, made(r))
	case r.Token != 0:
		return fmt.Sprintf("done: token %d", r.Token)
	}
	return "done"
}

func made(r *Result) string {
	if r.Created {
		return ", new"
	}
	return ""
}

func holder(h *Holder) string {
	switch {
	case h.Ended == Forced:
		return fmt.Sprintf("%s was forced out and may believe for %v more", h.Owner, h.ExpiresIn)
	case h.Ended != NotEnded:
		return fmt.Sprintf("%s has ended and its place is taken for %v more", h.Owner, h.ExpiresIn)
	}
	return fmt.Sprintf("held by %s for %v, %v left", h.Owner, h.Held, h.ExpiresIn)
}

// happened lists the events of the last entry below what is already said.
func (s *stage) happened(list []string) []string {
	for i := range s.events {
		e := &s.events[i]
		text := fmt.Sprintf("* %s: %s %s", e.Name, e.Owner, e.Kind)
		if e.Kind == EventGranted {
			text += fmt.Sprintf(" token %d", e.Token)
		}
		if e.Waited > 0 {
			text += fmt.Sprintf(" after %v in line", e.Waited)
		}
		if e.Late > 0 {
			text += fmt.Sprintf(", %v late", e.Late)
		}
		if e.Why != "" {
			text += " because " + e.Why
		}
		list = append(list, text)
	}
	return list
}

func (s *stage) show(kind, name string) ([]string, error) {
	space := map[string]Space{"lock": Locks, "election": Elections}[kind]
	a := s.s.Answer(Query{Kind: QueryName, Space: space, Name: name})
	if a.Code != OK {
		return nil, fmt.Errorf("%s", a.Code)
	}
	var list []string
	for i := range a.Info.Holders {
		h := &a.Info.Holders[i]
		text := fmt.Sprintf("%s, token %d", holder(h), h.Token)
		if h.Value != "" {
			text += ", value " + h.Value
		}
		list = append(list, text)
	}
	for i, w := range a.Info.Queue {
		list = append(list, fmt.Sprintf("%d. %s, waiting for %v", i+1, w.Owner, w.Waiting))
	}
	if len(list) == 0 {
		list = []string{"free"}
	}
	return slices.Clip(list), nil
}
