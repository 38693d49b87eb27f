package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func (c *company) complete(t *testing.T) (n int) {
	t.Helper()
	must(t, c.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM mirror.sweep WHERE state = 'complete'`).Scan(&n))
	return n
}

// branch finds a department with a few below it, under which there are people.
func (c *company) branch(least int, but map[string]bool) (top string, in map[string]bool) {
	truth := c.sandbox.Truth()
	for _, id := range slices.Sorted(maps.Keys(truth.Departments)) {
		in = map[string]bool{id: true}
		for grown := true; grown; {
			grown = false
			for other, d := range truth.Departments {
				if in[d.ParentDepartmentID] && !in[other] {
					in[other], grown = true, true
				}
			}
		}
		apart := len(in) >= least && len(in) < len(truth.Departments)/2
		for other := range in {
			apart = apart && !but[other]
		}
		for other := range but {
			apart = apart && !in[other]
		}
		if apart {
			return id, in
		}
	}
	panic("no such department")
}

// What no event told is found by a sweep, which a change of the range asks for.
func TestServiceSweepsWhenTheRangeChanged(t *testing.T) {
	t.Parallel()
	c := newCompany(t, 60, 12)
	c.cfg.SweepInterval = 24 * time.Hour
	top, _ := c.branch(2, nil)
	must(t, c.sandbox.SetRange(c.sandbox.AppID(), sandbox.Range{Departments: []string{top}}))
	c.backfill(t)
	c.serve(t)
	must(t, c.sandbox.ChangeUser(c.somebody(0), func(u *sandbox.User) { u.City = "月球" })) // its event is lost
	must(t, c.sandbox.SetRange(c.sandbox.AppID(), sandbox.Range{}))
	c.append(t, directory.Record{
		OccurredAt: time.Now(), EventID: "e-scope", EventType: directory.EventScopeUpdated, SchemaVersion: directory.SchemaVersion1,
		Source: directory.SourceWebhook, EntityKind: directory.KindScope, Payload: json.RawMessage(`{"event":{"added":{},"removed":{}}}`),
	})
	eventually(t, "it is swept", func() bool { return c.complete(t) == 2 })
	c.settled(t)
	c.equalsSeen(t)
	eventually(t, "nothing asks for a sweep any more", func() bool {
		var asks int
		must(t, c.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM mirror.sweep_request`).Scan(&asks))
		return asks == 0
	})
}

// A department that moves into the range brings people with it of whom no event
// tells.
func TestServiceReadsWhatMovesIntoTheRange(t *testing.T) {
	t.Parallel()
	c := newCompany(t, 200, 40)
	top, in := c.branch(3, nil)
	moved, _ := c.branch(3, in)
	must(t, c.sandbox.SetRange(c.sandbox.AppID(), sandbox.Range{Departments: []string{top}}))
	c.backfill(t)
	c.serve(t)
	must(t, c.sandbox.MoveDepartment(moved, top))
	key := c.key(directory.KindDepartment, moved)
	object := fields(t, key.Kind, c.seen(t)[key])
	c.append(t, c.event(t, key, "updated", justDue(), object, map[string]any{"parent_department_id": "od-elsewhere"}))
	c.settled(t)
	c.equalsSeen(t)
	if n := c.complete(t); n != 1 {
		t.Errorf("%d walks", n)
	}
}

// After more than 15 minutes without a service the next one sweeps; stopped in
// the middle, the one after it goes on.
func TestServiceSweepsAfterItWasDown(t *testing.T) {
	t.Parallel()
	c := newCompany(t, 100, 30)
	c.cfg.SweepInterval = 24 * time.Hour
	c.backfill(t)
	run := func(until func() bool) {
		t.Helper()
		s, err := OpenService(t.Context(), c.cfg, c.db, slog.New(slog.DiscardHandler))
		must(t, err)
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- s.Run(ctx) }()
		eventually(t, "what the service is run for", until)
		stop()
		must(t, <-served)
		must(t, s.Close())
	}
	noted := func() bool {
		var n int
		must(t, c.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM mirror.service`).Scan(&n))
		return n == 1
	}
	run(noted)
	must(t, c.sandbox.ResignUser(c.somebody(0)))
	_, err := c.db.Pool.Exec(t.Context(), `UPDATE mirror.service SET checked_at = checked_at - interval '20 minutes', heard_at = heard_at - interval '20 minutes'`)
	must(t, err)
	must(t, c.sandbox.AddFault(sandbox.Fault{Endpoint: "GET /contact/v3/users/find_by_department", DelayMS: 200, Count: -1}))
	began := func() (id string) {
		_ = c.db.Pool.QueryRow(t.Context(), `SELECT sweep_id::text FROM mirror.sweep WHERE state = 'running'`).Scan(&id)
		return id
	}
	run(func() bool {
		var lists int
		must(t, c.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM mirror.sweep_task JOIN mirror.sweep USING (sweep_id) WHERE state = 'running' AND listing = 'users' AND done`).Scan(&lists))
		return lists > 1
	})
	first := began()
	if first == "" {
		t.Fatal("the sweep was over before it could be stopped")
	}
	c.sandbox.ClearFaults()
	run(func() bool { return c.complete(t) == 2 })
	var state string
	must(t, c.db.Pool.QueryRow(t.Context(), `SELECT state FROM mirror.sweep WHERE sweep_id = $1`, first).Scan(&state))
	if state != "complete" {
		t.Errorf("the sweep that was stopped is %s", state)
	}
	c.serve(t)
	c.settled(t)
	c.equalsSeen(t)
}
