package crawl

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/orgmirror/orgmirror/internal/feishu"
)

// Rate is how often one endpoint may be called. The zero Rate is no limit.
type Rate struct {
	PerSecond int
	PerMinute int
}

// Rates says what may be called how often.
type Rates struct {
	off      bool
	override Rate // zero: Feishu's own figures
}

var ratePattern = regexp.MustCompile(`^(\d{1,6})/s,(\d{1,6})/m$`)

// ParseRates reads MIRROR_FEISHU_RATE: "default" or "" (Feishu's own figures),
// "off", or figures for every endpoint such as "40/s,900/m".
func ParseRates(s string) (Rates, error) {
	switch s {
	case "", "default":
		return Rates{}, nil
	case "off":
		return Rates{off: true}, nil
	}
	m := ratePattern.FindStringSubmatch(s)
	if m == nil {
		return Rates{}, fmt.Errorf("%q is neither default, off nor figures such as 40/s,900/m", s)
	}
	perSecond, err1 := strconv.Atoi(m[1])
	perMinute, err2 := strconv.Atoi(m[2])
	if err := errors.Join(err1, err2); err != nil {
		return Rates{}, err
	}
	if perSecond < 2 || perMinute < 2 {
		return Rates{}, fmt.Errorf("%q: at least 2/s,2/m", s)
	}
	return Rates{override: Rate{PerSecond: perSecond, PerMinute: perMinute}}, nil
}

// Feishu's page "API frequency limits": 1000 a minute and 50 a second for
// almost all of contact v3. "Special" limits are not published; for those a
// fifth is a guess that a 429 corrects.
var (
	usualRate   = Rate{PerSecond: 50, PerMinute: 1000}
	specialRate = Rate{PerSecond: 10, PerMinute: 500}
	unpublished = []string{feishu.EndpointDepartment, feishu.EndpointEmployeeTypes, feishu.EndpointUsers}
)

func (r Rates) of(endpoint string) Rate {
	switch {
	case r.off:
		return Rate{}
	case r.override != Rate{}:
		return r.override
	case slices.Contains(unpublished, endpoint):
		return specialRate
	default:
		return usualRate
	}
}

// grace is how much later than its slot a call may be sent: what a busy process
// or the way to the database may delay it. Windows are judged as if they were
// longer by as much, so that a late call cannot meet early ones.
const grace = 200 * time.Millisecond

// spacing is the distance of two slots: so many that a second and the grace
// together hold no more than a second's calls.
func (r Rate) spacing() time.Duration {
	if r == (Rate{}) {
		return 0
	}
	return (time.Second + grace) / time.Duration(max(r.PerSecond-1, 1))
}

// block is a row of mirror.call_reservation.
type block struct {
	calls    int
	from, to time.Time
}

// schedule returns when a block of at most n calls may begin, and how many it
// may hold: after all others, and so that it and what lies in the minute before
// it stay within the minute's limit. Others are in order of time.
func (r Rate) schedule(now time.Time, others []block, n int) (at time.Time, calls int) {
	at = now
	sum := 0
	for _, b := range others {
		if b.to.After(at) {
			at = b.to
		}
		sum += b.calls
	}
	for _, b := range others {
		leaves := b.to.Add(time.Minute + grace) // the block is out of every window that begins here
		if leaves.After(at) {
			if sum < r.PerMinute {
				break // room for some: better few now than all later
			}
			at = leaves
		}
		sum -= b.calls
	}
	return at, min(n, r.PerMinute-sum)
}
