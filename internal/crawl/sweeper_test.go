package crawl_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// sweeping runs a Sweeper until the test ends.
func (b *bundle) sweeping(t *testing.T, interval time.Duration) *prometheus.Registry {
	t.Helper()
	registry := prometheus.NewRegistry()
	s, err := crawl.NewSweeper(crawl.SweeperConfig{Interval: interval, Registerer: registry})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Run(ctx, b.crawler)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return registry
}

func (b *bundle) sweeps(t *testing.T, state string) (n int) {
	t.Helper()
	must(t, b.pool.QueryRow(t.Context(), `SELECT count(*) FROM mirror.sweep WHERE state = $1`, state).Scan(&n))
	return n
}

// request asks for a sweep, as the projector and the attendance do.
func (b *bundle) request(t *testing.T, reason string, at time.Time) {
	t.Helper()
	_, err := b.pool.Exec(t.Context(), `INSERT INTO mirror.sweep_request VALUES ($1, $2, $3, 0)`, b.tenant(), reason, at)
	must(t, err)
}

// longAgo makes the sweeps so far older.
func (b *bundle) longAgo(t *testing.T) {
	t.Helper()
	_, err := b.pool.Exec(t.Context(), `UPDATE mirror.sweep SET started_at = started_at - interval '2 days', completed_at = completed_at - interval '2 days'`)
	must(t, err)
}

func TestSweeper(t *testing.T) {
	t.Parallel()

	t.Run("by the clock", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 60, 6)
		b.backfill(t)
		id := anyUser(b.sandbox.Truth(), 0)
		must(t, b.sandbox.ResignUser(id)) // and nobody tells
		registry := b.sweeping(t, 2*time.Second)
		eventually(t, "who left is gone", func() bool {
			reason, _ := b.state(t, directory.KindUser, id).Gone()
			return reason == directory.ReasonResigned
		})
		eventually(t, "another one", func() bool { return b.sweeps(t, "complete") > 2 })
		b.equalsTruth(t)
		eventually(t, "both are counted", func() bool {
			families, err := registry.Gather()
			must(t, err)
			for _, m := range families[0].GetMetric() {
				if m.GetLabel()[0].GetValue() == "complete" {
					return m.GetCounter().GetValue() >= 2
				}
			}
			return false
		})
	})

	t.Run("when something asks for it", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 60, 6)
		b.backfill(t)
		b.request(t, "scope", time.Now().Add(-time.Millisecond))
		b.sweeping(t, 24*time.Hour)
		eventually(t, "it is swept", func() bool { return b.sweeps(t, "complete") == 2 })
		// Nobody projects here, so the request stays; it is seen all the same.
		s, err := crawl.NewSweeper(crawl.SweeperConfig{Interval: 24 * time.Hour})
		must(t, err)
		if reasons, err := s.Due(t.Context(), b.crawler); err != nil || len(reasons) > 0 {
			t.Errorf("due again: %v (%v)", reasons, err)
		}
	})

	t.Run("what the guard holds is held", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 100, 6)
		b.backfill(t)
		for i := range 30 {
			must(t, b.sandbox.ResignUser(anyUser(b.sandbox.Truth(), i%3)))
		}
		b.longAgo(t)
		b.sweeping(t, 24*time.Hour)
		eventually(t, "it is swept", func() bool { return b.sweeps(t, "complete") == 2 })
		list, err := crawl.ListRemovals(t.Context(), b.pool)
		must(t, err)
		if len(list) != 1 || setOf(t, list[0], directory.KindUser).State != "held" {
			t.Errorf("%+v", list)
		}
		b.nobodyIsGone(t)
	})

	t.Run("never the first walk at once", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 20, 3)
		s, err := crawl.NewSweeper(crawl.SweeperConfig{Interval: time.Hour})
		must(t, err)
		due := func() []string {
			reasons, err := s.Due(t.Context(), b.crawler)
			must(t, err)
			return reasons
		}
		equal(t, "without a service", due(), nil)
		must(t, crawl.NewAttendance(b.pool).Note(t.Context(), b.tenant(), crawl.Listening{Events: "none"}, time.Now()))
		equal(t, "at first", due(), nil)
		_, err = b.pool.Exec(t.Context(), `UPDATE mirror.service SET began_at = began_at - interval '61 minutes'`)
		must(t, err)
		equal(t, "an hour later", due(), []string{"interval"})
	})
}

