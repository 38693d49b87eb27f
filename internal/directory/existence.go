package directory

import (
	"slices"
	"time"
)

// existence is what was said about whether an entity is there: the newest
// "exists" and every "gone" that is newer, oldest first. The last one counts,
// and those before it tell since when: what left in May and is seen to be gone
// in June left in May. Older claims can never matter again, so the same claims
// leave the same ones in whatever order they come.
//
// It is never changed in place: clones share it.
type existence []claim

type claim struct {
	reason Reason // ReasonNone: it exists
	stamp  Stamp
}

func (e existence) known() bool { return len(e) > 0 }

func (e existence) last() claim {
	if len(e) == 0 {
		return claim{}
	}
	return e[len(e)-1]
}

// since returns when what counts began: the first of the last claims that give
// the same reason.
func (e existence) since() time.Time {
	i := len(e) - 1
	for i > 0 && e[i-1].reason == e[i].reason {
		i--
	}
	if i < 0 {
		return time.Time{}
	}
	return e[i].stamp.Time
}

// with returns existence after one more claim, and whether that made a
// difference.
func (e existence) with(c claim) (existence, bool) {
	if len(e) > 0 && e[0].reason == ReasonNone && !e[0].stamp.Less(c.stamp) {
		return e, false // older than the newest "exists"
	}
	at, found := slices.BinarySearchFunc(e, c.stamp, func(c claim, s Stamp) int { return c.stamp.Compare(s) })
	if found {
		return e, false
	}
	if c.reason == ReasonNone {
		return append(existence{c}, e[at:]...), true
	}
	return slices.Insert(slices.Clone(e), at, c), true
}

// contradicts reports whether a claim was made at the instant of another that
// says otherwise.
func (e existence) contradicts(c claim) bool {
	return slices.ContainsFunc(e, func(other claim) bool {
		return other.reason != c.reason && other.stamp.ties(c.stamp)
	})
}

// saidBy reports whether a claim is of the record that a stamp is of.
func (e existence) saidBy(stamp Stamp) bool {
	return slices.ContainsFunc(e, func(c claim) bool {
		return c.stamp.EventID == stamp.EventID && c.stamp.Time.Equal(stamp.Time)
	})
}
