package projector_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/postgres"
	"github.com/orgmirror/orgmirror/internal/projector"
)

// mark puts a row that no record made into each table that readers read, so that
// an answer tells which generations it is from.
func (b *bundle) mark(ctx context.Context, suffix, name string) error {
	for _, sql := range []string{
		`INSERT INTO directory%s.users (tenant_key, open_id, name, attributes, position) VALUES ('mark', 'mark', $1, '{}', 0)`,
		`INSERT INTO directory%s.departments (tenant_key, open_department_id, name, path, depth, attributes, position) VALUES ('mark', 'mark', $1, '/mark/', 0, '{}', 0)`,
		`INSERT INTO directory%s.memberships (tenant_key, open_department_id, open_id, is_primary_dept, position) VALUES ('mark', $1, 'mark', true, 0)`,
		`INSERT INTO history%s.users (tenant_key, open_id, name, attributes, from_position, valid_from) VALUES ('mark', 'mark', $1, '{}', 1, 'epoch')`,
	} {
		if _, err := b.pool.Exec(ctx, fmt.Sprintf(sql, suffix), name); err != nil {
			return err
		}
	}
	return nil
}

// answer is what a reader sees of the marks, and of a person whose name is the
// position of the last record.
type answer struct {
	position                       int64
	clock, past                    string
	user, department, member, hist string
}

func (a answer) check() error {
	if a.user != a.department || a.user != a.member || a.user != a.hist {
		return fmt.Errorf("an answer of two generations: %+v", a)
	}
	if at := strconv.FormatInt(a.position, 10); a.clock != at || a.past != at {
		return fmt.Errorf("an answer of two positions: %+v", a)
	}
	return nil
}

const readMarks = `
SELECT c.position, k.name, h.name, u.name, d.name, m.open_department_id, hm.name
FROM directory.users u
JOIN directory.departments d USING (tenant_key)
JOIN directory.memberships m USING (tenant_key)
JOIN history.users hm USING (tenant_key)
JOIN mirror.checkpoint c ON c.consumer = 'core'
JOIN directory.users k ON k.tenant_key = 't1' AND k.open_id = 'ou_clock'
JOIN history.users h ON h.tenant_key = 't1' AND h.open_id = 'ou_clock' AND h.from_position <= c.position AND c.position < h.to_position
WHERE u.tenant_key = 'mark'`

// readOnce is a reader of one statement.
func readOnce(ctx context.Context, pool *pgxpool.Pool) (a answer, err error) {
	err = pool.QueryRow(ctx, postgres.InOneGeneration(readMarks)).Scan(&a.position, &a.clock, &a.past, &a.user, &a.department, &a.member, &a.hist)
	return a, err
}

