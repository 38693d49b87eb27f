package app

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// justDue is when an event happened that may be re-read now, nearly.
func justDue() time.Time { return time.Now().Add(-directory.DefaultSkewMargin - 500*time.Millisecond) }

func TestServiceReadsAgainWhatEventsLeaveInDoubt(t *testing.T) {
	t.Parallel()
	c := newCompany(t, 120, 12)
	c.backfill(t)
	c.serve(t)
	at := justDue()
	var events []directory.Record
	changed := func(change func() error) { events = append(events, c.change(t, at, change)...) }
	changed(func() error {
		return c.sandbox.ChangeUser(c.somebody(0), func(u *sandbox.User) { u.Name, u.Description = "新名", "no event carries this" })
	})
	department := c.sandbox.Truth().Users[c.somebody(1)].DepartmentIDs[0]
	changed(func() error {
		return c.sandbox.ChangeDepartment(department, func(d *sandbox.Department) { d.Name, d.I18nName.EnUS = "新部门", "New" })
	})
	changed(func() error {
		_, err := c.sandbox.AddUser(sandbox.User{Name: "新人", DepartmentIDs: []string{department}, Description: "nor this"})
		return err
	})
	changed(func() error { return c.sandbox.MoveUser(c.somebody(2), "0", department) })
	changed(func() error { return c.sandbox.ResignUser(c.somebody(3)) })
	changed(func() error { return c.sandbox.SetLeader(c.somebody(4), "") })
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	c.append(t, events...)
	c.settled(t)
	c.equalsSeen(t)
	if n := c.sandbox.Stats()[feishu.EndpointUser].Calls; n > 2 {
		t.Errorf("%d people were asked for alone", n)
	}
}

