package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/projector"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// company is a company in a sandbox, its mirror's database, and events as
// Feishu would send them.
type company struct {
	sandbox *sandbox.Server
	cfg     config.Config
	db      *Database
	log     *eventlog.Log // events come in by it
	tenant  string
	events  int
}

func newCompany(t *testing.T, people, departments int) *company {
	t.Helper()
	c := &company{db: &Database{Pool: pgtest.DB(t)}}
	var err error
	c.sandbox, err = sandbox.Start(t.Context(), sandbox.Config{People: people, Departments: departments, Seed: 11})
	must(t, err)
	t.Cleanup(func() { must(t, c.sandbox.Close()) })
	rates, err := crawl.ParseRates("off")
	must(t, err)
	c.cfg = config.Config{
		FeishuBaseURL: c.sandbox.URL(), FeishuAppID: c.sandbox.AppID(), FeishuAppSecret: c.sandbox.AppSecret(), FeishuRates: rates,
		Reread: crawl.RereadIncomplete, HTTPListen: "127.0.0.1:0", GRPCListen: "127.0.0.1:0", MetricsListen: "127.0.0.1:0",
	}
	c.tenant = c.sandbox.Truth().Tenant.TenantKey
	c.log, err = eventlog.Open(t.Context(), c.db.Pool, eventlog.Options{TenantKey: c.tenant, AppID: c.sandbox.AppID()})
	must(t, err)
	t.Cleanup(func() { must(t, c.log.Close()) })
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (c *company) backfill(t *testing.T) {
	t.Helper()
	w, err := OpenCrawl(t.Context(), c.cfg, c.db, slog.New(slog.DiscardHandler), nil)
	must(t, err)
	_, err = w.Backfill(t.Context())
	must(t, err)
	must(t, w.Close())
}

// serve runs the service until the test ends.
func (c *company) serve(t *testing.T) {
	t.Helper()
	s, err := OpenService(t.Context(), c.cfg, c.db, slog.New(slog.DiscardHandler))
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		must(t, <-served)
		must(t, s.Close())
	})
}

// seen are the objects that the app's calls show, by kind and id.
func (c *company) seen(t *testing.T) map[directory.Key]json.RawMessage {
	t.Helper()
	seen, err := c.sandbox.SeenBy(c.sandbox.AppID())
	must(t, err)
	all := map[directory.Key]json.RawMessage{}
	for id, object := range seen.Users {
		all[c.key(directory.KindUser, id)] = object
	}
	for id, object := range seen.Departments {
		all[c.key(directory.KindDepartment, id)] = object
	}
	return all
}

func (c *company) key(kind directory.Kind, id string) directory.Key {
	return directory.Key{TenantKey: c.tenant, Kind: kind, ID: id}
}

// eventFields are what events carry of what the API shows.
var eventFields = map[directory.Kind][]string{
	directory.KindUser: {
		"open_id", "union_id", "user_id", "name", "en_name", "nickname", "email", "enterprise_email", "job_title", "mobile", "gender",
		"status", "department_ids", "orders", "leader_user_id", "city", "work_station", "join_time", "employee_no", "employee_type", "dotted_line_leader_user_ids",
	},
	directory.KindDepartment: {
		"open_department_id", "department_id", "name", "parent_department_id", "leader_user_id", "leaders", "chat_id", "order", "status", "department_hrbps",
	},
}

// change changes the company, and returns the events that Feishu would send of
// it at that instant: of everybody whose object is another one now.
func (c *company) change(t *testing.T, at time.Time, change func() error) []directory.Record {
	t.Helper()
	before := c.seen(t)
	must(t, change())
	after := c.seen(t)
	var events []directory.Record
	for _, key := range slices.SortedFunc(maps.Keys(union(before, after)), func(a, b directory.Key) int { return cmpText(a.ID, b.ID) }) {
		was, is := fields(t, key.Kind, before[key]), fields(t, key.Kind, after[key])
		switch {
		case was == nil:
			events = append(events, c.event(t, key, "created", at, is, nil))
		case is == nil && key.Kind == directory.KindUser:
			object := map[string]any{"open_id": key.ID, "name": was["name"], "status": map[string]any{"is_resigned": false}}
			events = append(events, c.event(t, key, "deleted", at, object, map[string]any{"open_id": key.ID, "department_ids": was["department_ids"]}))
		case is == nil:
			object := map[string]any{"open_department_id": key.ID, "status": map[string]any{"is_deleted": false}}
			events = append(events, c.event(t, key, "deleted", at, object, object))
		default:
			if old := differing(was, is); len(old) > 0 {
				events = append(events, c.event(t, key, "updated", at, is, old))
			}
		}
	}
	return events
}

