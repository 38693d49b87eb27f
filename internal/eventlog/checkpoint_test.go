package eventlog_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
)

func checkpoint(t *testing.T, l *eventlog.Log, consumer string) directory.Position {
	t.Helper()
	p, err := l.Checkpoint(t.Context(), consumer)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestMoveCheckpoint(t *testing.T) {
	t.Parallel()

	t.Run("moves from where it is, and from nowhere else", func(t *testing.T) {
		t.Parallel()
		l, pool := newLog(t, eventlog.Options{})
		steps := []struct {
			from, to directory.Position
			want     error
			at       directory.Position
		}{
			{5, 7, eventlog.ErrCheckpointMoved, 0}, // a consumer that has never moved is at 0
			{0, 10, nil, 10},
			{0, 10, eventlog.ErrCheckpointMoved, 10},
			{9, 20, eventlog.ErrCheckpointMoved, 10},
			{10, 20, nil, 20},
			{20, 0, nil, 0}, // back to the beginning, to rebuild
			{0, 3, nil, 3},
		}
		for i, s := range steps {
			if err := move(t.Context(), pool, "core", s.from, s.to); !errors.Is(err, s.want) {
				t.Errorf("step %d: error = %v, want %v", i, err, s.want)
			}
			if at := checkpoint(t, l, "core"); at != s.at {
				t.Errorf("step %d: checkpoint at %d, want %d", i, at, s.at)
			}
		}
		if at := checkpoint(t, l, "other"); at != 0 {
			t.Errorf("another consumer's checkpoint at %d", at)
		}
	})

	t.Run("goes back with its transaction", func(t *testing.T) {
		t.Parallel()
		l, pool := newLog(t, eventlog.Options{})
		failure := errors.New("effects failed")
		err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
			if err := eventlog.MoveCheckpoint(t.Context(), tx, "core", 0, 10); err != nil {
				return err
			}
			return failure
		})
		if !errors.Is(err, failure) {
			t.Fatal(err)
		}
		if at := checkpoint(t, l, "core"); at != 0 {
			t.Errorf("checkpoint at %d after a rollback", at)
		}
	})

	t.Run("in a batch answers when the batch is closed", func(t *testing.T) {
		t.Parallel()
		l, pool := newLog(t, eventlog.Options{})
		send := func(from, to directory.Position) error {
			return pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
				batch := &pgx.Batch{}
				batch.Queue(`SELECT 1`)
				eventlog.QueueMoveCheckpoint(batch, "core", from, to)
				return tx.SendBatch(t.Context(), batch).Close()
			})
		}
		if err := send(0, 10); err != nil {
			t.Error(err)
		}
		if err := send(5, 20); !errors.Is(err, eventlog.ErrCheckpointMoved) {
			t.Errorf("error = %v, want ErrCheckpointMoved", err)
		}
		if at := checkpoint(t, l, "core"); at != 10 {
			t.Errorf("checkpoint at %d, want 10", at)
		}
	})

	t.Run("one of many at once", func(t *testing.T) {
		t.Parallel()
		l, pool := newLog(t, eventlog.Options{})
		for from := range directory.Position(10) { // from 0 the row does not exist yet
			var won, lost atomic.Int64
			var racing sync.WaitGroup
			for range 8 {
				racing.Go(func() {
					switch err := move(t.Context(), pool, "core", from, from+1); {
					case err == nil:
						won.Add(1)
					case errors.Is(err, eventlog.ErrCheckpointMoved):
						lost.Add(1)
					default:
						t.Error(err)
					}
				})
			}
			racing.Wait()
			if won.Load() != 1 || lost.Load() != 7 {
				t.Fatalf("from %d: %d moved it, %d were told that it had moved", from, won.Load(), lost.Load())
			}
		}
		if at := checkpoint(t, l, "core"); at != 10 {
			t.Errorf("checkpoint at %d, want 10", at)
		}
	})
}

func TestUpdatedAtIsTheTransactions(t *testing.T) {
	t.Parallel()
	_, pool := newLog(t, eventlog.Options{})
	err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		for _, p := range []directory.Position{0, 1} {
			if err := eventlog.MoveCheckpoint(t.Context(), tx, "core", p, p+1); err != nil {
				return err
			}
			var same bool
			if err := tx.QueryRow(t.Context(), `SELECT updated_at = now() FROM mirror.checkpoint`).Scan(&same); err != nil {
				return err
			}
			if !same {
				t.Errorf("updated_at is not the transaction's time after the move to %d", p+1)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestMoveCheckpointNeedsItsContext(t *testing.T) {
	t.Parallel()
	l, pool := newLog(t, eventlog.Options{})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := move(ended, pool, "core", 0, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want context.Canceled", err)
	}
	if at := checkpoint(t, l, "core"); at != 0 {
		t.Errorf("checkpoint at %d", at)
	}
}
