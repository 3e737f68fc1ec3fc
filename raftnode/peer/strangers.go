package peer

import (
	"net"
	"sync"
	"time"
)

// strangers are the hosts whose connections could not be secured, and when that was last told: a node with another secret tries ten times
// a second, and must not fill the log.
type strangers struct {
	mu   sync.Mutex
	told map[string]time.Time
}

const (
	tellAgainAfter = time.Minute
	maxStrangers   = 256 // remembered; beyond that all are forgotten, and told of anew
)

// tell says whether to tell of a host now.
func (s *strangers) tell(remote net.Addr, now time.Time) bool {
	host, _, err := net.SplitHostPort(remote.String())
	if err != nil {
		host = remote.String()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, known := s.told[host]; known && now.Sub(last) < tellAgainAfter {
		return false
	}
	if s.told == nil || len(s.told) >= maxStrangers {
		s.told = map[string]time.Time{}
	}
	s.told[host] = now
	return true
}