func TestRereadPolicy(t *testing.T) {
	t.Parallel()
	// The event leaves nothing in doubt, and says nothing of the description.
	silent := func(t *testing.T, c *company) string {
		t.Helper()
		id := c.somebody(0)
		c.append(t, c.change(t, justDue(), func() error {
			return c.sandbox.ChangeUser(id, func(u *sandbox.User) { u.City, u.Description = "月球", "silent" })
		})...)
		return id
	}
	description := func(t *testing.T, c *company, id string) string {
		t.Helper()
		var d string
		must(t, c.db.Pool.QueryRow(t.Context(), `SELECT coalesce(description, '') FROM directory.users WHERE open_id = $1`, id).Scan(&d))
		return d
	}

	t.Run("always reads again whatever an event is about", func(t *testing.T) {
		t.Parallel()
		c := newCompany(t, 30, 4)
		c.cfg.Reread = crawl.RereadAlways
		c.backfill(t)
		c.serve(t)
		id := silent(t, c)
		eventually(t, "the description is there", func() bool { return description(t, c, id) == "silent" })
		c.settled(t)
		c.equalsSeen(t)
	})

	t.Run("never leaves the queue as it is", func(t *testing.T) {
		t.Parallel()
		c := newCompany(t, 30, 4)
		c.cfg.Reread = crawl.RereadNever
		c.backfill(t)
		c.serve(t)
		c.append(t, c.change(t, justDue(), func() error {
			_, err := c.sandbox.AddUser(sandbox.User{Name: "新人", DepartmentIDs: []string{"0"}})
			return err
		})...)
		head, err := c.log.Head(t.Context())
		must(t, err)
		must(t, c.log.Await(t.Context(), "core", head.Position))
		var queued int
		must(t, c.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM mirror.reread_queue`).Scan(&queued))
		if queued != 1 || c.sandbox.Stats()[feishu.EndpointUsersBatch].Calls != 0 {
			t.Errorf("%d queued, %d asked for", queued, c.sandbox.Stats()[feishu.EndpointUsersBatch].Calls)
		}
	})
}

// The service starts although Feishu refuses, and goes on when it does not.
func TestServiceWaitsForFeishu(t *testing.T) {
	t.Parallel()
	c := newCompany(t, 30, 4)
	c.backfill(t)
	must(t, c.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointTenant, Code: 99991672, Status: 400, Count: -1}))
	c.serve(t)
	eventually(t, "the company is asked for", func() bool { return c.sandbox.Stats()[feishu.EndpointTenant].Calls > 1 })
	c.append(t, c.change(t, justDue(), func() error {
		_, err := c.sandbox.AddUser(sandbox.User{Name: "新人", DepartmentIDs: []string{"0"}, Description: "x"})
		return err
	})...)
	c.sandbox.ClearFaults()
	c.settled(t)
	c.equalsSeen(t)
}

func TestEventsBesideAWalk(t *testing.T) {
	t.Parallel()

	t.Run("an older page undoes no event, and brings nobody back", func(t *testing.T) {
		t.Parallel()
		c := newCompany(t, 80, 8)
		c.backfill(t)
		left, moved, deleted := c.somebody(0), c.somebody(1), ""
		for id := range c.sandbox.Truth().Departments {
			deleted = max(deleted, id)
		}
		// The pages of the walk still show all three as they were: Feishu's lists
		// may lag behind its events.
		now := time.Now()
		c.append(t,
			c.event(t, c.key(directory.KindUser, left), "deleted", now, map[string]any{"open_id": left}, map[string]any{"open_id": left, "department_ids": []string{"0"}}),
			c.event(t, c.key(directory.KindUser, moved), "updated", now,
				map[string]any{"open_id": moved, "orders": []any{map[string]any{"department_id": "0", "department_order": 1, "user_order": 1, "is_primary_dept": true}}, "city": "月球"},
				map[string]any{"orders": []any{}, "city": ""}),
			c.event(t, c.key(directory.KindDepartment, deleted), "deleted", now, map[string]any{"open_department_id": deleted}, map[string]any{"open_department_id": deleted}))
		c.cfg.Reread = crawl.RereadNever // what a re-read would find is not what is asked here
		c.backfill(t)
		var gone, city, departments, gap string
		must(t, c.db.Pool.QueryRow(t.Context(), `SELECT coalesce(removed_reason, '') FROM directory.users WHERE open_id = $1`, left).Scan(&gone))
		must(t, c.db.Pool.QueryRow(t.Context(), `SELECT city, department_ids::text FROM directory.users WHERE open_id = $1`, moved).Scan(&city, &departments))
		must(t, c.db.Pool.QueryRow(t.Context(), `SELECT coalesce(removed_reason, '') FROM directory.departments WHERE open_department_id = $1`, deleted).Scan(&gap))
		if gone != "RESIGNED" || city != "月球" || departments != "{0}" || gap != "DELETED" {
			t.Errorf("who left is %q, who moved is in %s of %s, the department is %q", gone, departments, city, gap)
		}
		// A minute later a list that still shows them is believed: they are back.
		c.sandbox.SetClockSkew(time.Minute)
		c.backfill(t)
		c.equalsSeen(t)
	})

	t.Run("a company that changes during the walk is mirrored as it is in the end", func(t *testing.T) {
		t.Parallel()
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		c := newCompany(t, 150, 25)
		c.backfill(t)
		c.serve(t)
		must(t, c.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUsersByDepartment, DelayMS: 120, Count: -1}))
		must(t, c.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointDepartmentChildren, DelayMS: 120, Count: -1}))
		walked := make(chan error, 1)
		go func() { walked <- walkBeside(t.Context(), c) }()
		var late []directory.Record
		for walking := true; walking; {
			for _, e := range c.change(t, time.Now(), func() error { return c.live(random) }) {
				switch random.IntN(4) {
				case 0: // late, and out of order
					late = append(late, e)
				case 1: // twice
					c.append(t, e, e)
				default:
					c.append(t, e)
				}
			}
			select {
			case err := <-walked:
				must(t, err)
				walking = false
			default:
			}
		}
		random.Shuffle(len(late), func(i, j int) { late[i], late[j] = late[j], late[i] })
		c.append(t, late...)
		c.sandbox.ClearFaults()
		c.settled(t)
		c.equalsSeen(t)
	})
}

func walkBeside(ctx context.Context, c *company) error {
	w, err := OpenCrawl(ctx, c.cfg, c.db, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return err
	}
	if _, err := w.Backfill(ctx); err != nil {
		return err
	}
	return w.Close()
}

// live changes one thing.
func (c *company) live(random *rand.Rand) error {
	truth := c.sandbox.Truth()
	var users, departments []string
	for id := range truth.Users {
		users = append(users, id)
	}
	for id := range truth.Departments {
		departments = append(departments, id)
	}
	slices.Sort(users)
	slices.Sort(departments)
	user, department := users[random.IntN(len(users))], departments[random.IntN(len(departments))]
	switch random.IntN(8) {
	case 0:
		return c.sandbox.MoveUser(user, department)
	case 1:
		return c.sandbox.ResignUser(user)
	case 2:
		_, err := c.sandbox.AddUser(sandbox.User{Name: "新人", DepartmentIDs: []string{department}})
		return err
	case 3:
		return c.sandbox.ChangeDepartment(department, func(d *sandbox.Department) { d.Name += "x" })
	case 4:
		_, err := c.sandbox.AddDepartment(sandbox.Department{Name: "部门" + user, ParentDepartmentID: department})
		return err
	case 5:
		return c.sandbox.SetDepartmentLeader(department, user)
	default:
		return c.sandbox.ChangeUser(user, func(u *sandbox.User) { u.City, u.JobTitle = "城"+department, "题"+department })
	}
}
