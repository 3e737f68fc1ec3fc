package lease

// session is what is known of one run of one sidecar.
type session struct {
	node string // its name, for people
	low  uint64 // every command below has been answered or given up
	used Time   // when it last said something
	size int    // results remembered
	open uint64 // nonce of the command that made it
}

// remembered is the result of one command of a session, kept until the sidecar says that it has it.
type remembered struct {
	session SessionID
	seq     uint64
	result  *Result
}

func rememberedLess(a, b remembered) bool {
	if a.session != b.session {
		return a.session < b.session
	}
	return a.seq < b.seq
}

// once runs a command unless it is a repeat, and remembers what it came to.
func (s *State) once(c *Command) Result {
	switch c.Op {
	case OpBootstrap:
		return s.boot(c)
	case OpOpenSession:
		return s.openSession(c)
	case OpRaiseLevel:
		return s.raise(c)
	}
	if !s.bootstrap {
		return Result{Code: NotBootstrapped, Index: s.index}
	}
	live, ok := s.sessions.Get(c.Session)
	if !ok {
		return Result{Code: UnknownSession, Index: s.index}
	}
	if c.Seq < live.low {
		return Result{Code: StaleCommand, Index: s.index}
	}
	if before, ok := s.results.Get(remembered{session: c.Session, seq: c.Seq}); ok {
		return *before.result
	}
	live.used = s.clock
	s.answered(c.Session, &live, c.Low)
	if c.Cancel != 0 {
		s.cancel(c, &live)
	}
	result := s.run(c)
	result.Index = s.index
	s.keep(remembered{c.Session, c.Seq, &result}, &live)
	s.sessions.Set(c.Session, live)
	return result
}

// cancel makes sure that a command given up by its sidecar never runs, however late a duplicate of it arrives.
func (s *State) cancel(c *Command, live *session) {
	mark := remembered{session: c.Session, seq: c.Cancel, result: &Result{Code: StaleCommand, Index: s.index}}
	if _, ran := s.results.Get(mark); !ran && c.Cancel >= live.low {
		s.keep(mark, live)
	}
}

func (s *State) keep(m remembered, live *session) {
	if _, again := s.results.Set(m); again {
		return
	}
	if live.size++; live.size > MaxSessionWindow {
		oldest := uint64(0)
		s.results.Ascend(remembered{session: m.session}, func(r remembered) bool {
			oldest = r.seq
			return false
		})
		s.answered(m.session, live, oldest+1)
	}
}

// answered forgets the results of all commands below low.
func (s *State) answered(id SessionID, live *session, low uint64) {
	if low <= live.low {
		return
	}
	live.low = low
	for {
		found := false
		var oldest remembered
		s.results.Ascend(remembered{session: id}, func(r remembered) bool {
			oldest, found = r, r.session == id && r.seq < low
			return false
		})
		if !found {
			return
		}
		s.results.Delete(oldest)
		live.size--
	}
}

// openSession makes a session. Said again with the same nonce (Attempt) it reports the one made.
func (s *State) openSession(c *Command) Result {
	if len(c.Node) > MaxOwnerLen || !wellFormed(c.Node) {
		return Result{Code: InvalidRequest, Param: "node", Index: s.index, Detail: "a node name is printable UTF-8"}
	}
	if made := s.openedBy(c.Attempt); made != 0 {
		return Result{Session: made, Index: s.index}
	}
	for s.sessions.Len() >= MaxSessions {
		s.dropIdlest()
	}
	s.session++
	s.sessions.Set(s.session, session{node: c.Node, used: s.clock, open: c.Attempt})
	return Result{Session: s.session, Index: s.index}
}

// openedBy finds the session that a nonce opened; 0 if none lives.
func (s *State) openedBy(nonce uint64) (made SessionID) {
	if nonce == 0 {
		return 0
	}
	s.sessions.Scan(func(id SessionID, live session) bool {
		if live.open == nonce {
			made = id
		}
		return made == 0
	})
	return made
}

func (s *State) dropIdlest() {
	var idlest SessionID
	var used Time
	s.sessions.Scan(func(id SessionID, live session) bool {
		if idlest == 0 || live.used < used {
			idlest, used = id, live.used
		}
		return true
	})
	s.dropSession(idlest)
}

func (s *State) dropSession(id SessionID) {
	live, _ := s.sessions.Get(id)
	s.answered(id, &live, ^uint64(0))
	s.results.Delete(remembered{session: id, seq: ^uint64(0)}) // the one that is not below any other
	s.sessions.Delete(id)
}

// sweepSessions ends the sessions that have been idle too long. It looks once a second of cluster time: a session
// asks for no tick.
func (s *State) sweepSessions() {
	second := int64(s.clock) / 1e9
	if second == s.swept {
		return
	}
	s.swept = second
	var idle []SessionID
	s.sessions.Scan(func(id SessionID, live session) bool {
		if s.elapsed(live.used) > SessionTimeout {
			idle = append(idle, id)
		}
		return true
	})
	for _, id := range idle {
		s.dropSession(id)
	}
}

// nodeOf is the name of a session's sidecar.
func (s *State) nodeOf(id SessionID) string {
	live, _ := s.sessions.Get(id)
	return live.node
}

// boot sets the group's settings, once, and raises the fencing tokens to at least the command's: at bootstrap and at
// recovery that is the wall clock in microseconds, so that tokens rise even across a rebuilt group.
func (s *State) boot(c *Command) Result {
	if c.Settings == nil || c.Settings.MinTTL <= 0 || c.Settings.MinTTL > MaxTTL {
		return Result{Code: InvalidRequest, Param: "settings", Index: s.index, Detail: "settings are missing or out of bounds"}
	}
	if c.Token > maxToken {
		return Result{Code: InvalidToken, Param: "token", Index: s.index, Detail: "a fencing token is below 2^53"}
	}
	s.token = max(s.token, c.Token)
	if !s.bootstrap {
		s.settings, s.bootstrap = *c.Settings, true
	}
	return Result{Token: s.token, Index: s.index}
}
