package sandbox_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// everything are the options with which events carry all that they can.
func everything() sandbox.Options {
	return sandbox.Options{FollowUpEvents: true, EventOptions: sandbox.EventOptions{
		DepartmentIDsInObject: true, EmptyFields: true, ExtraFields: true, ResurrectEvent: sandbox.ResurrectAsCreated,
	}}
}

// observed is a company with two apps that keep copies by events: the first one,
// and one of the marketplace with open_ids and fields of its own.
type observed struct {
	*writer
	copies map[string]*reader
}

func observe(t *testing.T, seed uint64, o sandbox.Options) *observed {
	t.Helper()
	k := start(t, sandbox.Config{People: 40, Departments: 12, Seed: seed, Options: o})
	store := k.app(sandbox.App{ID: "cli_store", Store: true})
	return &observed{
		writer: &writer{kit: k, rng: rand.New(rand.NewPCG(seed, 1)), done: map[string]int{}},
		copies: map[string]*reader{k.AppID(): newReader(t, k, k.AppID(), false), store: newReader(t, k, store, true)},
	}
}

// read lets the copies take in what they were told.
func (o *observed) read(t *testing.T) {
	t.Helper()
	for app, r := range o.copies {
		for _, e := range o.Events(app) {
			r.apply(t, e)
		}
		o.ForgetEvents(app)
	}
}

// After random writes, the events lead to what each app sees.
func TestEventsTellEverything(t *testing.T) {
	t.Parallel()
	seeds := []uint64{1, 2, 3, uint64(time.Now().UnixNano())}
	for _, seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			o := observe(t, seed, everything())
			for i := range 300 {
				o.write(t)
				o.read(t)
				if i%10 != 0 && i != 299 {
					continue
				}
				for app, r := range o.copies {
					if d := r.differences(t, o.kit, app); len(d) > 0 {
						t.Fatalf("seed %d, after %d writes, %s: %s", seed, i+1, app, strings.Join(d, "\n"))
					}
				}
			}
			if len(o.done) < 21 || o.refused > 120 {
				t.Errorf("of 300 writes, %d were refused; done %v", o.refused, o.done)
			}
		})
	}
}

// The same by webhook, with duplicates and answers that do not arrive.
func TestEventsTellEverythingByWebhook(t *testing.T) {
	t.Parallel()
	const seed = 11
	o := observe(t, seed, everything())
	o.SetDelivery(func(d *sandbox.Delivery) { d.RetryScale = 1e-9 })
	h := newHook(t)
	must(t, o.Subscribe(t.Context(), o.AppID(), sandbox.Subscription{Mode: sandbox.ModeWebhook, URL: h.URL}))
	must(t, o.AddEventFault(sandbox.EventFault{AppID: o.AppID(), Duplicates: 2, Count: -1, Probability: 0.2, Seed: seed}))
	must(t, o.AddEventFault(sandbox.EventFault{AppID: o.AppID(), LoseAcks: 1, Count: -1, Probability: 0.2, Seed: seed}))
	for range 200 {
		o.write(t)
	}
	o.settle()
	r := o.copies[o.AppID()]
	bodies := h.all()
	for _, raw := range bodies {
		e := decodeAs[struct {
			envelope
			Event json.RawMessage
		}](t, []byte(raw))
		r.apply(t, sandbox.EventRecord{ID: e.Header.EventID, Type: e.Header.EventType, Event: e.Event})
	}
	if d := r.differences(t, o.kit, o.AppID()); len(d) > 0 {
		t.Errorf("seed %d: %s", seed, strings.Join(d, "\n"))
	}
	if len(bodies) < len(r.seen)+50 {
		t.Errorf("%d events came in %d pushes only", len(r.seen), len(bodies))
	}
}

