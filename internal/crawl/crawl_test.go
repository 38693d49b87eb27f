package crawl_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/feishu"
)

func TestBackfillIsAloneForItsCompany(t *testing.T) {
	t.Parallel()
	b := setup(t, 100, 10)
	entered, leave := make(chan struct{}), make(chan struct{})
	var once sync.Once
	second, err := crawl.New(crawl.Config{
		Client: b.client, Pool: b.pool, Log: b.log, TenantKey: b.sandbox.Truth().Tenant.TenantKey, AppID: b.sandbox.AppID(),
		Progress: func(crawl.Progress) {
			once.Do(func() {
				close(entered)
				<-leave
			})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := second.Backfill(t.Context())
		done <- err
	}()
	<-entered
	if _, err := b.crawler.Backfill(t.Context()); !errors.Is(err, crawl.ErrBusy) {
		t.Errorf("error = %v, want ErrBusy", err)
	}
	close(leave)
	if err := <-done; err != nil {
		t.Errorf("the first ended with %v", err)
	}
	b.backfill(t) // the lock was given back
}

// The server keeps the lock of a process that was killed until its session has
// done what it was at.
func TestBackfillOutlivesTheLockOfOneThatWasKilled(t *testing.T) {
	t.Parallel()
	b := setup(t, 20, 2)
	conn, err := b.pool.Acquire(t.Context())
	must(t, err)
	_, err = conn.Exec(t.Context(), `SELECT pg_advisory_lock(hashtextextended('orgmirror crawl ' || $1, 0))`, b.sandbox.Truth().Tenant.TenantKey)
	must(t, err)
	killed := make(chan error, 1)
	time.AfterFunc(300*time.Millisecond, func() {
		defer conn.Release()
		killed <- conn.Conn().Close(context.WithoutCancel(t.Context()))
	})
	b.backfill(t)
	must(t, <-killed)
}

func TestPlan(t *testing.T) {
	t.Parallel()
	b := setup(t, 900, 60)
	plan, err := b.crawler.Plan(t.Context(), crawl.Rates{})
	if err != nil {
		t.Fatal(err)
	}
	_, by := b.counter.Snapshot()
	if !plan.Asked || by[feishu.EndpointUsersByDepartment].Calls != 0 {
		t.Errorf("asked %v, with %d calls for people", plan.Asked, by[feishu.EndpointUsersByDepartment].Calls)
	}
	if plan.Departments != 60 || plan.People != 900 {
		t.Errorf("plan sees %d departments and %d people", plan.Departments, plan.People)
	}
	within(t, "the first plan", plan.Total(), int64(fewestCalls(b.sandbox.Truth())+2), 10)
}
