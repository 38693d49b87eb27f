package crawl_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func TestReread(t *testing.T) {
	t.Parallel()

	t.Run("fifty a call, and only what is new is appended", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 200, 20)
		b.backfill(t)
		var ids []string
		for id := range b.sandbox.Truth().Users {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		ids = ids[:120]
		changed := anyUser(b.sandbox.Truth(), 0)
		if !slices.Contains(ids, changed) {
			ids[0] = changed
		}
		must(t, b.sandbox.ChangeUser(changed, func(u *sandbox.User) { u.City = "月球" }))
		b.queue(t, directory.KindUser, past(), ids...)
		must(t, b.rereader(t).Pass(t.Context()))
		equal(t, "queue", b.queued(t), nil)
		equal(t, "appended", b.reread(t), []string{changed + " mirror.user.observed"})
		if batches, singles := b.asked(feishu.EndpointUsersBatch), b.asked(feishu.EndpointUser); batches != 3 || singles != 0 {
			t.Errorf("%d batches and %d singles, want 3 and none", batches, singles)
		}
	})

	t.Run("departments are read in batches too", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 60, 20)
		b.backfill(t)
		var id string
		for _, d := range b.sandbox.Truth().Departments {
			id = max(id, d.OpenDepartmentID)
		}
		must(t, b.sandbox.ChangeDepartment(id, func(d *sandbox.Department) { d.Name = "月球部" }))
		b.queue(t, directory.KindDepartment, past(), id)
		must(t, b.rereader(t).Pass(t.Context()))
		equal(t, "queue", b.queued(t), nil)
		if got := text(directory.DepartmentOf(b.state(t, directory.KindDepartment, id)).Name); got != "月球部" {
			t.Errorf("name = %q", got)
		}
		if n := b.asked(feishu.EndpointDepartmentsBatch); n != 1 {
			t.Errorf("%d batches", n)
		}
	})

	t.Run("what a batch leaves out is asked for alone", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 60, 10)
		b.backfill(t)
		truth := b.sandbox.Truth()
		here, erased, resigned := anyUser(truth, 0), anyUser(truth, 1), anyUser(truth, 2)
		must(t, b.sandbox.EraseUser(erased))
		must(t, b.sandbox.ResignUser(resigned))
		b.queue(t, directory.KindUser, past(), here, erased, resigned, "ou_never_heard_of")
		must(t, b.rereader(t).Pass(t.Context()))
		equal(t, "queue", b.queued(t), nil)
		if reason, _ := b.state(t, directory.KindUser, erased).Gone(); reason != directory.ReasonDeleted {
			t.Errorf("who was erased is gone for %q", reason)
		}
		if reason, _ := b.state(t, directory.KindUser, resigned).Gone(); reason != directory.ReasonResigned {
			t.Errorf("who resigned is gone for %q", reason)
		}
		if n := len(b.reread(t)); n != 2 {
			t.Errorf("%d records appended, want 2", n)
		}
		if n := b.asked(feishu.EndpointUser); n < 2 || n > 3 {
			t.Errorf("%d asked for alone", n)
		}
		// And once more: now all of it is known.
		b.queue(t, directory.KindUser, past(), here, erased, resigned)
		must(t, b.rereader(t).Pass(t.Context()))
		if n := len(b.reread(t)); n != 2 {
			t.Errorf("%d records after a second pass, want 2", n)
		}
	})

	t.Run("an app that may not read in batches reads one by one", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 60, 10)
		b.backfill(t)
		id := anyUser(b.sandbox.Truth(), 0)
		must(t, b.sandbox.RevokePermission(feishu.EndpointUsersBatch))
		must(t, b.sandbox.ChangeUser(id, func(u *sandbox.User) { u.City = "月球" }))
		b.queue(t, directory.KindUser, past(), id)
		r := b.rereader(t)
		must(t, r.Pass(t.Context()))
		b.queue(t, directory.KindUser, past(), id)
		must(t, r.Pass(t.Context()))
		equal(t, "queue", b.queued(t), nil)
		equal(t, "appended", b.reread(t), []string{id + " mirror.user.observed"})
		if n := b.asked(feishu.EndpointUsersBatch); n != 1 {
			t.Errorf("tried the batch %d times", n)
		}
	})

	t.Run("who is out of the app's range is neither removed nor asked for for ever", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 60, 10)
		b.backfill(t)
		id := anyUser(b.sandbox.Truth(), 0)
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUsersBatch, Code: 41050, Status: 403, Count: -1}))
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUser, Code: 41050, Status: 403, Count: -1}))
		b.queue(t, directory.KindUser, past(), id)
		must(t, b.rereader(t).Pass(t.Context()))
		equal(t, "queue", b.queued(t), nil)
		equal(t, "appended", b.reread(t), nil)
	})

	t.Run("an id that Feishu does not take is given up", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 20, 5)
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUsersBatch, Code: 40001, Status: 400}))
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUser, Code: 41012, Status: 400}))
		b.queue(t, directory.KindUser, past(), "ou_odd")
		must(t, b.rereader(t).Pass(t.Context()))
		equal(t, "queue", b.queued(t), nil)
	})

	t.Run("what is not due waits", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 20, 5)
		id := anyUser(b.sandbox.Truth(), 0)
		b.queue(t, directory.KindUser, time.Now().Add(time.Hour), id)
		must(t, b.rereader(t).Pass(t.Context()))
		equal(t, "queue", b.queued(t), []string{"user " + id})
		if n := b.asked(feishu.EndpointUsersBatch); n != 0 {
			t.Errorf("asked %d times", n)
		}
	})

	t.Run("due is what is due on Feishu's clock", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 20, 5)
		b.sandbox.SetClockSkew(-time.Hour)
		id := anyUser(b.sandbox.Truth(), 0)
		b.queue(t, directory.KindUser, past(), id) // an hour to go, which the client learns from the answer
		must(t, b.rereader(t).Pass(t.Context()))
		equal(t, "queue", b.queued(t), []string{"user " + id})
		equal(t, "appended", b.reread(t), nil)
		must(t, b.rereader(t).Pass(t.Context()))
		if n := b.asked(feishu.EndpointUsersBatch); n != 1 {
			t.Errorf("asked %d times, want once", n)
		}
	})

	t.Run("a kind that fails keeps no other from being read", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 60, 10)
		b.backfill(t)
		user := anyUser(b.sandbox.Truth(), 0)
		department := b.sandbox.Truth().Users[user].DepartmentIDs[0]
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUsersBatch, Status: 500, Count: -1}))
		b.queue(t, directory.KindUser, past(), user)
		b.queue(t, directory.KindDepartment, past(), department)
		r := b.rereader(t)
		if err := r.Pass(t.Context()); !errors.Is(err, feishu.ErrUnavailable) {
			t.Errorf("error = %v, want ErrUnavailable", err)
		}
		equal(t, "queue", b.queued(t), []string{"user " + user})
		asked := b.asked(feishu.EndpointUsersBatch)
		must(t, r.Pass(t.Context())) // users rest
		if n := b.asked(feishu.EndpointUsersBatch); n != asked {
			t.Errorf("asked %d times more", n-asked)
		}
		b.sandbox.ClearFaults()
		eventually(t, "users are read after their rest", func() bool {
			must(t, r.Pass(t.Context()))
			return len(b.queued(t)) == 0
		})
	})
}

