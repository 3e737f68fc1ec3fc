package lease

// QueryKind says what is asked.
type QueryKind uint8

// The kinds of queries.
const (
	QueryName    QueryKind = iota + 1 // one name: Info
	QueryNames                        // names by prefix, sorted: Infos and Next
	QueryLease                        // one lease: Lease
	QueryHistory                      // one name's past: Info, History and Notable
)

// Query is a question to the state. It changes nothing and costs no log entry.
type Query struct {
	Kind   QueryKind
	Space  Space
	Name   string
	Lease  ID
	Token  Token  // QueryName: also tell whether a present holder has it (Answer.Code StaleToken if not); 0 is no question
	Prefix string // QueryNames
	After  string // QueryNames: names greater than this one
	Limit  int    // QueryNames: 1 to MaxListLimit
}

// Answer is the answer to a Query, true at Index.
type Answer struct {
	Code   Code
	Index  uint64 // the last log index that is in it
	Info   *Info
	Infos  []Info
	Next   string // the last name of this page if there are more
	Lease  *LeaseInfo
	Ended  EndReason // QueryLease with Code LeaseExpired
	EndAgo int64     // ns
	Why    string

	History []Past // QueryHistory: the last HistoryLength events, oldest first
	Notable []Past // QueryHistory: the same of those that were no plain grants and releases
}
