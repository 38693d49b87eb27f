package crawl_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func (b *bundle) drift(t *testing.T) *crawl.Drift {
	t.Helper()
	return crawl.NewDrift(crawl.DriftConfig{Pool: b.pool, TenantKey: b.tenant(), Now: b.client.Now})
}

// later is when whatever is in the log can be judged.
func later() time.Time { return time.Now().Add(crawl.DriftGrace + time.Second) }

// drifted is what was counted, after judging all that there is.
func (b *bundle) drifted(t *testing.T) []string {
	t.Helper()
	must(t, b.drift(t).Judge(t.Context(), later()))
	rows, err := b.pool.Query(t.Context(), `SELECT entity_kind || ' ' || found_by || ' ' || entities FROM mirror.drift ORDER BY 1`)
	must(t, err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	return all
}

// heard is an event of a person that says nothing about what else changed.
func heard(id, eventID string, at time.Time) directory.Record {
	r := userEvent(id, `"nickname":"`+eventID+`"`)
	r.EventID, r.OccurredAt = eventID, at
	return r
}

func TestDrift(t *testing.T) {
	t.Parallel()
	moon := func(t *testing.T, b *bundle, id string) {
		t.Helper()
		must(t, b.sandbox.ChangeUser(id, func(u *sandbox.User) { u.City += "月球" }))
	}

	t.Run("the first walk finds none, and a second one that finds nothing neither", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 60, 6)
		b.backfill(t)
		b.backfill(t)
		equal(t, "drift", b.drifted(t), nil)
	})

	t.Run("what no event told", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 60, 6)
		b.backfill(t)
		truth := b.sandbox.Truth()
		moon(t, b, anyUser(truth, 0))
		must(t, b.sandbox.ResignUser(anyUser(truth, 1)))
		_, err := b.sandbox.AddUser(sandbox.User{Name: "新人", DepartmentIDs: []string{"0"}})
		must(t, err)
		for id := range truth.Departments {
			must(t, b.sandbox.ChangeDepartment(id, func(d *sandbox.Department) { d.Name += "x" }))
			break
		}
		b.backfill(t)
		must(t, b.drift(t).Judge(t.Context(), time.Now().Add(crawl.DriftGrace-time.Minute)))
		equal(t, "counted", b.counted(t), nil) // an event may still come
		want := []string{"department sweep 1", "user sweep 3"}
		equal(t, "drift", b.drifted(t), want)
		equal(t, "after a restart", b.drifted(t), want)
		// It is in the log whole, so it can be counted again.
		_, err = b.pool.Exec(t.Context(), `DELETE FROM mirror.drift`)
		must(t, err)
		_, err = b.pool.Exec(t.Context(), `DELETE FROM mirror.checkpoint WHERE consumer = 'drift'`)
		must(t, err)
		equal(t, "counted again", b.drifted(t), want)
	})

	t.Run("not what an event told, before or after it was seen", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 60, 6)
		b.backfill(t)
		truth := b.sandbox.Truth()
		before, after, unheard := anyUser(truth, 0), anyUser(truth, 1), anyUser(truth, 2)
		for _, id := range []string{before, after, unheard} {
			moon(t, b, id)
		}
		b.append(t, heard(before, "e1", time.Now()))
		b.backfill(t)
		b.append(t, heard(after, "e2", time.Now().Add(-2*time.Second)), heard(unheard, "e3", time.Now().Add(time.Hour)))
		equal(t, "drift", b.drifted(t), []string{"user sweep 1"}) // what happens an hour later told nothing
	})

	t.Run("an event is of no more use once the mirror has looked", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 60, 6)
		b.backfill(t)
		id := anyUser(b.sandbox.Truth(), 0)
		b.append(t, heard(id, "e1", time.Now().Add(-time.Minute)))
		b.backfill(t)
		moon(t, b, id)
		b.backfill(t)
		equal(t, "drift", b.drifted(t), []string{"user sweep 1"})
	})

	t.Run("one that came too late", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 60, 6)
		b.backfill(t)
		id := anyUser(b.sandbox.Truth(), 0)
		moon(t, b, id)
		b.backfill(t)
		want := []string{"user sweep 1"}
		equal(t, "drift", b.drifted(t), want)
		b.append(t, heard(id, "e1", time.Now().Add(-5*time.Second)))
		equal(t, "after the event", b.drifted(t), want)
	})

	t.Run("a new range tells of everybody", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 200, 40)
		top, _ := branch(t, b.sandbox.Truth(), 12)
		b.setRange(t, sandbox.Range{Departments: []string{top}})
		b.backfill(t)
		b.setRange(t, sandbox.Range{})
		b.backfill(t)
		b.append(t, directory.Record{
			OccurredAt: time.Now().Add(-time.Second), EventID: "e-scope", EventType: directory.EventScopeUpdated,
			Source: directory.SourceWebhook, EntityKind: directory.KindScope, Payload: []byte(`{}`),
		})
		equal(t, "drift", b.drifted(t), nil)
	})

	t.Run("definitions that are read for the first time are none, new ones later are", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 5, 2)
		must(t, b.sandbox.RevokePermission(feishu.EndpointEmployeeTypes))
		b.backfill(t)
		b.sandbox.GrantPermission(feishu.EndpointEmployeeTypes)
		b.backfill(t)
		equal(t, "at first", b.drifted(t), nil)
		_, err := b.sandbox.AddEmployeeType(sandbox.EmployeeType{Content: "临时"})
		must(t, err)
		b.backfill(t)
		equal(t, "drift", b.drifted(t), []string{"employee_type poll 1"})
	})

	t.Run("a log of many pages", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 1500, 30)
		b.backfill(t)
		for id := range b.sandbox.Truth().Users {
			moon(t, b, id)
		}
		b.backfill(t)
		equal(t, "drift", b.drifted(t), []string{"user sweep 1500"})
	})
}