// The leader goes without an event, another event asks for a re-read, and the
// answer lacks the key: it is readable, so there is none.
func TestRereadClearsWhatIsReadableAndNotThere(t *testing.T) {
	t.Parallel()
	b := setup(t, 60, 10)
	id := anyUser(b.sandbox.Truth(), 0)
	b.observedLongAgo(t, id, `{"open_id":"`+id+`","name":"a","leader_user_id":"ou_old","email":"x@y","department_ids":["od-1"],"status":{"is_resigned":false}}`)
	must(t, b.sandbox.ChangeUser(id, func(u *sandbox.User) { u.LeaderUserID, u.Email = "", "" }))
	b.queue(t, directory.KindUser, past(), id)
	must(t, b.rereader(t).Pass(t.Context()))
	u := directory.UserOf(b.state(t, directory.KindUser, id))
	if u.LeaderUserID != nil {
		t.Errorf("leader = %q, want none: other fields of its permission are there", *u.LeaderUserID)
	}
	if u.Email == nil {
		t.Error("the e-mail was cleared, and nothing shows that it can be read")
	}

	// With its whole permission gone nothing proves the leader to be empty.
	b.observedLongAgo(t, id, `{"open_id":"`+id+`","leader_user_id":"ou_old2"}`)
	for _, field := range []string{"leader_user_id", "department_ids", "orders"} {
		must(t, b.sandbox.HideField(sandbox.KindUser, field))
	}
	before := text(directory.UserOf(b.state(t, directory.KindUser, id)).LeaderUserID)
	b.queue(t, directory.KindUser, past(), id)
	must(t, b.rereader(t).Pass(t.Context()))
	if got := text(directory.UserOf(b.state(t, directory.KindUser, id)).LeaderUserID); got != before {
		t.Errorf("leader = %q, want %q still", got, before)
	}
}

