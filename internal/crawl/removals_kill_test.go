package crawl_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/directory"
)

// killable is a crawler that is stopped at a call, as if it had been killed:
// what it was about to write is not written.
type killable struct {
	*crawl.Crawler
	left   atomic.Int64 // calls until it is stopped
	made   atomic.Int64
	cancel atomic.Pointer[context.CancelFunc]
}

func (b *bundle) killable(t *testing.T, change func(*crawl.Config)) *killable {
	t.Helper()
	k := &killable{Crawler: b.crawlerWith(t, change)}
	called := func() {
		k.made.Add(1)
		if k.left.Add(-1) == 0 {
			(*k.cancel.Load())()
		}
	}
	b.called.Store(&called)
	return k
}

// until calls work again and again, each time for a few calls more, until it
// ends well. It returns how often it was stopped.
func (k *killable) until(t *testing.T, random *rand.Rand, most int64, work func(context.Context) error) (kills int64) {
	t.Helper()
	for {
		ctx, cancel := context.WithCancel(t.Context())
		k.cancel.Store(&cancel)
		k.left.Store(1 + random.Int64N(most))
		err := work(ctx)
		k.left.Store(0) // from here on it counts below zero, and stops nobody
		cancel()
		switch {
		case err == nil:
			return kills
		case !errors.Is(err, context.Canceled):
			t.Fatal(err)
		}
		if kills++; kills > 500 {
			t.Fatal("it does not come to an end")
		}
	}
}

func seeded(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// Stopped at any call, proofs go on where they were, and nobody goes twice.
func TestRemovalsGoOnAfterKills(t *testing.T) {
	t.Parallel()

	t.Run("within the guard", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 400, 60)
		b.backfill(t)
		_, lost := branch(t, b.sandbox.Truth(), 12)
		b.leave(t, 60)
		b.departmentsWithout(t, lost) // they are there, and are walked
		guard, err := crawl.ParseMaxRemovals("90%")
		must(t, err)
		k := b.killable(t, func(c *crawl.Config) { c.MaxRemovals = guard })
		kills := k.until(t, seeded(t), 25, func(ctx context.Context) error { _, err := k.Backfill(ctx); return err })
		b.equalsTruth(t)
		if n := b.missingRecords(t); n != 60 {
			t.Errorf("%d proofs of absence in the log, want 60", n)
		}
		// 31 batches of nobody's making: lists, and the 30 who are erased by themselves.
		needed := int64(fewestCalls(b.sandbox.Truth())) + 2 + 2 + 1 + 30 + int64(2*len(lost))
		if made := k.made.Load(); made > needed+25*kills {
			t.Errorf("%d calls, with %d kills at most %d", made, kills, needed+25*kills)
		}
	})

	t.Run("after an approval", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 300, 30)
		b.backfill(t)
		b.leave(t, 100)
		sum := b.backfill(t)
		k := b.killable(t, func(*crawl.Config) {})
		kills := k.until(t, seeded(t), 20, func(ctx context.Context) error { _, err := k.Approve(ctx, sum.SweepID); return err })
		if kills == 0 {
			t.Error("it was never stopped")
		}
		b.backfill(t) // many lost their leaders, which now have an explanation
		b.equalsTruth(t)
		if n := b.missingRecords(t); n != 100 {
			t.Errorf("%d proofs of absence in the log, want 100", n)
		}
	})

	t.Run("an approval that was stopped is finished by the next walk", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 300, 30)
		b.backfill(t)
		b.leave(t, 100)
		sum := b.backfill(t)
		k := b.killable(t, func(*crawl.Config) {})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		k.cancel.Store(&cancel)
		k.left.Store(1) // the first batch
		if _, err := k.Approve(ctx, sum.SweepID); !errors.Is(err, context.Canceled) {
			t.Fatalf("error = %v", err)
		}
		wantCounts(t, b.backfill(t), directory.KindUser, 0, 0, 0, 0)
		b.equalsTruth(t)
		if n := b.missingRecords(t); n != 100 {
			t.Errorf("%d proofs of absence in the log, want 100", n)
		}
	})

	t.Run("killed between the log and the verdict", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 200, 20)
		b.backfill(t)
		b.leave(t, 10)
		sum := b.backfill(t)
		for _, sql := range []string{
			`UPDATE mirror.removal SET verdict = NULL`,
			`UPDATE mirror.removal_set SET state = 'proving' WHERE candidates > 0`,
			`UPDATE mirror.sweep SET state = 'running', completed_at = NULL WHERE sweep_id = '` + sum.SweepID + `'`,
		} {
			_, err := b.pool.Exec(t.Context(), sql)
			must(t, err)
		}
		b.sandbox.ResetStats()
		again := b.backfill(t)
		if again.SweepID != sum.SweepID || again.Position != sum.Position || b.proofCalls() != 0 {
			t.Errorf("%d records and %d calls more", again.Position-sum.Position, b.proofCalls())
		}
		wantCounts(t, again, directory.KindUser, 10, 0, 10, 0)
	})
}

// leave makes people leave, every other one without a trace.
func (b *bundle) leave(t *testing.T, n int) {
	t.Helper()
	for i, id := range slices.Sorted(maps.Keys(b.sandbox.Truth().Users))[:n] {
		if i%2 == 0 {
			must(t, b.sandbox.ResignUser(id))
		} else {
			must(t, b.sandbox.EraseUser(id))
		}
	}
}
