package intake

import (
	"sync"
	"time"
)

// quiet is how long a reason is not logged again. All are counted.
const quiet = time.Minute

// sieve keeps who knocks often from filling the log file.
type sieve struct {
	mu   sync.Mutex
	last map[reason]time.Time
}

// lets reports whether the reason is worth a line now.
func (s *sieve) lets(r reason, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.last[r]; ok && now.Sub(last) < quiet {
		return false
	}
	if s.last == nil {
		s.last = map[reason]time.Time{}
	}
	s.last[r] = now
	return true
}