// Of a field with a permission of its own an answer about one person says nothing:
// that it lacks the field may mean that the app may not see it. Somebody who has it
// is asked for beside.
func TestRereadClearsBesideAWitness(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hidden  []string
		cleared bool
	}{"readable": {nil, true}, "not readable any more": {[]string{"custom_attrs", "geo", "email"}, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, 60, 10)
			id, other, third := anyUser(b.sandbox.Truth(), 0), anyUser(b.sandbox.Truth(), 1), anyUser(b.sandbox.Truth(), 2)
			b.observedLongAgo(t, id, `{"open_id":"`+id+`","name":"a","geo":"cn","email":"x@y","custom_attrs":[{"id":"C-1","type":"TEXT","value":{"text":"x"}}],"department_ids":["od-1"],"status":{"is_resigned":false}}`)
			attrs := []sandbox.CustomAttr{{ID: "C-1", Type: "TEXT", Value: sandbox.CustomAttrValue{Text: "z"}}}
			must(t, b.sandbox.ChangeUser(id, func(u *sandbox.User) { u.Geo, u.Email, u.CustomAttrs = "", "", nil }))
			must(t, b.sandbox.ChangeUser(other, func(u *sandbox.User) { u.Geo, u.Email, u.CustomAttrs = "sg", "z@y", nil }))
			must(t, b.sandbox.ChangeUser(third, func(u *sandbox.User) { u.CustomAttrs = attrs }))
			for id, attributes := range map[string]string{other: `{"geo": "sg", "email": "z@y"}`, third: `{"custom_attrs": []}`, "ou_stale": `{"geo": "x"}`} {
				_, err := b.pool.Exec(t.Context(), `INSERT INTO directory.users (tenant_key, open_id, attributes, position) VALUES ($1, $2, $3, 1)`, b.tenant(), id, attributes)
				must(t, err)
			}
			for _, field := range c.hidden {
				must(t, b.sandbox.HideField(sandbox.KindUser, field))
			}
			b.queue(t, directory.KindUser, past(), id)
			must(t, b.rereader(t).Pass(t.Context()))
			s := b.state(t, directory.KindUser, id)
			for _, field := range []string{"geo", "email", "custom_attrs"} {
				if s.Has(field) == c.cleared {
					t.Errorf("%s is cleared: %v, want %v", field, !s.Has(field), c.cleared)
				}
			}
			if n := b.asked(feishu.EndpointUsersBatch); n != 1 || b.asked(feishu.EndpointUser) != 0 {
				t.Errorf("asked %d batches and %d people, want one batch", n, b.asked(feishu.EndpointUser))
			}
			equal(t, "observations", b.reread(t), []string{id + " mirror.user.observed"})
		})
	}
}

