package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/gateway"
	orgmirrorv1 "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// userChanges reads all pages of a timeline, a line for each change. A page that is
// short or empty, though there is a next one, would tell of what is hidden.
func (p *past) userChanges(t *testing.T, client string, req *orgmirrorv1.ListUserChangesRequest) (lines []string) {
	t.Helper()
	for {
		a, err := p.history.ListUserChanges(as(t, client), req)
		must(t, err)
		for _, c := range a.GetChanges() {
			lines = append(lines, fmt.Sprintf("%d %s %s %s", c.GetCause().GetPosition(), c.GetCause().GetKind(), c.GetKind(), strings.Join(c.GetPaths(), ",")))
		}
		if a.GetNextPageToken() == "" {
			return lines
		}
		if len(a.GetChanges()) != int(req.GetPageSize()) {
			t.Errorf("a page of %d, asked for %d, and there is another", len(a.GetChanges()), req.GetPageSize())
		}
		req = proto.CloneOf(req)
		req.PageToken = a.GetNextPageToken()
	}
}

func TestTimelineOfAPerson(t *testing.T) {
	t.Parallel()
	p := storyOf(t)
	const (
		firstSeen   = "8 backfill created department_ids,job_title,leader_user_id,name,open_id,status.is_frozen,status.is_resigned,union_id,user_id"
		firstWhole  = "8 backfill created department_ids,gender,job_title,leader_user_id,mobile,name,open_id,status.is_frozen,status.is_resigned,union_id,user_id"
		moved       = "20 event updated department_ids,job_title"
		movedWhole  = "20 event updated department_ids,job_title,mobile"
		mobileWhole = "13 event updated mobile"
	)
	for _, test := range []struct {
		client, user, idType string
		fields               []string
		want                 []string
	}{
		{client: "reads", user: "ou_li", want: []string{moved, firstSeen}},
		{client: "sees", user: "ou_li", want: []string{movedWhole, mobileWhole, firstWhole}},
		{client: "sees", user: "on_li", idType: "union_id", want: []string{movedWhole, mobileWhole, firstWhole}},
		{client: "reads", user: "li", idType: "user_id", want: []string{moved, firstSeen}},
		{client: "sees", user: "ou_li", fields: []string{"mobile"}, want: []string{"20 event updated mobile", mobileWhole, "8 backfill created mobile"}},
		{client: "reads", user: "ou_li", fields: []string{"status.is_frozen"}, want: []string{"8 backfill created status.is_frozen"}},
		{client: "reads", user: "ou_wang", want: []string{
			"22 backfill returned name,removed_at,removed_reason,status.is_resigned",
			"14 event removed removed_at,removed_reason,status.is_resigned",
			"10 backfill created department_ids,name,open_id,status.is_resigned,union_id,user_id",
		}},
	} {
		t.Run(test.client+" "+test.user+strings.Join(test.fields, ","), func(t *testing.T) {
			t.Parallel()
			for _, size := range []int32{1, 2, 1000} {
				req := &orgmirrorv1.ListUserChangesRequest{User: test.user, UserIdType: test.idType, PageSize: size}
				if test.fields != nil {
					req.ReadMask = &fieldmaskpb.FieldMask{Paths: test.fields}
				}
				if d := cmp.Diff(test.want, p.userChanges(t, test.client, req)); d != "" {
					t.Errorf("pages of %d (-want +got):\n%s", size, d)
				}
			}
		})
	}

	t.Run("before and after hold what changed, and when", func(t *testing.T) {
		t.Parallel()
		a, err := p.history.ListUserChanges(as(t, "reads"), &orgmirrorv1.ListUserChangesRequest{User: "ou_li", DepartmentIdType: "department_id"})
		must(t, err)
		c := a.GetChanges()[0]
		if !proto.Equal(c.GetBefore(), &orgmirrorv1.User{JobTitle: proto.String("工程师"), DepartmentIds: []string{"FE"}}) ||
			!proto.Equal(c.GetAfter(), &orgmirrorv1.User{JobTitle: proto.String("主管"), DepartmentIds: []string{"FE", "RD"}}) {
			t.Errorf("from %v to %v", c.GetBefore(), c.GetAfter())
		}
		cause := c.GetCause()
		if !cause.GetOccurredAt().AsTime().Equal(day(time.March, 25, 14)) || time.Since(cause.GetRecordedAt().AsTime()) > time.Hour ||
			cause.GetEventType() != userEvent+updated {
			t.Errorf("cause %v", cause)
		}
		if a.GetChanges()[1].GetBefore() != nil {
			t.Error("somebody was there before being created")
		}
	})

	t.Run("refusals", func(t *testing.T) {
		t.Parallel()
		for _, test := range []struct {
			req  *orgmirrorv1.ListUserChangesRequest
			want codes.Code
		}{
			{&orgmirrorv1.ListUserChangesRequest{User: "ou_nobody"}, codes.NotFound},
			{&orgmirrorv1.ListUserChangesRequest{User: "ou_li", UserIdType: "user_id"}, codes.NotFound},
			{&orgmirrorv1.ListUserChangesRequest{}, codes.InvalidArgument},
			{&orgmirrorv1.ListUserChangesRequest{User: "ou_li", PageSize: -1}, codes.InvalidArgument},
			{&orgmirrorv1.ListUserChangesRequest{User: "ou_li", PageToken: "x"}, codes.InvalidArgument},
			{&orgmirrorv1.ListUserChangesRequest{User: "ou_li", ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"mobile"}}}, codes.PermissionDenied},
			{&orgmirrorv1.ListUserChangesRequest{User: "ou_li", ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"shoe_size"}}}, codes.InvalidArgument},
		} {
			if _, err := p.history.ListUserChanges(as(t, "reads"), test.req); status.Code(err) != test.want {
				t.Errorf("%v: %v, want %v", test.req, err, test.want)
			}
		}
	})

	t.Run("the same over HTTP", func(t *testing.T) {
		t.Parallel()
		handler, err := gateway.Handler(t.Context(), p.conn)
		must(t, err)
		for path, want := range map[string]string{
			"/v1/users/ou_li/changes":                `"job_title":"主管"`,
			"/v1/departments/od-fe/changes":          `"paths":["name","parent_department_id"]`,
			"/v1/organization:diff?from_position=21": `"kind":"returned"`,
			"/v1/organization:diff?from=2026-03-22T00:00:00%2B08:00&to=2026-04-01T00:00:00Z&kinds=left&kinds=demoted": `"user":"ou_zhao"`,
			"/v1/organization:diff?from=2026-01-01T00:00:00Z":                                                         `"since":"2026-03-01T09:02:00Z"`,
		} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
			r.SetBasicAuth("reads", "secret")
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			var compact strings.Builder
			var body any
			must(t, json.Unmarshal(w.Body.Bytes(), &body))
			must(t, json.NewEncoder(&compact).Encode(body))
			if !strings.Contains(compact.String(), want) {
				t.Errorf("GET %s: %d %s, want %s in it", path, w.Code, w.Body, want)
			}
		}
	})
}