func cmpText(a, b string) int {
	if a < b {
		return -1
	}
	return 1
}

func union(a, b map[directory.Key]json.RawMessage) map[directory.Key]bool {
	all := map[directory.Key]bool{}
	for k := range a {
		all[k] = true
	}
	for k := range b {
		all[k] = true
	}
	return all
}

// fields are those members of an object that events carry; nil of no object.
func fields(t *testing.T, kind directory.Kind, object json.RawMessage) map[string]any {
	t.Helper()
	if object == nil {
		return nil
	}
	var all map[string]any
	must(t, json.Unmarshal(object, &all))
	carried := map[string]any{}
	for _, name := range eventFields[kind] {
		if v, has := all[name]; has {
			carried[name] = v
		}
	}
	if ids, has := carried["department_hrbps"].([]any); has { // objects in events
		people := make([]any, len(ids))
		for i, id := range ids {
			people[i] = map[string]any{"open_id": id}
		}
		carried["department_hrbps"] = people
	}
	return carried
}

// differing are the members that changed, as they were.
func differing(was, is map[string]any) map[string]any {
	old := map[string]any{}
	for name, v := range was {
		if !cmp.Equal(v, is[name]) {
			old[name] = v
		}
	}
	for name := range is {
		if _, had := was[name]; !had {
			old[name] = ""
		}
	}
	return old
}

func (c *company) event(t *testing.T, key directory.Key, verb string, at time.Time, object, old map[string]any) directory.Record {
	t.Helper()
	c.events++
	body := map[string]any{"object": object}
	if old != nil {
		body["old_object"] = old
	}
	payload, err := json.Marshal(map[string]any{"schema": "2.0", "header": map[string]any{}, "event": body})
	must(t, err)
	return directory.Record{
		OccurredAt: at, EventID: fmt.Sprintf("e%06d", c.events), EventType: "contact." + string(key.Kind) + "." + verb + "_v3",
		SchemaVersion: directory.SchemaVersion1, Source: directory.SourceWebhook, EntityKind: key.Kind, EntityID: key.ID, Payload: payload,
	}
}

func (c *company) append(t *testing.T, events ...directory.Record) {
	t.Helper()
	_, err := c.log.Append(t.Context(), events...)
	must(t, err)
}

// settled waits until all records are in the tables and nobody has to be read
// again any more.
func (c *company) settled(t *testing.T) {
	t.Helper()
	eventually(t, "everything is read again", func() bool {
		head, err := c.log.Head(t.Context())
		must(t, err)
		at, err := c.log.Checkpoint(t.Context(), projector.Consumer)
		must(t, err)
		var queued int
		must(t, c.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM mirror.reread_queue`).Scan(&queued))
		now, err := c.log.Head(t.Context())
		must(t, err)
		return queued == 0 && at == head.Position && now == head
	})
}

// eventually waits for a condition, and fails after two minutes without it.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within two minutes: %s", what)
		}
	}
}

// equalsSeen compares the read model with what the app's calls show, in every
// field that they show.
func (c *company) equalsSeen(t *testing.T) {
	t.Helper()
	want, got := map[string]any{}, map[string]any{}
	for key, object := range c.seen(t) {
		r, err := directory.NewObservation(directory.Origin{TenantKey: c.tenant}, key.Kind, key.ID, time.Now(), directory.Observation{Object: object, Listed: true})
		must(t, err)
		state := directory.NewState(key)
		for _, change := range directory.Decode(r).Changes {
			state.Apply(change)
		}
		life := directory.UserOf(state).Life
		if key.Kind == directory.KindDepartment {
			life = directory.DepartmentOf(state).Life
		}
		want[string(key.Kind)+" "+key.ID] = decoded(t, life.Attributes)
	}
	rows, err := c.db.Pool.Query(t.Context(), `
		SELECT 'user ' || open_id, attributes::text FROM directory.users WHERE removed_at IS NULL
		UNION ALL
		SELECT 'department ' || open_department_id, attributes::text FROM directory.departments WHERE removed_at IS NULL AND open_department_id <> '0'`)
	must(t, err)
	var id, attributes string
	_, err = pgx.ForEachRow(rows, []any{&id, &attributes}, func() error {
		got[id] = decoded(t, json.RawMessage(attributes))
		return nil
	})
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the mirror is not what the app sees (-feishu +mirror):\n%s", diff)
	}
}

func decoded(t *testing.T, raw json.RawMessage) any {
	t.Helper()
	var v any
	must(t, json.Unmarshal(raw, &v))
	return v
}

// somebody is the nth person by id.
func (c *company) somebody(n int) string {
	return slices.Sorted(maps.Keys(c.sandbox.Truth().Users))[n]
}