func TestWhoeverIsAskedForAgainMeanwhileStaysQueued(t *testing.T) {
	t.Parallel()
	b := setup(t, 20, 5)
	id := anyUser(b.sandbox.Truth(), 0)
	b.queue(t, directory.KindUser, past(), id)
	must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUsersBatch, DelayMS: 500}))
	passed := make(chan error, 1)
	r := b.rereader(t)
	go func() { passed <- r.Pass(t.Context()) }()
	eventually(t, "the batch is under way", func() bool { return b.asked(feishu.EndpointUsersBatch) > 0 })
	_, err := b.pool.Exec(t.Context(), `UPDATE mirror.reread_queue SET position = 2, not_before = now() + interval '1 hour'`)
	must(t, err)
	must(t, <-passed)
	equal(t, "queue", b.queued(t), []string{"user " + id})
}

func TestRereadsAndWalksShareTheLock(t *testing.T) {
	t.Parallel()

	t.Run("a walk waits for a pass", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 60, 10)
		b.queue(t, directory.KindUser, past(), anyUser(b.sandbox.Truth(), 0))
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUsersBatch, DelayMS: 700}))
		passed := make(chan error, 1)
		r := b.rereader(t)
		go func() { passed <- r.Pass(t.Context()) }()
		eventually(t, "the pass is under way", func() bool { return b.asked(feishu.EndpointUsersBatch) > 0 })
		b.backfill(t)
		must(t, <-passed)
		equal(t, "queue", b.queued(t), nil)
		b.equalsTruth(t)
	})

	t.Run("nobody else re-reads during a walk, and the walk's own process does", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 60, 10)
		id := anyUser(b.sandbox.Truth(), 0)
		other, own := b.rereader(t), b.rereader(t)
		walker, err := crawl.New(crawl.Config{
			Client: b.client, Pool: b.pool, Log: b.log, TenantKey: b.tenant(), AppID: b.sandbox.AppID(),
			Beside: own.Beside,
		})
		must(t, err)
		b.queue(t, directory.KindUser, past(), id)
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUsersByDepartment, DelayMS: 60_000, Count: -1}))
		walked := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			_, err := walker.Backfill(ctx)
			walked <- err
		}()
		eventually(t, "the walk's process reads again", func() bool { return len(b.queued(t)) == 0 })
		eventually(t, "the walk is under way", func() bool { return b.asked(feishu.EndpointUsersByDepartment) > 0 })
		b.queue(t, directory.KindUser, past(), id)
		if err := other.Pass(t.Context()); !errors.Is(err, crawl.ErrBusy) {
			t.Errorf("another pass during the walk: %v, want ErrBusy", err)
		}
		cancel()
		if err := <-walked; !errors.Is(err, context.Canceled) {
			t.Errorf("walk: %v", err)
		}
		must(t, other.Pass(t.Context())) // the lock is free again
		equal(t, "queue", b.queued(t), nil)
	})
}

// Killed at any point, the next one asks for the rest: nothing is lost, and what
// was appended before the kill is not appended again.
func TestRereadsSurviveKills(t *testing.T) {
	t.Parallel()
	b := setup(t, 300, 30)
	b.backfill(t)
	var ids []string
	for id := range b.sandbox.Truth().Users {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for i, id := range ids {
		must(t, b.sandbox.ChangeUser(id, func(u *sandbox.User) { u.WorkStation = fmt.Sprintf("desk %d", i) }))
	}
	b.queue(t, directory.KindUser, past(), ids...)
	must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUsersBatch, DelayMS: 30, Count: -1}))
	for kills := 0; len(b.queued(t)) > 0; kills++ {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(20+kills*15)*time.Millisecond)
		_ = b.rereader(t).Pass(ctx) // most end at the deadline
		cancel()
	}
	if n := len(b.reread(t)); n != len(ids) {
		t.Errorf("%d observations of %d changes", n, len(ids))
	}
	states := b.folded(t)
	for i, id := range ids {
		user := directory.UserOf(states[directory.Key{TenantKey: b.tenant(), Kind: directory.KindUser, ID: id}])
		if got := text(user.WorkStation); got != fmt.Sprintf("desk %d", i) {
			t.Fatalf("work_station = %q, want desk %d", got, i)
		}
	}
}
