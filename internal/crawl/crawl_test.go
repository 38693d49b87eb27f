package crawl_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bundle is a company, and a crawler that walks it into an empty log.
type bundle struct {
	sandbox *sandbox.Server
	pool    *pgxpool.Pool
	log     *eventlog.Log
	client  *feishu.Client
	counter *feishu.Counter
	crawler *crawl.Crawler
}

func setup(t *testing.T, people, departments int) *bundle {
	t.Helper()
	b := &bundle{pool: pgtest.DB(t), counter: &feishu.Counter{}}
	var err error
	b.sandbox, err = sandbox.Start(t.Context(), sandbox.Config{People: people, Departments: departments, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	cleanup(t, b.sandbox.Close)
	b.client, err = feishu.New(feishu.Config{
		BaseURL: b.sandbox.URL(), AppID: b.sandbox.AppID(), AppSecret: b.sandbox.AppSecret(), Observe: b.counter.Observe,
		Retry: feishu.Retry{Attempts: 2, Pause: time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.client.Close)
	tenant := b.sandbox.Truth().Tenant.TenantKey
	b.log, err = eventlog.Open(t.Context(), b.pool, eventlog.Options{TenantKey: tenant, AppID: b.sandbox.AppID()})
	if err != nil {
		t.Fatal(err)
	}
	cleanup(t, b.log.Close)
	b.crawler, err = crawl.New(crawl.Config{
		Client: b.client, Counter: b.counter, Pool: b.pool, Log: b.log, TenantKey: tenant, AppID: b.sandbox.AppID(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func cleanup(t *testing.T, end func() error) {
	t.Helper()
	t.Cleanup(func() {
		if err := end(); err != nil {
			t.Error(err)
		}
	})
}

func (b *bundle) backfill(t *testing.T) crawl.Summary {
	t.Helper()
	sum, err := b.crawler.Backfill(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// folded is the whole log, folded without a database.
func (b *bundle) folded(t *testing.T) map[directory.Key]*directory.State {
	t.Helper()
	records, err := b.log.Read(t.Context(), 0, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	states := map[directory.Key]*directory.State{}
	for _, r := range records {
		for _, c := range directory.Decode(r).Changes {
			if states[c.Key] == nil {
				states[c.Key] = directory.NewState(c.Key)
			}
			states[c.Key].Apply(c)
		}
	}
	return states
}

// equalsTruth compares the log with the company, in what a mirror is for.
func (b *bundle) equalsTruth(t *testing.T) {
	t.Helper()
	type person struct {
		Name, Leader, Mobile string
		Departments          []string
	}
	type department struct {
		Name, Parent string
		Members      int64
	}
	truth := b.sandbox.Truth()
	wantUsers, gotUsers := map[string]person{}, map[string]person{}
	wantDepartments, gotDepartments := map[string]department{}, map[string]department{}
	for id, u := range truth.Users {
		wantUsers[id] = person{Name: u.Name, Leader: u.LeaderUserID, Mobile: u.Mobile, Departments: u.DepartmentIDs}
	}
	for id, d := range truth.Departments {
		wantDepartments[id] = department{Name: d.Name, Parent: d.ParentDepartmentID, Members: int64(d.MemberCount)}
	}
	for key, s := range b.folded(t) {
		switch {
		case !s.Exists() || key.ID == directory.RootDepartmentID:
		case key.Kind == directory.KindUser:
			u := directory.UserOf(s)
			gotUsers[key.ID] = person{Name: text(u.Name), Leader: text(u.LeaderUserID), Mobile: text(u.Mobile), Departments: u.DepartmentIDs()}
		default:
			d := directory.DepartmentOf(s)
			gotDepartments[key.ID] = department{Name: text(d.Name), Parent: text(d.ParentDepartmentID), Members: *d.MemberCount}
		}
	}
	if diff := cmp.Diff(wantUsers, gotUsers, cmpopts.SortSlices(func(a, b string) bool { return a < b }), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("users (-truth +mirror):\n%s", diff)
	}
	if diff := cmp.Diff(wantDepartments, gotDepartments); diff != "" {
		t.Errorf("departments (-truth +mirror):\n%s", diff)
	}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// fewestCalls is what a walk cannot do without.
func fewestCalls(truth sandbox.Truth) int {
	direct := map[string]int{directory.RootDepartmentID: 0}
	for id := range truth.Departments {
		direct[id] = 0
	}
	for _, u := range truth.Users {
		for _, d := range u.DepartmentIDs {
			direct[d]++
		}
	}
	calls := max(1, (len(truth.Departments)+49)/50)
	for _, n := range direct {
		calls += max(1, (n+49)/50)
	}
	return calls
}

func TestBackfill(t *testing.T) {
	t.Parallel()

	t.Run("a walk copies the company with the fewest calls", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 600, 60)
		sum := b.backfill(t)
		b.equalsTruth(t)
		truth := b.sandbox.Truth()
		if want := fewestCalls(truth) + 2; sum.Calls != want { // and the token, and the root
			t.Errorf("%d calls, want %d", sum.Calls, want)
		}
		memberships := 0
		for _, u := range truth.Users {
			memberships += len(u.DepartmentIDs)
		}
		got := []int64{sum.Departments, sum.Users, sum.Memberships, sum.Appended}
		want := []int64{60, 600, int64(memberships), 661}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("departments, users, memberships, appended (-want +got):\n%s", diff)
		}
	})

	t.Run("a second walk appends its own two records", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 200, 20)
		first := b.backfill(t)
		second := b.backfill(t)
		if second.Appended != 0 || second.Position != first.Position+2 {
			t.Errorf("appended %d observations, and %d records in all", second.Appended, second.Position-first.Position)
		}
		if second.Unchanged < 221 {
			t.Errorf("%d unchanged, want at least 221", second.Unchanged)
		}
	})

	t.Run("a second walk appends what changed, and counts who was not seen", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 200, 20)
		b.backfill(t)
		changed, gone := anyUser(b.sandbox.Truth(), 0), anyUser(b.sandbox.Truth(), 1)
		must(t, b.sandbox.ChangeUser(changed, func(u *sandbox.User) { u.Name = "新名字" }))
		must(t, b.sandbox.ResignUser(gone))
		sum := b.backfill(t)
		if sum.Appended != 1 || sum.Candidates[directory.KindUser] != 1 || sum.Candidates[directory.KindDepartment] != 0 {
			t.Errorf("appended %d, candidates %v; want 1 and one user", sum.Appended, sum.Candidates)
		}
		states := b.folded(t)
		tenant := b.sandbox.Truth().Tenant.TenantKey
		if s := states[directory.Key{TenantKey: tenant, Kind: directory.KindUser, ID: gone}]; !s.Exists() {
			t.Error("who was not seen was removed")
		}
		for id, d := range b.sandbox.Truth().Departments { // the counts moved without a record of their own
			s := states[directory.Key{TenantKey: tenant, Kind: directory.KindDepartment, ID: id}]
			if got := *directory.DepartmentOf(s).MemberCount; got != int64(d.MemberCount) {
				t.Errorf("member_count of a department is %d, want %d", got, d.MemberCount)
			}
		}
	})

	t.Run("an event during the walk is not undone by an older page", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 200, 20)
		b.backfill(t)
		id := anyUser(b.sandbox.Truth(), 3)
		event := directory.Record{
			OccurredAt: time.Now(), EventID: "e1", EventType: directory.EventUserUpdated, Source: directory.SourceWebhook,
			EntityKind: directory.KindUser, EntityID: id,
			Payload: json.RawMessage(`{"event":{"object":{"open_id":"` + id + `","city":"月球"},"old_object":{"city":"x"}}}`),
		}
		if _, err := b.log.Append(t.Context(), event); err != nil {
			t.Fatal(err)
		}
		if sum := b.backfill(t); sum.Appended != 0 { // the pages still say the old city, ten seconds too early to count
			t.Errorf("appended %d observations", sum.Appended)
		}
		key := directory.Key{TenantKey: b.sandbox.Truth().Tenant.TenantKey, Kind: directory.KindUser, ID: id}
		if got := text(directory.UserOf(b.folded(t)[key]).City); got != "月球" {
			t.Errorf("city = %q", got)
		}
	})

	t.Run("an expired page token restarts its list only", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 400, 120)
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointDepartmentChildren, RefusePageToken: true}))
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUsersByDepartment, RefusePageToken: true}))
		sum := b.backfill(t)
		b.equalsTruth(t)
		memberships := int64(0)
		for _, u := range b.sandbox.Truth().Users {
			memberships += int64(len(u.DepartmentIDs))
		}
		if sum.Memberships != memberships {
			t.Errorf("%d memberships, want %d: the restarted list counted twice", sum.Memberships, memberships)
		}
		if extra := sum.Calls - fewestCalls(b.sandbox.Truth()) - 2; extra < 2 || extra > 14 {
			t.Errorf("%d calls more than without", extra)
		}
	})

	t.Run("a tree too big to list at once is walked level by level", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 200, 40)
		b.sandbox.SetBigDepartment(10)
		b.backfill(t)
		b.equalsTruth(t)
	})

	t.Run("an interrupted walk goes on where it was", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 600, 60)
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUsersByDepartment, Skip: 40, Count: -1, Status: 500}))
		cut, err := b.crawler.Backfill(t.Context())
		if !errors.Is(err, feishu.ErrUnavailable) {
			t.Fatalf("error = %v, want ErrUnavailable", err)
		}
		b.sandbox.ClearFaults()
		before, _ := b.counter.Snapshot()
		sum := b.backfill(t)
		if !sum.Resumed || sum.SweepID != cut.SweepID {
			t.Errorf("resumed = %v, sweep %s after %s", sum.Resumed, sum.SweepID, cut.SweepID)
		}
		needed := fewestCalls(b.sandbox.Truth()) - 42
		if made := sum.Calls - before.Calls; made > needed+25 {
			t.Errorf("%d calls after the interruption, at most %d would do", made, needed+25)
		}
		b.equalsTruth(t)
	})

	t.Run("an empty company is complete", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 0, 0)
		sum := b.backfill(t)
		if sum.Users != 0 || sum.Departments != 0 || sum.Position != 3 || len(sum.Absent) != 0 {
			t.Errorf("summary of an empty company: %+v", sum)
		}
	})

	t.Run("a field of the wrong type spoils neither its person nor the page", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 100, 5)
		id := anyUser(b.sandbox.Truth(), 0)
		must(t, b.sandbox.OverrideField(sandbox.KindUser, id, "employee_type", json.RawMessage(`{"no":"number"}`)))
		first := b.backfill(t)
		b.equalsTruth(t)
		if second := b.backfill(t); second.Position != first.Position+2 {
			t.Errorf("the second walk appended %d records", second.Position-first.Position)
		}
	})

	t.Run("an item without an id is left out and counted", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 100, 5)
		id := anyUser(b.sandbox.Truth(), 0)
		must(t, b.sandbox.OverrideField(sandbox.KindUser, id, "open_id", json.RawMessage(`[]`)))
		sum := b.backfill(t)
		if sum.Unreadable != int64(len(b.sandbox.Truth().Users[id].DepartmentIDs)) || sum.Users != 99 {
			t.Errorf("%d unreadable, %d users", sum.Unreadable, sum.Users)
		}
	})

	t.Run("fields that nobody shows are named with their permission", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 100, 5)
		must(t, b.sandbox.HideField(sandbox.KindUser, "mobile"))
		sum := b.backfill(t)
		want := crawl.AbsentField{Field: "mobile", Permission: "contact:user.phone:readonly"}
		found := false
		for _, a := range sum.Absent[directory.KindUser] {
			found = found || a == want
			if a.Field == "name" {
				t.Error("name was there, and is called absent")
			}
		}
		if !found {
			t.Errorf("absent = %v, want %v in it", sum.Absent, want)
		}
	})

	t.Run("a scoped app is told what to do", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 10, 2)
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointDepartment, Status: 403, Code: 40004}))
		if _, err := b.crawler.Backfill(t.Context()); !errors.Is(err, crawl.ErrScoped) || !errors.Is(err, feishu.ErrNoAuthority) {
			t.Errorf("error = %v", err)
		}
	})
}