func TestTimelineOfADepartment(t *testing.T) {
	t.Parallel()
	p := storyOf(t)
	a, err := p.history.ListDepartmentChanges(as(t, "reads"), &orgmirrorv1.ListDepartmentChangesRequest{Department: "RD", DepartmentIdType: "department_id", UserIdType: "user_id"})
	must(t, err)
	leader := func(id string) *orgmirrorv1.Department {
		return &orgmirrorv1.Department{LeaderUserId: proto.String(id), Leaders: []*orgmirrorv1.DepartmentLeader{{LeaderType: 1, LeaderId: id}}}
	}
	if n := len(a.GetChanges()); n != 2 {
		t.Fatalf("%d changes", n)
	}
	if c := a.GetChanges()[0]; !proto.Equal(c.GetBefore(), leader("zhao")) || !proto.Equal(c.GetAfter(), leader("li")) {
		t.Errorf("from %v to %v", c.GetBefore(), c.GetAfter())
	}
	a, err = p.history.ListDepartmentChanges(as(t, "reads"), &orgmirrorv1.ListDepartmentChangesRequest{Department: "od-be"})
	must(t, err)
	if c := a.GetChanges()[0]; c.GetKind() != changeRemoved || !strings.Contains(strings.Join(c.GetPaths(), " "), "removed_at") {
		t.Errorf("closing it: %v", c)
	}
	if _, err := p.history.ListDepartmentChanges(as(t, "reads"), &orgmirrorv1.ListDepartmentChangesRequest{Department: "od-none"}); status.Code(err) != codes.NotFound {
		t.Errorf("unknown department: %v", err)
	}
}

const changeRemoved = "removed"

