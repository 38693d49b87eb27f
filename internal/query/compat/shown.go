package compat

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/orgmirror/orgmirror/internal/query"
)

// shown remembers of each company whether its app is shown mobile numbers. They have a
// permission of their own, which shows nothing else, and "" in an answer of Feishu's means either
// that somebody has none or that the app may not know, so the read model keeps
// neither. Where it has anybody's number, it may have all, and who has none has "".
type shown struct{ companies sync.Map } // *shownIn by tenant_key

type shownIn struct {
	yes   atomic.Bool
	asked atomic.Int64 // when, in Unix nanoseconds
}

// askAgain is how often it is looked for while there is none.
const askAgain = 10 * time.Second

func (s *shown) mobiles(c *call) bool {
	company := c.service.Company(c.ctx)
	in, known := s.companies.Load(company)
	if !known {
		in, _ = s.companies.LoadOrStore(company, &shownIn{})
	}
	return in.(*shownIn).mobiles(c, company)
}

func (s *shownIn) mobiles(c *call, company string) bool {
	now, last := time.Now().UnixNano(), s.asked.Load()
	if s.yes.Load() || now-last < int64(askAgain) || !s.asked.CompareAndSwap(last, now) {
		return s.yes.Load()
	}
	var (
		some bool
		at   query.Moment
	)
	err := c.rows(c.ctx, &at, selectShown, []any{company}, []any{&some}, func() error { return nil })
	if err != nil {
		s.asked.Store(0) // what the call reads next fails as well, and says why
		return false
	}
	s.yes.Store(some)
	return some
}

const selectShown = `SELECT ` + query.MomentColumns + `, EXISTS (
    SELECT
    FROM directory.users AS u
    WHERE u.tenant_key = $1 AND u.mobile IS NOT NULL)` + query.FromMoment