// A stopped sweep goes on at the next start, also one that a walk took over.
func TestSweepGivesWay(t *testing.T) {
	t.Parallel()

	t.Run("to a walk, which goes on with it", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 300, 40)
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUsersByDepartment, DelayMS: 300, Count: -1}))
		swept := make(chan error, 1)
		go func() {
			_, err := b.crawler.SweepUnlessWanted(context.WithoutCancel(t.Context()))
			swept <- err
		}()
		eventually(t, "the sweep is under way", func() bool { return b.asked(feishu.EndpointUsersByDepartment) > 10 })
		other := b.crawlerWith(t, func(*crawl.Config) {})
		sum, err := other.Backfill(t.Context())
		must(t, err)
		if err := <-swept; !errors.Is(err, crawl.ErrGaveWay) {
			t.Errorf("the sweep ended with %v", err)
		}
		if !sum.Resumed {
			t.Error("the walk began anew")
		}
		b.equalsTruth(t)
	})

	t.Run("not to another service, and not to re-reads", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 100, 20)
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUsersByDepartment, DelayMS: 200, Count: -1}))
		swept := make(chan error, 1)
		go func() {
			_, err := b.crawler.SweepUnlessWanted(context.WithoutCancel(t.Context()))
			swept <- err
		}()
		eventually(t, "the sweep is under way", func() bool { return b.asked(feishu.EndpointUsersByDepartment) > 2 })
		if _, err := b.crawlerWith(t, func(*crawl.Config) {}).SweepUnlessWanted(t.Context()); !errors.Is(err, crawl.ErrBusy) {
			t.Errorf("another sweep: %v", err)
		}
		if err := b.rereader(t).Pass(t.Context()); !errors.Is(err, crawl.ErrBusy) {
			t.Errorf("re-reads: %v", err)
		}
		must(t, <-swept)
		b.equalsTruth(t)
	})

	t.Run("a walk gives way to nobody", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 100, 20)
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUsersByDepartment, DelayMS: 3000, Count: -1}))
		walked := make(chan error, 1)
		go func() {
			_, err := b.crawler.Backfill(context.WithoutCancel(t.Context()))
			walked <- err
		}()
		eventually(t, "the walk is under way", func() bool { return b.asked(feishu.EndpointUsersByDepartment) > 2 })
		// That takes three seconds: the walk may be one that was killed.
		other := b.crawlerWith(t, func(*crawl.Config) {})
		if _, err := other.Backfill(t.Context()); !errors.Is(err, crawl.ErrBusy) {
			t.Errorf("another walk: %v", err)
		}
		if _, err := other.SweepUnlessWanted(t.Context()); !errors.Is(err, crawl.ErrBusy) {
			t.Errorf("a sweep: %v", err)
		}
		must(t, <-walked)
	})

	t.Run("stopped in the middle", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 300, 40)
		ctx, stop := context.WithCancel(t.Context())
		calls := 0
		b.onCall(func() {
			if calls++; calls == 20 {
				stop()
			}
		})
		if _, err := b.crawler.SweepUnlessWanted(ctx); !errors.Is(err, context.Canceled) {
			t.Fatalf("error = %v", err)
		}
		b.onCall(func() {})
		sum, err := b.crawler.SweepUnlessWanted(t.Context())
		must(t, err)
		if !sum.Resumed {
			t.Error("it began anew")
		}
		b.equalsTruth(t)
	})
}

func TestAttendance(t *testing.T) {
	t.Parallel()
	noon := time.Now().Truncate(time.Second)
	webhook := func(at time.Time) crawl.Listening { return crawl.Listening{Events: "webhook", HeardAt: at} }
	asked := func(t *testing.T, b *bundle) (reasons []string) {
		t.Helper()
		rows, err := b.pool.Query(t.Context(), `SELECT reason FROM mirror.sweep_request ORDER BY 1`)
		must(t, err)
		reasons, err = pgxStrings(rows)
		must(t, err)
		return reasons
	}

	t.Run("a service that was down", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 5, 2)
		note := func(a *crawl.Attendance, l crawl.Listening, at time.Time) {
			t.Helper()
			must(t, a.Note(t.Context(), b.tenant(), l, at))
		}
		first := crawl.NewAttendance(b.pool)
		note(first, webhook(noon), noon)
		note(first, webhook(noon.Add(time.Minute)), noon.Add(time.Minute))
		note(crawl.NewAttendance(b.pool), webhook(noon.Add(16*time.Minute)), noon.Add(16*time.Minute))
		equal(t, "after exactly fifteen minutes", asked(t, b), nil)
		note(crawl.NewAttendance(b.pool), webhook(noon.Add(32*time.Minute)), noon.Add(32*time.Minute))
		equal(t, "after sixteen", asked(t, b), []string{"down"})
	})

	t.Run("a connection that was silent", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 5, 2)
		a := crawl.NewAttendance(b.pool)
		frame := func(heard, at time.Time) {
			t.Helper()
			must(t, a.Note(t.Context(), b.tenant(), crawl.Listening{Events: "websocket", Red: true, Problem: "none", HeardAt: heard}, at))
		}
		frame(time.Time{}, noon)
		frame(noon.Add(time.Minute), noon.Add(time.Minute))
		frame(noon.Add(time.Minute), noon.Add(40*time.Minute)) // still silent: what comes is not known yet
		equal(t, "while it is silent", asked(t, b), nil)
		frame(noon.Add(41*time.Minute), noon.Add(41*time.Minute))
		equal(t, "when it is heard again", asked(t, b), []string{"silence"})
		var red bool
		var problem string
		must(t, b.pool.QueryRow(t.Context(), `SELECT red, problem FROM mirror.service`).Scan(&red, &problem))
		if !red || problem != "none" {
			t.Errorf("red: %v, %q", red, problem)
		}
	})
}

