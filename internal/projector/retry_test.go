package projector_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/projector"
)

// passOver leaves the read model as an older program would, which could not
// read the record at the log's end.
func (b *bundle) passOver(t *testing.T, kind, id, field string) directory.Position {
	t.Helper()
	head, err := b.log.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error {
		if err := eventlog.MoveCheckpoint(t.Context(), tx, projector.Consumer, head.Position-1, head.Position); err != nil {
			return err
		}
		return park(t.Context(), tx, head.Position, kind, id, field)
	})
	if err != nil {
		t.Fatal(err)
	}
	return head.Position
}

func park(ctx context.Context, tx pgx.Tx, position directory.Position, kind, id, field string) error {
	_, err := tx.Exec(ctx, `INSERT INTO mirror.event_log_parked VALUES ($1, $2, $3, $4, $5, 'wrong type')`, int64(position), tenant, kind, id, field)
	return err
}

// retry tries a record again and returns each part's outcome.
func (b *bundle) retry(t *testing.T, position directory.Position) []string {
	t.Helper()
	retried, err := b.projector.Retry(t.Context(), position)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range retried {
		got = append(got, r.Field+" "+string(r.Outcome))
	}
	return got
}

func (b *bundle) parked(t *testing.T) []string {
	t.Helper()
	return lines(t, b.pool, `SELECT position || ' ' || entity_id || ' ' || field FROM mirror.event_log_parked ORDER BY 1`)
}

func (b *bundle) queued(t *testing.T) []string {
	t.Helper()
	return lines(t, b.pool, `SELECT entity_id || ' ' || reasons::text || ' ' || to_char(not_before AT TIME ZONE 'UTC', 'MI:SS') FROM mirror.reread_queue ORDER BY 1`)
}

func TestRetry(t *testing.T) {
	t.Parallel()

	t.Run("what a newer program reads is folded, at the log's end", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.append(t, observed(t, directory.KindUser, 1, `{"open_id":"ou_1","name":"a","city":"x"}`))
		b.project(t, 100)
		b.append(t, b.event(directory.EventUserUpdated, 2, `{"open_id":"ou_1","name":"b","city":"y"}`, `{"name":"a","city":"x"}`))
		old := b.passOver(t, "user", "ou_1", "city")
		b.append(t, observed(t, directory.KindUser, 3, `{"open_id":"ou_1","name":"c"}`)) // said since: it stays
		b.project(t, 100)

		want(t, b.retry(t, old), "city folded")
		b.project(t, 100)
		want(t, lines(t, b.pool, `SELECT name || ' ' || city FROM directory.users`), "c y")
		want(t, lines(t, b.pool, `SELECT from_position || ' ' || name || ' ' || city FROM history.users ORDER BY from_position`), "1 a x", "3 c x", "4 c y")
		want(t, b.parked(t))
		want(t, b.retry(t, old), " nothing")
	})

	t.Run("a retry that was killed half-way is finished by the next", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.append(t, b.event(directory.EventUserUpdated, 2, `{"open_id":"ou_1","city":"y"}`, `{"city":"x"}`))
		old := b.passOver(t, "user", "ou_1", "city")
		want(t, b.retry(t, old), "city folded")
		err := pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error { return park(t.Context(), tx, old, "user", "ou_1", "city") })
		if err != nil {
			t.Fatal(err)
		}
		again, err := b.projector.Retry(t.Context(), old)
		if err != nil {
			t.Fatal(err)
		}
		if len(again) != 1 || again[0].AppendedAt != 2 {
			t.Errorf("the second retry says %+v, want the first one's position", again)
		}
		head, err := b.log.Head(t.Context())
		if err != nil || head.Position != 2 {
			t.Errorf("head %d (%v), want 2: the record is there once more, and once", head.Position, err)
		}
		want(t, b.parked(t))
	})

	t.Run("what still cannot be read is asked for again", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.append(t, observed(t, directory.KindUser, 1, `{"open_id":"ou_1","name":"a","employee_type":{"x":1},"gender":[]}`))
		b.project(t, 100)
		if _, err := b.pool.Exec(t.Context(), `DELETE FROM mirror.reread_queue`); err != nil { // it was asked for, in vain
			t.Fatal(err)
		}
		want(t, b.retry(t, 1), "employee_type reread", "gender reread")
		want(t, b.parked(t))
		want(t, b.queued(t), "ou_1 {undecodable} 01:11")
		want(t, lines(t, b.pool, `SELECT position::text FROM mirror.event_log_head`), "1")
	})

	t.Run("one part is read and another is not", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.append(t, observed(t, directory.KindUser, 1, `{"open_id":"ou_1","name":"a","employee_type":{"x":1}}`))
		old := b.passOver(t, "user", "ou_1", "employee_type")
		err := pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error { return park(t.Context(), tx, old, "user", "ou_1", "name") })
		if err != nil {
			t.Fatal(err)
		}
		want(t, b.retry(t, old), "employee_type reread", "name folded")
		b.project(t, 100)
		want(t, lines(t, b.pool, `SELECT name FROM directory.users`), "a")
		want(t, b.parked(t), "2 ou_1 employee_type") // the record once more, with what is still wrong with it
		want(t, b.retry(t, 2), "employee_type reread")
		want(t, b.parked(t))
	})

	t.Run("what names nobody stays parked", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.append(t, b.event(directory.EventUserUpdated, 3, `{"name":"nobody"}`, ""))
		b.project(t, 100)
		for range 2 {
			want(t, b.retry(t, 1), " unreadable")
			want(t, b.parked(t), "1  ")
			want(t, b.queued(t))
		}
	})

	t.Run("what the database refused is tried on it", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		refuse(t, b)
		b.append(t,
			observed(t, directory.KindUser, 1, `{"open_id":"ou_1","name":"a"}`),
			observed(t, directory.KindUser, 1, `{"open_id":"ou_2","name":"refused"}`))
		b.project(t, 100)
		want(t, b.parked(t), "2 ou_2 ")

		want(t, b.retry(t, 2), " reread")
		want(t, b.parked(t))
		want(t, lines(t, b.pool, `SELECT position::text FROM mirror.event_log_head`), "2")
		err := pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error { return park(t.Context(), tx, 2, "user", "ou_2", "") })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.pool.Exec(t.Context(), `DROP TRIGGER refuse ON directory.users`); err != nil {
			t.Fatal(err)
		}
		want(t, b.retry(t, 2), " folded")
		want(t, lines(t, b.pool, `SELECT name FROM directory.users`), "a") // what was rehearsed was taken back
		b.project(t, 100)
		want(t, lines(t, b.pool, `SELECT name FROM directory.users ORDER BY 1`), "a", "refused")
	})
}