// The property can fail: each kind of difference is noticed.
func TestPlantedDifferencesAreNoticed(t *testing.T) {
	t.Parallel()
	fault := func(f sandbox.EventFault) func(*testing.T, *observed) {
		return func(t *testing.T, o *observed) { f.AppID = o.AppID(); must(t, o.AddEventFault(f)) }
	}
	drop := func(eventType string) func(*testing.T, *observed) {
		return func(_ *testing.T, o *observed) {
			for _, e := range o.Events(o.AppID()) {
				if e.Type == "contact."+eventType+"_v3" {
					o.copies[o.AppID()].seen[e.ID] = true // as if it had come already
				}
			}
		}
	}
	hire := func(o *observed) error { return o.hire(o.Truth()) }
	found := func(o *observed) error { return o.found(o.Truth()) }
	first := func(o *observed, do func(u string) error) error { return do(anyOf(o.writer, o.Truth().Users)) }
	leaf := func(o *observed) string { return o.addDepartment("叶", "0") }
	for _, c := range []struct {
		name   string
		act    func(*observed) error
		before func(*testing.T, *observed) // before the event, or
		plant  func(*testing.T, *observed) // after it and before it is read, or
		after  func(r *reader)             // in the copy
		want   string
	}{
		{"an event about a new person is dropped", hire, nil, drop("user.created"), nil, "is missing"},
		{"an event about a change is dropped", func(o *observed) error {
			return first(o, func(u string) error {
				return o.ChangeUser(u, func(u *sandbox.User) { u.City = "新" })
			})
		}, nil, drop("user.updated"), nil, `city`},
		{"an event about a person who left is dropped", func(o *observed) error { return first(o, o.ResignUser) }, nil, drop("user.deleted"), nil, "should not be there"},
		{"an event about a new department is dropped", found, nil, drop("department.created"), nil, "is missing"},
		{"an event about a move is dropped", func(o *observed) error {
			d := leaf(o)
			o.read(o.t.(*testing.T))
			return o.MoveDepartment(d, leaf(o))
		}, nil, drop("department.updated"), nil, "parent_department_id"},
		{"an event about a department that is gone is dropped", func(o *observed) error {
			d := leaf(o)
			o.read(o.t.(*testing.T))
			return o.RemoveDepartment(d)
		}, nil, drop("department.deleted"), nil, "should not be there"},
		{"a field is changed on the way", hire, fault(sandbox.EventFault{EventType: "contact.user.created_v3", Field: "object.name", Value: json.RawMessage(`"x"`)}), nil, nil, `name`},
		{"nobody left out", hire, nil, nil, func(r *reader) { r.users["ou_extra"] = object{"open_id": "ou_extra"} }, "user ou_extra should not be there"},
		{"a department too many", hire, nil, nil, func(r *reader) { r.departments["od-extra"] = object{} }, "department od-extra should not be there"},
		{"somebody is missing", hire, nil, nil, func(r *reader) {
			for id := range r.users {
				delete(r.users, id)
				return
			}
		}, "is missing"},
		{"somebody is in another department", hire, nil, nil, func(r *reader) {
			for _, u := range r.users {
				u["department_ids"] = []any{"od-other"}
				return
			}
		}, "department_ids"},
		{"nothing", hire, nil, nil, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := observe(t, 5, everything())
			if c.before != nil {
				h := newHook(t) // faults are for those who are subscribed
				must(t, o.Subscribe(t.Context(), o.AppID(), sandbox.Subscription{Mode: sandbox.ModeWebhook, URL: h.URL}))
				c.before(t, o)
			}
			must(t, c.act(o))
			if c.plant != nil {
				c.plant(t, o)
			}
			o.read(t)
			if c.after != nil {
				c.after(o.copies[o.AppID()])
			}
			d := strings.Join(o.copies[o.AppID()].differences(t, o.kit, o.AppID()), "\n")
			if (d == "") != (c.want == "") || !strings.Contains(d, c.want) {
				t.Errorf("differences %q, want %q", d, c.want)
			}
		})
	}
}
