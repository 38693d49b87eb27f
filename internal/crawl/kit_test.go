package crawl_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
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
	called  atomic.Pointer[func()] // told of each call, where somebody wants to know
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
		BaseURL: b.sandbox.URL(), AppID: b.sandbox.AppID(), AppSecret: b.sandbox.AppSecret(),
		Observe: func(call feishu.Call) {
			b.counter.Observe(call)
			if called := b.called.Load(); called != nil {
				(*called)()
			}
		},
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
	b.crawler = b.crawlerWith(t, func(*crawl.Config) {})
	return b
}

// crawlerWith makes a crawler that differs from the usual one.
func (b *bundle) crawlerWith(t *testing.T, change func(*crawl.Config)) *crawl.Crawler {
	t.Helper()
	cfg := crawl.Config{
		Client: b.client, Counter: b.counter, Pool: b.pool, Log: b.log,
		TenantKey: b.sandbox.Truth().Tenant.TenantKey, AppID: b.sandbox.AppID(),
	}
	// The other resources have tests of their own.
	cfg.Polls = b.poller(t, crawl.ResourceEmployeeTypes, crawl.ResourceCustomAttributes)
	change(&cfg)
	crawler, err := crawl.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return crawler
}

// poller makes a poller of some resources, of all where none is named.
func (b *bundle) poller(t *testing.T, resources ...crawl.Resource) *crawl.Poller {
	t.Helper()
	p, err := crawl.NewPoller(crawl.PollerConfig{
		Client: b.client, Pool: b.pool, Log: b.log, TenantKey: b.sandbox.Truth().Tenant.TenantKey, AppID: b.sandbox.AppID(), Resources: resources,
	})
	must(t, err)
	return p
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
		case key.Kind == directory.KindDepartment:
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

// definitions is how many employee types and custom attributes there are.
func definitions(truth sandbox.Truth) int64 {
	return int64(len(truth.EmployeeTypes) + len(truth.CustomAttrs))
}

// fewestCalls is what a walk cannot do without, the definitions at its end
// included.
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
	calls := 2 + max(1, (len(truth.Departments)+49)/50)
	for _, n := range direct {
		calls += max(1, (n+49)/50)
	}
	return calls
}

func within(t *testing.T, what string, got, want, percent int64) {
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

// onCall is told of each call.
func (b *bundle) onCall(called func()) {
	var mu sync.Mutex
	locked := func() {
		mu.Lock()
		defer mu.Unlock()
		called()
	}
	b.called.Store(&locked)
}

func pgxStrings(rows pgx.Rows) ([]string, error) { return pgx.CollectRows(rows, pgx.RowTo[string]) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// userEvent is an event of now that changes one field of a person.
func userEvent(id, field string) directory.Record {
	name, _, _ := strings.Cut(field, ":")
	return directory.Record{
		OccurredAt: time.Now(), EventID: "e1", EventType: directory.EventUserUpdated, Source: directory.SourceWebhook,
		EntityKind: directory.KindUser, EntityID: id,
		Payload: json.RawMessage(`{"event":{"object":{"open_id":"` + id + `",` + field + `},"old_object":{` + name + `:"x"}}}`),
	}
}