func TestBackfillIsAloneForItsCompany(t *testing.T) {
	t.Parallel()
	b := setup(t, 100, 10)
	entered, leave := make(chan struct{}), make(chan struct{})
	var once sync.Once
	second, err := crawl.New(crawl.Config{
		Client: b.client, Pool: b.pool, Log: b.log, TenantKey: b.sandbox.Truth().Tenant.TenantKey, AppID: b.sandbox.AppID(),
		Progress: func(crawl.Progress) {
			once.Do(func() {
				close(entered)
				<-leave
			})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := second.Backfill(t.Context())
		done <- err
	}()
	<-entered
	if _, err := b.crawler.Backfill(t.Context()); !errors.Is(err, crawl.ErrBusy) {
		t.Errorf("error = %v, want ErrBusy", err)
	}
	close(leave)
	if err := <-done; err != nil {
		t.Errorf("the first ended with %v", err)
	}
	b.backfill(t) // the lock was given back
}

func TestPlan(t *testing.T) {
	t.Parallel()
	b := setup(t, 900, 60)
	plan, err := b.crawler.Plan(t.Context(), crawl.Rates{})
	if err != nil {
		t.Fatal(err)
	}
	_, by := b.counter.Snapshot()
	if !plan.Asked || by[feishu.EndpointUsersByDepartment].Calls != 0 {
		t.Errorf("asked %v, with %d calls for people", plan.Asked, by[feishu.EndpointUsersByDepartment].Calls)
	}
	if plan.Departments != 60 || plan.People != 900 {
		t.Errorf("plan sees %d departments and %d people", plan.Departments, plan.People)
	}
	within(t, "the first plan", plan.Total(), int64(fewestCalls(b.sandbox.Truth())+2), 10)
}

func within(t *testing.T, what string, got, want int64, percent int64) {
	t.Helper()
	if off := got - want; off*100 > want*percent || -off*100 > want*percent {
		t.Errorf("%s says %d, it is %d", what, got, want)
	}
}

// anyUser is the nth of those who lead nobody.
func anyUser(truth sandbox.Truth, n int) string {
	var ids []string
	for id, u := range truth.Users {
		leads := false
		for _, d := range truth.Departments {
			leads = leads || d.LeaderUserID == id
		}
		for _, o := range truth.Users {
			leads = leads || o.LeaderUserID == id
		}
		if !leads && u.Status.IsActivated {
			ids = append(ids, id)
		}
	}
	if len(ids) <= n {
		panic(fmt.Sprintf("only %d plain users", len(ids)))
	}
	slices.Sort(ids)
	return ids[n]
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
