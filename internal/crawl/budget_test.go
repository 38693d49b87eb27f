package crawl_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

func budget(t *testing.T, pool *pgxpool.Pool, rates string, monthly int64) *crawl.Budget {
	t.Helper()
	r, err := crawl.ParseRates(rates)
	if err != nil {
		t.Fatal(err)
	}
	return crawl.NewBudget(pool, crawl.BudgetConfig{AppID: "cli_1", TenantKey: "t1", Rates: r, MonthlyCalls: monthly})
}

// most is the largest number of instants in any half-open window.
func most(calls []time.Time, window time.Duration) int {
	slices.SortFunc(calls, time.Time.Compare)
	top := 0
	for i, from := range calls {
		n := i
		for n < len(calls) && calls[n].Sub(from) < window {
			n++
		}
		top = max(top, n-i)
	}
	return top
}

func TestBudgetBindsProcessesTogether(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t)
	const perSecond, calls = 30, 40
	var mu sync.Mutex
	var sent []time.Time
	group, ctx := errgroup.WithContext(t.Context())
	for range 2 { // two processes, as far as the database can tell
		b := budget(t, pool, "30/s,1000/m", 0)
		for range 3 {
			group.Go(func() error {
				for range calls / 3 {
					if err := b.Take(ctx, "GET /x"); err != nil {
						return err
					}
					mu.Lock()
					sent = append(sent, time.Now())
					mu.Unlock()
				}
				return nil
			})
		}
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := most(sent, time.Second); got > perSecond {
		t.Errorf("%d calls in a second, %d are allowed", got, perSecond)
	}
}

func TestBudgetHoldsTheMinute(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t)
	b := budget(t, pool, "50/s,12/m", 0)
	for range 12 {
		if err := b.Take(t.Context(), "GET /x"); err != nil {
			t.Fatal(err)
		}
	}
	// Another process, which never heard of the first, must wait for the minute.
	other := budget(t, pool, "50/s,12/m", 0)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := other.Take(ctx, "GET /x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the thirteenth call of a minute: %v", err)
	}
	if err := other.Take(t.Context(), "GET /another"); err != nil {
		t.Errorf("endpoints are counted apart: %v", err)
	}
}

func TestBudgetMonth(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t)
	for _, rates := range []string{"default", "off"} {
		b := crawl.NewBudget(pool, crawl.BudgetConfig{AppID: "cli_" + rates, TenantKey: "t1", Rates: parse(t, rates), MonthlyCalls: 8})
		for i := range 8 {
			err := b.Take(t.Context(), "GET /x")
			if rates == "default" && i > 0 && errors.Is(err, crawl.ErrMonthlyBudget) {
				break // on a busy machine a call misses its slot, which is lost
			}
			if err != nil {
				t.Fatalf("%s: call %d: %v", rates, i+1, err)
			}
		}
		if err := b.Take(t.Context(), "GET /x"); !errors.Is(err, crawl.ErrMonthlyBudget) {
			t.Errorf("%s: the ninth of eight calls: %v", rates, err)
		}
	}
}

func parse(t *testing.T, rates string) crawl.Rates {
	t.Helper()
	r, err := crawl.ParseRates(rates)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestBudgetGivesBack(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t)
	b := budget(t, pool, "default", 0)
	for range 6 { // a block of 5, and one of a block of 25
		if err := b.Take(t.Context(), "GET /x"); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	var month, reserved int64
	err := pool.QueryRow(t.Context(), `
		SELECT (SELECT calls FROM mirror.call_month), (SELECT sum(calls) FROM mirror.call_reservation)`).Scan(&month, &reserved)
	if err != nil {
		t.Fatal(err)
	}
	if month != 6 || reserved != 6 {
		t.Errorf("the month counts %d calls, the reservations %d; 6 were made", month, reserved)
	}
}

func TestBudgetBlocked(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t)
	b, other := budget(t, pool, "default", 0), budget(t, pool, "default", 0)
	if err := b.Take(t.Context(), "GET /x"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	const wait = 700 * time.Millisecond
	if err := b.Blocked(t.Context(), "GET /x", wait); err != nil {
		t.Fatal(err)
	}
	for name, each := range map[string]*crawl.Budget{"the process that was refused": b, "another": other} {
		if err := each.Take(t.Context(), "GET /x"); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); waited < wait {
			t.Errorf("%s called again after %v", name, waited)
		}
	}
}

// What a process has reserved already is no leave to call an endpoint that has
// refused another one since.
func TestBudgetBlockedWithABlockInHand(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t)
	const wait = 2 * time.Second
	b, other := budget(t, pool, "5/s,1000/m", 0), budget(t, pool, "5/s,1000/m", 0)
	if err := other.Take(t.Context(), "GET /x"); err != nil { // and four slots in hand, 0.3 s apart
		t.Fatal(err)
	}
	began := time.Now()
	if err := b.Blocked(t.Context(), "GET /x", wait); err != nil {
		t.Fatal(err)
	}
	if err := other.Take(t.Context(), "GET /x"); err != nil {
		t.Fatal(err)
	}
	if waited := time.Since(began); waited < wait {
		t.Errorf("called after %v, although nobody may for %v", waited, wait)
	}
	var reserved int64
	if err := pool.QueryRow(t.Context(), `SELECT calls FROM mirror.call_reservation ORDER BY reservation_id LIMIT 1`).Scan(&reserved); err != nil {
		t.Fatal(err)
	}
	if reserved != 1 {
		t.Errorf("%d calls of the block are counted, 1 was made", reserved)
	}
}

func TestParseRates(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"", "default", "off", "40/s,900/m"} {
		if _, err := crawl.ParseRates(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"fast", "0/s,0/m", "40/s", "40/s,900/h", "-1/s,5/m"} {
		if _, err := crawl.ParseRates(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
