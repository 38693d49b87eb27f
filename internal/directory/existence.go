package directory

import (
	"slices"
	"time"
)

// existence is what was said about whether an entity is there: the newest
// "exists" and every "gone" that is newer, oldest first. The last one counts,
// and those before it tell since when: what left in May and is seen to be gone
// in June left in May; but who left in May and leaves again in June came back in
// between, of which Feishu need not tell. Older claims can never matter again, so
// the same claims leave the same ones in whatever order they come.
//
// It is never changed in place: clones share it.
type existence []claim

type claim struct {
	reason Reason // ReasonNone: it exists
	went   bool   // of a record that tells of the going itself
	stamp  Stamp
}

func (e existence) known() bool { return len(e) > 0 }

func (e existence) last() claim {
	if len(e) == 0 {
		return claim{}
	}
	return e[len(e)-1]
}

// since returns when what counts began: of the last claims that give the same
// reason the last that tells of the going itself, else the first.
func (e existence) since() (at time.Time) {
	for _, c := range slices.Backward(e) {
		if c.reason != e.last().reason {
			break
		}
		at = c.stamp.Time
		if c.went {
			break
		}
	}
	return at
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