// refuse makes the database refuse a name, as it refuses values that it cannot hold.
func refuse(t *testing.T, b *bundle) {
	t.Helper()
	for _, sql := range []string{
		`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no' USING ERRCODE = '22000'; END $$`,
		`CREATE TRIGGER refuse BEFORE INSERT ON directory.users FOR EACH ROW WHEN (NEW.name = 'refused') EXECUTE FUNCTION refuse()`,
	} {
		if _, err := b.pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
}

func TestListParked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(t,
		observed(t, directory.KindUser, 1, `{"open_id":"ou_1","name":"a","employee_type":{"x":1},"gender":[]}`),
		b.event(directory.EventUserUpdated, 3, `{"name":"nobody"}`, ""),
		directory.Record{OccurredAt: begin, EventID: "odd", EventType: directory.EventUserUpdated, Payload: json.RawMessage(`["no event"]`)},
	)
	b.project(t, 100)
	list := func(after directory.Position, limit int) []string {
		parked, err := projector.ListParked(t.Context(), b.pool, after, limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range parked {
			got = append(got, p.EventType+" "+p.Field+" "+p.Class())
		}
		return got
	}
	want(t, list(0, 0), "mirror.user.observed employee_type wrong type", "mirror.user.observed gender wrong type",
		"contact.user.updated_v3  no open_id", "contact.user.updated_v3  the payload is no event")
	want(t, list(0, 1), "mirror.user.observed employee_type wrong type")
	want(t, list(2, 0), "contact.user.updated_v3  the payload is no event")

	parked, err := projector.ListParked(t.Context(), b.pool, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := json.Marshal(parked[0])
	if err != nil {
		t.Fatal(err)
	}
	if parked[0].EntityID != "ou_1" || strings.Contains(string(shown), "ou_1") {
		t.Errorf("a list in JSON names a person: %s", shown)
	}
}