// An operator's sweep begins at once, whatever the clock says, and is seen to.
func TestSweeperStart(t *testing.T) {
	t.Parallel()
	setup := func(t *testing.T, interval time.Duration) (*bundle, *crawl.Sweeper, func() (crawl.Begun, error)) {
		t.Helper()
		b := setup(t, 60, 6)
		s, err := crawl.NewSweeper(crawl.SweeperConfig{Interval: interval})
		must(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.Run(ctx, b.crawler)
		}()
		t.Cleanup(func() {
			cancel()
			<-ended
		})
		return b, s, func() (crawl.Begun, error) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			return s.Start(ctx)
		}
	}
	state := func(t *testing.T, b *bundle, id string) (state string) {
		t.Helper()
		must(t, b.pool.QueryRow(t.Context(), `SELECT state FROM mirror.sweep WHERE sweep_id = $1`, id).Scan(&state))
		return state
	}

	for _, interval := range []time.Duration{0, 24 * time.Hour} {
		t.Run("the first of all, with an interval of "+interval.String(), func(t *testing.T) {
			t.Parallel()
			b, _, start := setup(t, interval)
			begun, err := start()
			must(t, err)
			if begun.SweepID == "" || begun.StartedAt.IsZero() || begun.Resumed {
				t.Errorf("%+v", begun)
			}
			eventually(t, "it is complete", func() bool { return state(t, b, begun.SweepID) == "complete" })
			b.equalsTruth(t)
		})
	}

	t.Run("one at a time", func(t *testing.T) {
		t.Parallel()
		b, _, start := setup(t, 0)
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUsersByDepartment, DelayMS: 1000, Count: -1}))
		begun, err := start()
		must(t, err)
		if _, err := start(); !errors.Is(err, crawl.ErrBusy) {
			t.Errorf("a second one: %v, want ErrBusy", err)
		}
		b.sandbox.ClearFaults()
		eventually(t, "it is complete", func() bool { return state(t, b, begun.SweepID) == "complete" })
		if n := b.sweeps(t, "complete"); n != 1 {
			t.Errorf("%d sweeps", n)
		}
	})

	t.Run("not beside a walk of another process", func(t *testing.T) {
		t.Parallel()
		b, _, start := setup(t, 0)
		conn, err := b.pool.Acquire(t.Context())
		must(t, err)
		defer conn.Release()
		_, err = conn.Exec(t.Context(), `SELECT pg_advisory_lock(hashtextextended('orgmirror crawl ' || $1, 0))`, b.tenant())
		must(t, err)
		if _, err := start(); !errors.Is(err, crawl.ErrBusy) {
			t.Errorf("%v, want ErrBusy", err)
		}
		_, err = conn.Exec(t.Context(), `SELECT pg_advisory_unlock_all()`)
		must(t, err)
		_, err = start()
		must(t, err)
	})

	t.Run("what fails before it begins is said, and forgotten", func(t *testing.T) {
		t.Parallel()
		b, s, start := setup(t, 0)
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointDepartment, Code: 99991403, Status: 400, Count: 1}))
		if _, err := start(); !errors.Is(err, feishu.ErrQuota) {
			t.Errorf("%v, want the quota", err)
		}
		if reasons, err := s.Due(t.Context(), b.crawler); err != nil || len(reasons) > 0 {
			t.Errorf("due: %v (%v)", reasons, err)
		}
		_, err := start()
		must(t, err)
	})

	t.Run("what fails later is tried again", func(t *testing.T) {
		t.Parallel()
		b, s, start := setup(t, 0)
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUsersByDepartment, Code: 99991403, Status: 400, Count: 1}))
		begun, err := start()
		must(t, err)
		eventually(t, "it failed", func() bool { return b.asked(feishu.EndpointUsersByDepartment) > 0 })
		b.sandbox.ClearFaults()
		eventually(t, "it is due", func() bool {
			reasons, err := s.Due(t.Context(), b.crawler)
			must(t, err)
			return len(reasons) == 1 && reasons[0] == "operator"
		})
		var again crawl.Begun
		eventually(t, "it can be begun again", func() bool {
			again, err = start()
			return err == nil
		})
		if again.SweepID != begun.SweepID || !again.Resumed {
			t.Errorf("%+v, want %s to go on", again, begun.SweepID)
		}
		eventually(t, "it is complete", func() bool { return state(t, b, begun.SweepID) == "complete" })
		if reasons, err := s.Due(t.Context(), b.crawler); err != nil || len(reasons) > 0 {
			t.Errorf("due: %v (%v)", reasons, err)
		}
	})

	t.Run("who stops waiting stops nothing", func(t *testing.T) {
		t.Parallel()
		b, s, _ := setup(t, 0)
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointDepartment, DelayMS: 500, Count: 1}))
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := s.Start(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		eventually(t, "it is complete", func() bool { return b.sweeps(t, "complete") == 1 })
	})
}