func (b *bundle) counted(t *testing.T) []string {
	t.Helper()
	rows, err := b.pool.Query(t.Context(), `SELECT entity_kind FROM mirror.drift`)
	must(t, err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	return all
}

func TestSample(t *testing.T) {
	t.Parallel()
	b := setup(t, 120, 5)
	b.backfill(t)
	truth := b.sandbox.Truth()
	var ids []string
	for id := range truth.Users {
		ids = append(ids, id)
		// The sample goes by the read model, which is the projector's.
		_, err := b.pool.Exec(t.Context(), `INSERT INTO directory.users (tenant_key, open_id, attributes, position) VALUES ($1, $2, '{}', 1)`, b.tenant(), id)
		must(t, err)
	}
	slices.Sort(ids)
	changed := ids[60] // of the second round's
	must(t, b.sandbox.ChangeUser(changed, func(u *sandbox.User) { u.City = "月球" }))
	d, r := b.drift(t), b.rereader(t)
	now := time.Now()
	rows := func(ids []string) (all []string) {
		for _, id := range ids {
			all = append(all, "user "+id)
		}
		slices.Sort(all)
		return all
	}
	must(t, d.Sample(t.Context(), now.Add(-crawl.SampleEvery)))
	equal(t, "at first", b.queued(t), nil)
	for round, want := range [][]string{ids[:50], ids[50:100], slices.Concat(ids[100:], ids[:30])} {
		at := now.Add(time.Duration(round) * crawl.SampleEvery)
		must(t, d.Sample(t.Context(), at))
		must(t, d.Sample(t.Context(), at.Add(time.Minute))) // once an hour
		equal(t, fmt.Sprintf("round %d", round), b.queued(t), rows(want))
		_, err := b.pool.Exec(t.Context(), `UPDATE mirror.reread_queue SET not_before = now() - interval '1 minute'`)
		must(t, err)
		must(t, r.Pass(t.Context()))
		equal(t, "left", b.queued(t), nil)
	}
	if n := b.asked(feishu.EndpointUsersBatch); n != 3 {
		t.Errorf("%d calls for three rounds", n)
	}
	equal(t, "drift", b.drifted(t), []string{"user sample 1"})
	var sampled int64
	must(t, b.pool.QueryRow(t.Context(), `SELECT sum(entities)::bigint FROM mirror.sample`).Scan(&sampled))
	if sampled != 150 {
		t.Errorf("%d sampled", sampled)
	}

	// Who is in doubt for a better reason keeps it, and is not part of the sample.
	b.queue(t, directory.KindUser, past(), ids[30])
	must(t, b.sandbox.ChangeUser(ids[30], func(u *sandbox.User) { u.City = "火星" }))
	must(t, d.Sample(t.Context(), now.Add(3*crawl.SampleEvery)))
	_, err := b.pool.Exec(t.Context(), `UPDATE mirror.reread_queue SET not_before = now() - interval '1 minute'`)
	must(t, err)
	must(t, r.Pass(t.Context()))
	equal(t, "drift", b.drifted(t), []string{"user reread 1", "user sample 1"})
}
