package crawl

import (
	"fmt"
	"strconv"
	"strings"
)

// The usual guard: what a company loses on a bad day stays below, what a bad
// answer would take is above.
const (
	usualRemovals = 20
	usualPercent  = 5
)

// MaxRemovals is how many of a kind may go without anybody's approval. The zero
// value is the greater of 20 and 5 % of the live ones.
type MaxRemovals struct {
	set     bool
	number  int64
	percent float64 // where set without a number
	text    string
}

// ParseMaxRemovals reads --max-removals: a number such as 100, a percentage of
// the live ones such as 2.5%, or nothing for the usual guard.
func ParseMaxRemovals(s string) (MaxRemovals, error) {
	wrong := fmt.Errorf("%q is neither a number such as 100 nor a percentage such as 5%%", s)
	if s == "" {
		return MaxRemovals{}, nil
	}
	if percent, is := strings.CutSuffix(s, "%"); is {
		p, err := strconv.ParseFloat(percent, 64)
		if err != nil || !(p >= 0 && p <= 100) { // NaN is neither
			return MaxRemovals{}, wrong
		}
		return MaxRemovals{set: true, percent: p, number: -1, text: s}, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return MaxRemovals{}, wrong
	}
	return MaxRemovals{set: true, number: n, text: s}, nil
}

// String is what ParseMaxRemovals read.
func (m MaxRemovals) String() string { return m.text }

// of is the number for a kind with so many live ones.
func (m MaxRemovals) of(live int64) int64 {
	switch {
	case !m.set:
		return max(usualRemovals, live*usualPercent/100)
	case m.number >= 0:
		return m.number
	default:
		return int64(float64(live) * m.percent / 100)
	}
}

// holds reports whether so many candidates of so many live ones wait for an
// approval. All of a kind always do: that is what a wrong token looks like.
func (m MaxRemovals) holds(candidates, live int64) bool {
	return candidates > m.of(live) || candidates > 1 && candidates >= live
}
