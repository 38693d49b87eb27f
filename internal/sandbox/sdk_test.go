package sandbox_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	larkcontact "github.com/larksuite/oapi-sdk-go/v3/service/contact/v3"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// The official SDK's typed calls and iterators work against the sandbox.
func TestSDKWalk(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 400, Departments: 90, Seed: 6})
	api, ctx, truth := k.sdk(), t.Context(), k.Truth()

	departments, err := api.Department.ChildrenByIterator(ctx, larkcontact.NewChildrenDepartmentReqBuilder().
		DepartmentId("0").FetchChild(true).PageSize(50).UserIdType("union_id").DepartmentIdType("open_department_id").Build())
	if err != nil {
		t.Fatal(err)
	}
	found := []string{"0"}
	for {
		ok, d, err := departments.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		want := truth.Departments[*d.OpenDepartmentId]
		if *d.Name != want.Name || *d.DepartmentId != want.DepartmentID || *d.ParentDepartmentId != want.ParentDepartmentID || *d.MemberCount != want.MemberCount {
			t.Errorf("department %s is not as it is", *d.OpenDepartmentId)
		}
		found = append(found, *d.OpenDepartmentId)
	}
	if len(found) != 91 {
		t.Fatalf("the iterator finds %d departments", len(found)-1)
	}
	people := map[string]bool{}
	for _, id := range found {
		members, err := api.User.FindByDepartmentByIterator(ctx, larkcontact.NewFindByDepartmentUserReqBuilder().DepartmentId(id).PageSize(10).Build())
		if err != nil {
			t.Fatal(err)
		}
		for {
			ok, u, err := members.Next()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			if want := truth.Users[*u.OpenId]; *u.Name != want.Name || !slices.Equal(u.DepartmentIds, want.DepartmentIDs) || int64(*u.JoinTime) != want.JoinTime {
				t.Errorf("user %s is not as they are", *u.OpenId)
			}
			people[*u.OpenId] = true
		}
	}
	if got, want := slices.Sorted(maps.Keys(people)), slices.Sorted(maps.Keys(truth.Users)); !slices.Equal(got, want) {
		t.Errorf("the iterators find %d people, want %d", len(got), len(want))
	}
}

func TestSDKSingleCalls(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 60, Departments: 30, Seed: 6})
	api, ctx := k.sdk(), t.Context()
	u := full(t, k)
	dept, err := k.Department(u.DepartmentIDs[0])
	if err != nil {
		t.Fatal(err)
	}

	user, err := api.User.Get(ctx, larkcontact.NewGetUserReqBuilder().UserId(u.UserID).UserIdType("user_id").Build())
	if err != nil || !user.Success() || *user.Data.User.OpenId != u.OpenID || *user.Data.User.CustomAttrs[1].Value.GenericUser.Type != 1 {
		t.Errorf("get user: %v %v", user, err)
	}
	users, err := api.User.Batch(ctx, larkcontact.NewBatchUserReqBuilder().UserIds([]string{u.OpenID, u.LeaderUserID}).Build())
	if err != nil || !users.Success() || len(users.Data.Items) != 2 {
		t.Errorf("batch users: %v %v", users, err)
	}
	id, err := api.User.BatchGetId(ctx, larkcontact.NewBatchGetIdUserReqBuilder().
		Body(larkcontact.NewBatchGetIdUserReqBodyBuilder().Mobiles([]string{"13900001111"}).Build()).Build())
	if err != nil || !id.Success() || *id.Data.UserList[0].UserId != u.OpenID {
		t.Errorf("batch_get_id: %v %v", id, err)
	}
	d, err := api.Department.Get(ctx, larkcontact.NewGetDepartmentReqBuilder().DepartmentId(dept.DepartmentID).DepartmentIdType("department_id").Build())
	if err != nil || !d.Success() || *d.Data.Department.OpenDepartmentId != dept.OpenDepartmentID {
		t.Errorf("get department: %v %v", d, err)
	}
	batch, err := api.Department.Batch(ctx, larkcontact.NewBatchDepartmentReqBuilder().DepartmentIds([]string{dept.OpenDepartmentID, "0"}).Build())
	if err != nil || !batch.Success() || len(batch.Data.Items) != 2 {
		t.Errorf("batch departments: %v %v", batch, err)
	}
	parents, err := api.Department.Parent(ctx, larkcontact.NewParentDepartmentReqBuilder().DepartmentId(dept.OpenDepartmentID).Build())
	if err != nil || !parents.Success() || *parents.Data.Items[0].OpenDepartmentId != dept.ParentDepartmentID {
		t.Errorf("parents: %v %v", parents, err)
	}
	scopes, err := api.Scope.List(ctx, larkcontact.NewListScopeReqBuilder().PageSize(100).Build())
	if err != nil || !scopes.Success() || len(scopes.Data.DepartmentIds) == 0 || len(scopes.Data.UserIds) == 0 {
		t.Errorf("scopes: %v %v", scopes, err)
	}
}

func TestSDKErrors(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 60, Departments: 3})
	api := k.sdk()
	ask := func(ctx context.Context) (*larkcontact.GetUserResp, error) {
		return api.User.Get(ctx, larkcontact.NewGetUserReqBuilder().UserId("ou_nobody").Build())
	}
	// A refusal is an answer, with code, status and log id.
	r, err := ask(t.Context())
	if err != nil || r.Code != 99992351 || r.StatusCode != http.StatusBadRequest || r.RequestId() == "" || r.Err == nil || r.Err.LogID != r.RequestId() {
		t.Errorf("unknown user: %+v %v", r, err)
	}
	// The SDK sends a stale token twice and then gives up: its known fault.
	k.ExpireTokens()
	if r, err = ask(t.Context()); err != nil || r.Code != 99991663 {
		t.Errorf("stale token: %+v %v", r, err)
	}
	if got := k.Stats()["GET /contact/v3/users/:user_id"].ByCode[99991663]; got != 2 {
		t.Errorf("the SDK sent a stale token %d times", got)
	}
}

// One field of the wrong type fails a whole typed call.
func TestSDKAndAWrongType(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 3})
	people := slices.Sorted(maps.Keys(k.Truth().Users))
	if err := k.OverrideField(sandbox.KindUser, people[0], "join_time", []byte(`"soon"`)); err != nil {
		t.Fatal(err)
	}
	_, err := k.sdk().User.Batch(t.Context(), larkcontact.NewBatchUserReqBuilder().UserIds(people).Build())
	if err == nil || !strings.Contains(err.Error(), "cannot unmarshal") {
		t.Errorf("a string for join_time: %v", err)
	}
}