// readInParts is a reader of several statements in one snapshot. between runs
// after the first.
func readInParts(ctx context.Context, pool *pgxpool.Pool, between func()) (a answer, err error) {
	err = postgres.ReadGeneration(ctx, pool, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT name FROM directory.users WHERE tenant_key = 'mark'`).Scan(&a.user); err != nil {
			return err
		}
		between()
		for sql, target := range map[string]any{
			`SELECT name FROM directory.departments WHERE tenant_key = 'mark'`:                                &a.department,
			`SELECT open_department_id FROM directory.memberships WHERE tenant_key = 'mark'`:                  &a.member,
			`SELECT name FROM history.users WHERE tenant_key = 'mark'`:                                        &a.hist,
			`SELECT name FROM directory.users WHERE tenant_key = 't1' AND open_id = 'ou_clock'`:               &a.clock,
			`SELECT name FROM history.users WHERE open_id = 'ou_clock' AND to_position = 9223372036854775807`: &a.past,
			`SELECT position FROM mirror.checkpoint WHERE consumer = 'core'`:                                  &a.position,
		} {
			if err := tx.QueryRow(ctx, sql).Scan(target); err != nil {
				return fmt.Errorf("%s: %w", sql, err)
			}
		}
		return nil
	})
	return a, err
}

func (b *bundle) tick(t *testing.T, ctx context.Context) error { //nolint:revive // the test's own is not this one
	t.Helper()
	head, err := b.log.Head(ctx)
	if err != nil {
		return err
	}
	next := int(head.Position) + 1
	_, err = b.log.Append(ctx, observed(t, directory.KindUser, next, fmt.Sprintf(`{"open_id":"ou_clock","name":"%d"}`, next)))
	return err
}

// TestSwapUnderReaders swaps two generations to and fro while readers read, a
// producer appends and a projector projects. No reader may see an error, two
// generations, or rows of another position than the checkpoint's.
func TestSwapUnderReaders(t *testing.T) {
	t.Parallel()
	const swaps = 8
	b := setup(t)
	b.company(t, 31, 200)
	if err := b.tick(t, t.Context()); err != nil {
		t.Fatal(err)
	}
	b.project(t, 100)
	if err := b.mark(t.Context(), "", "one"); err != nil {
		t.Fatal(err)
	}

	ctx, stop := context.WithCancel(t.Context())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return b.projector.Run(ctx) })
	group.Go(func() error {
		for ctx.Err() == nil {
			if err := b.tick(t, ctx); err != nil && ctx.Err() == nil {
				return fmt.Errorf("append: %w", err)
			}
		}
		return nil
	})
	var reads [2]atomic.Int64
	var generations [2]atomic.Int64
	var worst atomic.Int64
	readers := []func(context.Context, *pgxpool.Pool) (answer, error){
		readOnce,
		func(ctx context.Context, pool *pgxpool.Pool) (answer, error) {
			return readInParts(ctx, pool, func() {})
		},
	}
	pool, err := postgres.Open(ctx, postgres.Config{URL: b.pool.Config().ConnString(), MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for i := range 4 {
		group.Go(func() error {
			for ctx.Err() == nil {
				began := time.Now()
				a, err := readers[i%2](ctx, pool)
				if err == nil {
					err = a.check()
				}
				if err != nil && ctx.Err() == nil {
					return fmt.Errorf("reader %d: %w", i, err)
				}
				reads[i%2].Add(1)
				generations[len(a.user)%2].Add(1)
				for took := int64(time.Since(began)); ; {
					if was := worst.Load(); took <= was || worst.CompareAndSwap(was, took) {
						break
					}
				}
			}
			return nil
		})
	}

	attempts := 0
	swapping := func() error {
		result, err := b.projector.Rebuild(ctx, projector.RebuildOptions{Keep: true, AcceptDifferences: true, Progress: func(p projector.Progress) {
			if p.Stage == projector.StageFollow {
				if err := b.mark(ctx, "_2", "second"); err != nil {
					t.Error(err)
				}
			}
		}})
		for range swaps {
			if err != nil {
				return err
			}
			attempts += result.Attempts
			result, err = b.projector.Rollback(ctx, nil)
		}
		return err
	}
	if err := swapping(); err != nil && ctx.Err() == nil {
		t.Error(err)
	}
	stop()
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d swaps in %d attempts; %d single reads, %d in parts; worst %s", swaps+1, attempts, reads[0].Load(), reads[1].Load(), time.Duration(worst.Load()))
	if generations[0].Load() == 0 || generations[1].Load() == 0 {
		t.Error("the readers saw one generation only")
	}
}

// A reader in one snapshot that is in the middle of its work when a swap comes
// sees nothing of it, and the swap waits.
func TestReaderAcrossTheSwap(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.company(t, 32, 100)
	if err := b.tick(t, t.Context()); err != nil {
		t.Fatal(err)
	}
	b.project(t, 100)
	if err := b.mark(t.Context(), "", "one"); err != nil {
		t.Fatal(err)
	}
	var group errgroup.Group
	a, err := readInParts(t.Context(), b.pool, func() {
		ready := make(chan struct{})
		group.Go(func() error {
			_, err := b.projector.Rebuild(t.Context(), projector.RebuildOptions{AcceptDifferences: true, Progress: func(p projector.Progress) {
				switch p.Stage {
				case projector.StageFollow:
					if err := b.mark(t.Context(), "_2", "second"); err != nil {
						t.Error(err)
					}
					if err := b.tick(t, t.Context()); err != nil { // the new one is ahead
						t.Error(err)
					}
				case projector.StageSwap:
					close(ready)
				}
			}})
			return err
		})
		<-ready
		b.waitFor(t, `SELECT count(*) > 0 FROM pg_locks WHERE relation = 'mirror.generation'::regclass AND mode = 'AccessExclusiveLock' AND NOT granted`)
	})
	if err == nil {
		err = a.check()
	}
	if err != nil || a.user != "one" {
		t.Errorf("saw %+v: %v", a, err)
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if a, err = readInParts(t.Context(), b.pool, func() {}); err == nil {
		err = a.check()
	}
	if err != nil || a.user != "second" {
		t.Errorf("afterwards saw %+v: %v", a, err)
	}
}

// waitFor asks until a query answers true.
func (b *bundle) waitFor(t *testing.T, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for is := false; !is; {
		if err := b.pool.QueryRow(ctx, sql).Scan(&is); err != nil {
			t.Fatalf("wait for %s: %v", strings.TrimSpace(sql), err)
		}
	}
}

// A statement that waits for one table, having looked up another, must not find
// the two in different generations. Without its guard it does.
func TestStatementAcrossTheSwap(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.company(t, 33, 50)
	if err := b.mark(t.Context(), "", "one"); err != nil {
		t.Fatal(err)
	}
	_, err := b.projector.Rebuild(t.Context(), projector.RebuildOptions{Keep: true, AcceptDifferences: true, Progress: func(p projector.Progress) {
		if p.Stage == projector.StageFollow {
			if err := b.mark(t.Context(), "_2", "second"); err != nil {
				t.Error(err)
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	const sql = `
		SELECT u.name || ' ' || d.name
		FROM directory.users u
		JOIN directory.departments d USING (tenant_key)
		WHERE u.tenant_key = 'mark'`
	if got := b.readAcross(t, sql, 1); got != "second one" {
		t.Errorf("without its guard the statement saw %q: the test does not test", got)
	}
	if got := b.readAcross(t, postgres.InOneGeneration(sql), 2); got != "one one" {
		t.Errorf("saw %q, want one generation", got)
	}
}

// readAcross runs a statement that is held up at its second table until a swap to
// another generation is through, or waits for the statement.
func (b *bundle) readAcross(t *testing.T, sql string, incoming int) (got string) {
	t.Helper()
	locker, err := b.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer locker.Rollback(t.Context())
	if _, err := locker.Exec(t.Context(), `LOCK TABLE directory.departments`); err != nil {
		t.Fatal(err)
	}
	var group errgroup.Group
	group.Go(func() error {
		return b.pool.QueryRow(t.Context(), sql, pgx.QueryExecModeExec).Scan(&got)
	})
	b.waitFor(t, `SELECT count(*) > 0 FROM pg_locks WHERE relation = 'directory.departments'::regclass AND NOT granted`)
	var swapped atomic.Bool
	group.Go(func() error {
		defer swapped.Store(true)
		return pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), `LOCK TABLE mirror.generation IN ACCESS EXCLUSIVE MODE`); err != nil {
				return err
			}
			_, err := tx.Exec(t.Context(), `SELECT mirror.swap_generation($1, 'kept')`, incoming)
			return err
		})
	})
	for !swapped.Load() {
		var waits bool
		err := b.pool.QueryRow(t.Context(), `SELECT count(*) > 0 FROM pg_locks WHERE relation = 'mirror.generation'::regclass AND mode = 'AccessExclusiveLock' AND NOT granted`).Scan(&waits)
		if err != nil {
			t.Fatal(err)
		}
		if waits {
			break
		}
	}
	if err := locker.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	return got
}

// A page that was loaded from one generation is not written into another: it is
// held up between the two, and the generation swapped meanwhile.
func TestPageAcrossTheSwap(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.company(t, 34, 50)
	if _, err := b.projector.Rebuild(t.Context(), projector.RebuildOptions{Keep: true}); err != nil {
		t.Fatal(err)
	}
	from, err := b.log.Checkpoint(t.Context(), projector.Consumer)
	if err != nil {
		t.Fatal(err)
	}
	b.append(t, observed(t, directory.KindUser, 900, `{"open_id":"ou_new","name":"new"}`))
	records, err := b.log.Read(t.Context(), from, 10)
	if err != nil {
		t.Fatal(err)
	}
	swap, err := b.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer swap.Rollback(t.Context())
	if _, err := swap.Exec(t.Context(), `SELECT FROM mirror.checkpoint FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	projected := make(chan error, 1)
	page := eventlog.Page{Consumer: projector.Consumer, From: from, To: from + 1, Records: records}
	go func() { projected <- b.projector.Project(t.Context(), page) }()
	b.waitFor(t, `SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%UPDATE mirror.checkpoint%'`)
	if _, err := swap.Exec(t.Context(), `SELECT mirror.swap_generation(1, 'kept')`); err != nil {
		t.Fatal(err)
	}
	if err := swap.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-projected; !errors.Is(err, eventlog.ErrCheckpointMoved) {
		t.Errorf("the page came through: %v", err)
	}
	want(t, lines(t, b.pool, `SELECT open_id FROM directory.users WHERE open_id = 'ou_new'`))
	b.project(t, 10) // loaded anew it does
	want(t, lines(t, b.pool, `SELECT open_id FROM directory.users WHERE open_id = 'ou_new'`), "ou_new")
}