// What comes into the log between two pages is on none of them.
func TestTimelinePagesDoNotTear(t *testing.T) {
	t.Parallel()
	p := storyOf(t)
	req := &orgmirrorv1.ListUserChangesRequest{User: "ou_li", PageSize: 1}
	first, err := p.history.ListUserChanges(as(t, "sees"), req)
	must(t, err)
	p.append(t, p.event(userEvent+updated, day(time.April, 10, 9), `{"open_id": "ou_li", "city": "北京"}`, `{"city": ""}`))
	req.PageToken = first.GetNextPageToken()
	second, err := p.history.ListUserChanges(as(t, "sees"), req)
	must(t, err)
	if got := second.GetChanges()[0].GetCause().GetPosition(); got != 13 || second.GetPosition() != first.GetPosition() {
		t.Errorf("the second page is position %d as of %d, want 13 as of %d", got, second.GetPosition(), first.GetPosition())
	}
	req.PageToken = ""
	if fresh, err := p.history.ListUserChanges(as(t, "sees"), req); err != nil || fresh.GetChanges()[0].GetPaths()[0] != "city" {
		t.Errorf("a new first page: %v, %v", fresh, err)
	}
	req.User, req.PageToken = "ou_han", first.GetNextPageToken()
	if _, err := p.history.ListUserChanges(as(t, "sees"), req); status.Code(err) != codes.InvalidArgument {
		t.Errorf("the token of another person: %v", err)
	}
}

// Hundreds of changes that a reader does not see, between two that he does.
func TestTimelineOfManyHiddenChanges(t *testing.T) {
	t.Parallel()
	p := storyOf(t)
	var records []directory.Record
	for i := range 300 {
		records = append(records, p.event(userEvent+updated, day(time.April, 10, 9).Add(time.Duration(i)*time.Minute),
			fmt.Sprintf(`{"open_id": "ou_li", "mobile": "+86139%08d"}`, i), `{"mobile": "+8613800000003"}`))
	}
	p.append(t, records...)
	for _, size := range []int32{1, 50, 1000} {
		if got := p.userChanges(t, "reads", &orgmirrorv1.ListUserChangesRequest{User: "ou_li", PageSize: size}); len(got) != 2 {
			t.Errorf("pages of %d: a reader sees %d changes, want 2", size, len(got))
		}
		if got := p.userChanges(t, "sees", &orgmirrorv1.ListUserChangesRequest{User: "ou_li", PageSize: size}); len(got) != 303 {
			t.Errorf("pages of %d: %d changes, want 303", size, len(got))
		}
	}
}

// The causes that no event is.
func TestTimelineCauses(t *testing.T) {
	t.Parallel()
	p := storyOf(t)
	approved, within := "33333333-3333-3333-3333-333333333333", "44444444-4444-4444-4444-444444444444"
	for _, sweep := range []string{approved, within} {
		p.exec(t, `INSERT INTO mirror.sweep (sweep_id, tenant_key, app_id, state, started_at) VALUES ($1, $2, 'cli_1', 'complete', now())`, sweep, pastTenant)
		p.exec(t, `INSERT INTO mirror.removal_set (sweep_id, entity_kind, state, candidates, live, max_removals, decided_at)
			VALUES ($1, 'user', 'done', 1, 2, 0, CASE WHEN $2 THEN now() END)`, sweep, sweep == approved)
	}
	reread := origin("r1")
	reread.Source = directory.SourceReread
	again, err := directory.NewObservation(reread, directory.KindUser, "ou_han", day(time.April, 11, 9),
		directory.Observation{Object: json.RawMessage(`{"open_id": "ou_han", "name": "韩梅"}`), SkewMarginMS: 10_000})
	must(t, err)
	gone := func(sweep, id string) directory.Record {
		r, err := directory.NewMissing(origin(sweep), directory.KindUser, id, day(time.April, 12, 9), directory.Missing{Reason: directory.ReasonResigned})
		must(t, err)
		return r
	}
	p.append(t, again, gone(approved, "ou_han"), gone(within, "ou_chen"))
	for user, want := range map[string][]string{"ou_han": {"approval", "reread"}, "ou_chen": {"backfill", "event"}} {
		got := p.userChanges(t, "reads", &orgmirrorv1.ListUserChangesRequest{User: user, PageSize: 2})
		for i, cause := range want {
			if !strings.Contains(got[i], " "+cause+" ") {
				t.Errorf("%s: %q, want the cause %s", user, got[i], cause)
			}
		}
	}
}
