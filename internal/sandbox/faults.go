package sandbox

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// subject is what a call is about, as far as faults ask.
type subject struct {
	endpoint *endpoint
	uri      string
	query    url.Values
	now      time.Time
	app      string
	above    []string // the departments that the call names, and all above them
}

func (f *setFault) hits(s *subject) bool {
	switch {
	case f.Count == 0, // used up, by a call that is under way
		!names(f.Endpoint, s.endpoint.name),
		f.App != "" && f.App != s.app,
		f.Match != "" && !strings.Contains(s.uri, f.Match),
		f.Below != "" && !slices.Contains(s.above, f.Below),
		f.RefusePageToken && s.query.Get("page_token") == "",
		f.Stale && (s.endpoint.write || f.past == nil):
		return false
	}
	return true
}

// setFault is a fault at work.
type setFault struct {
	Fault
	rng   *rand.Rand
	until time.Time     // zero: no end
	past  *organisation // of a stale one, once there was a write
}

// over tells whether the fault's time is up. One that waits for the next write
// after its time is not over.
func (f *setFault) over(now time.Time) bool {
	if f.until.IsZero() || now.Before(f.until) {
		return false
	}
	if f.Stale && f.Count < 0 {
		f.past, f.until = nil, time.Time{}
		return false
	}
	return true
}

// hit is a fault that a call has met.
type hit struct {
	Fault
	set      *setFault
	past     *organisation
	reshaped bool // something came of Fault.reshapes
}

// faults are those that are set, in the order in which they were.
type faults struct {
	mu    sync.Mutex
	list  []*setFault
	given int // ids
}

func (fs *faults) add(f Fault, now time.Time) (Fault, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f.ID == "" {
		fs.given++
		f.ID = "f" + strconv.Itoa(fs.given)
	}
	if slices.ContainsFunc(fs.list, func(other *setFault) bool { return other.ID == f.ID }) {
		return f, fmt.Errorf("the id %q is taken", f.ID)
	}
	f.Hits = 0
	if f.Count == 0 {
		f.Count = 1
		if f.Probability > 0 || f.ForMS > 0 {
			f.Count = -1
		}
	}
	set := &setFault{Fault: f, rng: rand.New(rand.NewPCG(f.Seed, 0x6661756c74))}
	if f.ForMS > 0 && !f.Stale {
		set.until = now.Add(time.Duration(f.ForMS) * time.Millisecond)
	}
	fs.list = append(fs.list, set)
	return f, nil
}

func (fs *faults) all(now time.Time) []Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.endThoseOver(now)
	out := make([]Fault, 0, len(fs.list))
	for _, f := range fs.list {
		if f.Count != 0 {
			out = append(out, f.Fault)
		}
	}
	return out
}

func (fs *faults) endThoseOver(now time.Time) {
	fs.list = slices.DeleteFunc(fs.list, func(f *setFault) bool { return f.over(now) })
}

func (fs *faults) clear() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.list = nil
}

func (fs *faults) remove(id string) bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	before := len(fs.list)
	fs.list = slices.DeleteFunc(fs.list, func(f *setFault) bool { return f.ID == id })
	return len(fs.list) < before
}

// wants tells what has to be known of a call before a fault can be found for it.
func (fs *faults) wants() (some, departments bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return len(fs.list) > 0, slices.ContainsFunc(fs.list, func(f *setFault) bool { return f.Below != "" })
}

// take finds the fault for a call, and uses up one of its count.
func (fs *faults) take(s *subject) *hit {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.endThoseOver(s.now)
	for i, f := range fs.list {
		if !f.hits(s) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Probability > 0 && f.rng.Float64() >= f.Probability {
			continue
		}
		f.Hits++
		taken := &hit{Fault: f.Fault, set: f, past: f.past}
		if f.DelayMaxMS > f.DelayMS {
			taken.DelayMS += f.rng.IntN(f.DelayMaxMS - f.DelayMS + 1)
		}
		if f.Count > 0 {
			f.Count--
		}
		if f.Count == 0 && !f.reshapes() { // of those the answer decides; see settle
			fs.list = slices.Delete(fs.list, i, i+1)
		}
		return taken
	}
	return nil
}

// settle ends what take began: a call on which the fault had no effect does not
// count.
func (fs *faults) settle(h *hit, effective bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if !effective {
		h.set.Hits--
		if h.set.Count >= 0 {
			h.set.Count++
		}
	}
	fs.list = slices.DeleteFunc(fs.list, func(f *setFault) bool { return f == h.set && f.Count == 0 })
}
