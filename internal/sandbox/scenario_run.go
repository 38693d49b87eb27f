package sandbox

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"
)

// ScenarioStatus is how far a scenario has come.
type ScenarioStatus struct {
	Name  string `json:"name,omitempty"`
	Steps []Step `json:"steps"`
	Done  int    `json:"done"` // of the steps
	// Waiting is set during a wait, which ContinueScenario ends.
	Waiting bool `json:"waiting"`
	// Error says why the scenario stopped before its end.
	Error string `json:"error,omitempty"`
}

// director plays the steps of a scenario.
type director struct {
	mu     sync.Mutex
	status ScenarioStatus
	resume chan struct{} // closed by ContinueScenario; nil where nothing waits

	stop    context.CancelFunc
	running sync.WaitGroup
}

// Scenario tells how far the scenario has come.
func (s *Server) Scenario() ScenarioStatus {
	s.director.mu.Lock()
	defer s.director.mu.Unlock()
	status := s.director.status
	status.Steps = slices.Clone(status.Steps)
	if status.Steps == nil {
		status.Steps = []Step{}
	}
	return status
}

// ContinueScenario ends the wait under way, and reports whether there was one.
func (s *Server) ContinueScenario() bool {
	s.director.mu.Lock()
	defer s.director.mu.Unlock()
	if s.director.resume == nil {
		return false
	}
	close(s.director.resume)
	s.director.resume = nil
	s.director.status.Waiting = false
	return true
}

func (s *Server) scenarioControls(on route) {
	on("GET /scenario", func(*http.Request) (any, error) { return s.Scenario(), nil })
	on("POST /scenario/continue", func(*http.Request) (any, error) {
		return map[string]bool{"continued": s.ContinueScenario()}, nil
	})
}

// beginScenario plays the steps in the background.
func (s *Server) beginScenario() {
	sc := s.cfg.Scenario
	if sc == nil {
		return
	}
	d := &s.director
	d.status = ScenarioStatus{Name: sc.name, Steps: sc.steps}
	ctx, cancel := context.WithCancel(context.Background())
	d.stop = cancel
	d.running.Go(func() { s.direct(ctx, sc) })
}

func (d *director) close() {
	if d.stop != nil {
		d.stop()
		d.running.Wait()
	}
}

// direct plays the steps one after the other. One that is refused ends the play:
// the steps after it may rest on it.
func (s *Server) direct(ctx context.Context, sc *Scenario) {
	began := time.Now()
	for _, step := range sc.steps {
		if step.at != nil && !s.pause(ctx, *step.at-time.Since(began), false) {
			return
		}
		if (step.wait > 0 || step.hold) && !s.pause(ctx, step.wait, step.hold) {
			return
		}
		err := step.play(s, sc.name)
		s.director.mu.Lock()
		if err != nil {
			s.director.status.Error = err.Error()
		} else {
			s.director.status.Done++
		}
		s.director.mu.Unlock()
		if err != nil {
			// Why may name people: GET /scenario tells it.
			s.log.LogAttrs(ctx, slog.LevelError, "sandbox scenario stopped", slog.Int("line", step.Line), slog.String("step", step.What))
			return
		}
		s.log.LogAttrs(ctx, slog.LevelInfo, "sandbox scenario step", slog.Int("line", step.Line), slog.String("step", step.What))
	}
}

// pause waits for some time, or with hold for ContinueScenario alone, which ends
// every pause. It reports false where the sandbox closes.
func (s *Server) pause(ctx context.Context, d time.Duration, hold bool) bool {
	if d <= 0 && !hold {
		return ctx.Err() == nil
	}
	resume := make(chan struct{})
	s.director.mu.Lock()
	s.director.resume, s.director.status.Waiting = resume, true
	s.director.mu.Unlock()
	defer func() {
		s.director.mu.Lock()
		s.director.resume, s.director.status.Waiting = nil, false
		s.director.mu.Unlock()
	}()
	var over <-chan time.Time
	if !hold {
		timer := time.NewTimer(d)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
	case <-resume:
	case <-ctx.Done():
		return false
	}
	return true
}
