package sandbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Life is what goes on in the company by itself: people are hired, move, are
// promoted, leave and return; departments are made, moved, renamed and closed.
type Life struct {
	// PerSecond is how many such changes happen in a second.
	PerSecond float64 `json:"per_second"`
	// Seed chooses them: the same ones for the same seed, company and order.
	Seed uint64 `json:"seed"`
}

// LifeStatus is how life has gone so far.
type LifeStatus struct {
	Life
	Running bool           `json:"running"`
	Changes map[string]int `json:"changes"` // by kind
	// The company is kept around the size that it had when life began.
	People      int `json:"people"`
	Departments int `json:"departments"`
}

// mostPerSecond bounds Life.PerSecond.
const mostPerSecond = 10_000

// ParseLife reads a rate as people write it: 2/s, 30/m, 0.1/s.
func ParseLife(text string) (Life, error) {
	number, unit, _ := strings.Cut(text, "/")
	rate, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	per, known := map[string]float64{"s": 1, "m": 60, "h": 3600}[strings.TrimSpace(unit)]
	l := Life{PerSecond: rate / max(per, 1)}
	if err != nil || !known || l.check() != nil {
		return Life{}, fmt.Errorf("life %q: a rate is written as 2/s, 30/m or 100/h, with at most %d changes a second", text, mostPerSecond)
	}
	return l, nil
}

func (l Life) check() error {
	if !(l.PerSecond > 0 && l.PerSecond <= mostPerSecond) {
		return fmt.Errorf("per_second must be above 0 and at most %d", mostPerSecond)
	}
	return nil
}

// pulse runs a life in the background.
type pulse struct {
	mu      sync.Mutex
	stop    context.CancelFunc // nil where nothing runs
	rate    float64
	running sync.WaitGroup
	closed  bool
}

// StartLife lets things happen until StopLife or Close. A life that runs already
// ends.
func (s *Server) StartLife(l Life) error {
	if err := l.check(); err != nil {
		return fmt.Errorf("start life: %w", err)
	}
	s.pulse.mu.Lock()
	defer s.pulse.mu.Unlock()
	if s.pulse.closed {
		return errors.New("start life: the sandbox is closed")
	}
	s.pulse.end()
	s.mu.Lock()
	s.living = newLiving(s, l.Seed)
	s.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	s.pulse.stop, s.pulse.rate = cancel, l.PerSecond
	s.pulse.running.Go(func() { s.live(ctx, l.PerSecond) })
	return nil
}

// StopLife ends what StartLife began, and returns when it has ended.
func (s *Server) StopLife() {
	s.pulse.mu.Lock()
	defer s.pulse.mu.Unlock()
	s.pulse.end()
}

func (p *pulse) end() {
	if p.stop != nil {
		p.stop()
		p.running.Wait()
		p.stop, p.rate = nil, 0
	}
}

func (p *pulse) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.end()
}

// live makes changes at a rate, by the real clock. What was missed while the
// machine was busy is made up for, up to a second's worth.
func (s *Server) live(ctx context.Context, perSecond float64) {
	ticker := time.NewTicker(max(10*time.Millisecond, time.Duration(float64(time.Second)/perSecond)))
	defer ticker.Stop()
	due, last := 0.0, time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			due = min(due+now.Sub(last).Seconds()*perSecond, max(perSecond, 1))
			last = now
		}
		for ; due >= 1 && ctx.Err() == nil; due-- {
			s.LiveOnce(1)
		}
	}
}

// LiveOnce makes so many changes at once and tells how many there were of each
// kind. Without a life that was started, the company's seed chooses them.
func (s *Server) LiveOnce(changes int) map[string]int {
	made := map[string]int{}
	for range changes {
		_ = s.mutate(nil, func() error { // a change that is refused is another one instead
			if s.living == nil {
				s.living = newLiving(s, s.cfg.Seed)
			}
			if kind := s.living.change(s); kind != "" {
				made[kind]++
			}
			return nil
		})
	}
	return made
}

// Life tells how life goes.
func (s *Server) Life() LifeStatus {
	s.pulse.mu.Lock()
	defer s.pulse.mu.Unlock()
	s.mu.RLock()
	defer s.mu.RUnlock()
	status := LifeStatus{Life: Life{PerSecond: s.pulse.rate, Seed: s.cfg.Seed}, Running: s.pulse.stop != nil, Changes: map[string]int{}}
	if l := s.living; l != nil {
		status.Seed, status.Changes = l.seed, maps.Clone(l.made)
		status.People, status.Departments = l.size, l.treeSize
	}
	return status
}

func (s *Server) lifeControls(on route) {
	on("GET /life", func(*http.Request) (any, error) { return s.Life(), nil })
	on("PUT /life", func(r *http.Request) (any, error) {
		l := Life{Seed: s.cfg.Seed}
		if err := decode(r, &l); err != nil {
			return nil, err
		}
		if err := s.StartLife(l); err != nil {
			return nil, err
		}
		return s.Life(), nil
	})
	on("DELETE /life", func(*http.Request) (any, error) { s.StopLife(); return s.Life(), nil })
	on("POST /life", func(r *http.Request) (any, error) {
		var b struct {
			Changes int `json:"changes"`
		}
		if err := decode(r, &b); err != nil {
			return nil, err
		}
		if b.Changes < 1 || b.Changes > mostPerSecond {
			return nil, fmt.Errorf("changes must be from 1 to %d", mostPerSecond)
		}
		return s.LiveOnce(b.Changes), nil
	})
}

// living makes the changes. Server.mu guards it.
type living struct {
	seed uint64
	rng  *rand.Rand
	gen  *generator
	org  *organisation

	size, treeSize int // of the company when life began

	// What there is, in an order that only the seed and the changes decide. It is
	// read anew when somebody else has changed the company.
	people, left, departments []string
	mutations                 uint64

	number int   // of the next mobile
	hired  int   // people
	today  int64 // epoch seconds
	made   map[string]int
}

func newLiving(s *Server, seed uint64) *living {
	rng := rand.New(rand.NewPCG(seed, 0x6c696665))
	l := &living{
		seed: seed, rng: rng, org: s.org, made: map[string]int{}, mutations: s.mutations, number: len(s.org.users),
		gen: &generator{rng: rng, org: s.org, names: newNamer(rng)},
	}
	l.look()
	l.size, l.treeSize = len(l.people), len(l.departments)
	return l
}

// look reads the lists anew.
func (l *living) look() {
	l.people, l.left, l.departments = nil, nil, nil
	for id, u := range l.org.users {
		if u.Status.IsResigned {
			l.left = append(l.left, id)
		} else {
			l.people = append(l.people, id)
		}
	}
	for id, n := range l.org.departments {
		if n != l.org.root {
			l.departments = append(l.departments, id)
		}
	}
	slices.Sort(l.people)
	slices.Sort(l.left)
	slices.Sort(l.departments)
}

// change makes one change and says which; "" where none was possible. The lock
// is held.
func (l *living) change(s *Server) string {
	if l.mutations != s.mutations {
		l.look()
	}
	l.today = s.now().UTC().Truncate(24 * time.Hour).Unix()
	made := ""
	for try := 0; try < 30 && made == ""; try++ {
		act := l.draw()
		if act.do(l) {
			made = act.name
			l.made[made]++
		}
	}
	l.mutations = s.mutations
	if len(l.org.changes) > 0 {
		l.mutations++ // for mutate is about to count this one
	}
	return made
}
