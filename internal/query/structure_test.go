package query_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// people adds people by "id>leader", an id with a minus before it is gone.
func (b *bundle) people(t *testing.T, all string) {
	t.Helper()
	for _, entry := range strings.Fields(all) {
		id, leader, _ := strings.Cut(entry, ">")
		gone := strings.HasPrefix(id, "-")
		b.exec(t, `
INSERT INTO directory.users (tenant_key, open_id, user_id, leader_user_id, attributes, removed_at, removed_reason, position)
VALUES ('t', 'ou_' || $1, $1, CASE WHEN $2 <> '' THEN 'ou_' || $2 END, '{}', CASE WHEN $3 THEN now() END, CASE WHEN $3 THEN 'RESIGNED' END, 1)`,
			strings.TrimPrefix(id, "-"), leader, gone)
	}
}

func TestListUserManagers(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.people(t, "top mid>top low>mid self>self x>y y>x under>x lost>nobody orphan>gone -gone>mid below>orphan")
	chain := make([]string, 206)
	for i := range chain {
		chain[i] = fmt.Sprintf("c%d>c%d", i, i+1)
	}
	b.people(t, strings.Join(chain, " "))
	for _, test := range []struct {
		user    string
		removed bool
		want    string
	}{
		{"low", false, "mid top TOP"},
		{"top", false, " TOP"},
		{"self", false, " CYCLE"},
		{"x", false, "y CYCLE"},
		{"under", false, "x y CYCLE"},
		{"lost", false, " UNKNOWN"},
		{"orphan", false, " REMOVED"},
		{"below", false, "orphan REMOVED"},
		{"below", true, "orphan gone mid top TOP"},
		{"gone", false, "mid top TOP"},
	} {
		got, err := b.users.ListUserManagers(as(t, "reads"), &pb.ListUserManagersRequest{User: "ou_" + test.user, ShowRemoved: test.removed})
		if err != nil {
			t.Fatal(err)
		}
		if s := openIDs(got.GetUsers()) + " " + got.GetEndedBy(); s != test.want {
			t.Errorf("managers of %s = %q, want %q", test.user, s, test.want)
		}
	}
	got, err := b.users.ListUserManagers(as(t, "reads"), &pb.ListUserManagersRequest{User: "c0", UserIdType: "user_id"})
	if err != nil || len(got.GetUsers()) != 200 || got.GetEndedBy() != "LIMIT" || got.GetUsers()[199].GetUserId() != "c200" {
		t.Errorf("a chain of 206: %d managers, ended by %s, %v", len(got.GetUsers()), got.GetEndedBy(), err)
	}
	_, err = b.users.ListUserManagers(as(t, "reads"), &pb.ListUserManagersRequest{User: "ou_nobody"})
	wantError(t, err, codes.NotFound, "USER_NOT_FOUND")
}

func TestListUserReports(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.people(t, "top a>top b>top a1>a a11>a1 -gone>top left>gone self>self fan>self x>y y>z z>x in>y out")
	for _, test := range []struct {
		user      string
		recursive bool
		removed   bool
		want      string
	}{
		{"top", false, false, "a b"},
		{"top", true, false, "a a1 a11 b"},
		{"top", false, true, "a b gone"},
		{"top", true, true, "a a1 a11 b gone left"},
		{"gone", false, false, "left"},
		{"self", false, false, "fan"},
		{"self", true, false, "fan"},
		{"x", false, false, "z"},
		{"x", true, false, "in y z"},
		{"in", true, false, ""},
		{"out", true, true, ""},
	} {
		for _, size := range []int32{1, 2, 100} {
			var all []*pb.User
			for token := ""; ; {
				got, err := b.users.ListUserReports(as(t, "reads"), &pb.ListUserReportsRequest{
					User: "ou_" + test.user, Recursive: test.recursive, ShowRemoved: test.removed, PageSize: size, PageToken: token,
				})
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, got.GetUsers()...)
				if token = got.GetNextPageToken(); token == "" {
					break
				}
			}
			if got := openIDs(all); got != test.want {
				t.Errorf("reports of %s (recursive %v, removed %v) by %d = %q, want %q", test.user, test.recursive, test.removed, size, got, test.want)
			}
		}
	}
}

func TestUserStructure(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small")
	ctx := as(t, "reads")

	dotted, err := b.users.ListUserDottedLineLeaders(ctx, &pb.ListUserDottedLineLeadersRequest{User: "ou_ann"})
	if got := openIDs(dotted.GetUsers()); err != nil || got != "zoe noids" { // ou_nobody is not in the mirror
		t.Errorf("dotted-line leaders = %q, %v", got, err)
	}
	departments, err := b.users.ListUserDepartments(ctx, &pb.ListUserDepartmentsRequest{
		User: "ann", UserIdType: "user_id", ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"open_department_id", "name"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	order := func(n int64) *int64 { return &n }
	name := func(s string) *string { return &s }
	diff(t, "departments", departments.GetDepartments(), []*pb.UserDepartment{
		{Department: &pb.Department{OpenDepartmentId: "od-a", Name: name("甲部")}, UserOrder: order(9007199254740993), DepartmentOrder: order(3), IsPrimaryDept: true},
		{Department: &pb.Department{OpenDepartmentId: "0", Name: name("")}, UserOrder: order(0), DepartmentOrder: order(1)},
		{Department: &pb.Department{OpenDepartmentId: "od-c", Name: name("Gamma")}},
	})
	for removed, want := range map[bool]string{false: "od-a", true: "od-a od-gone"} { // of who left, those of the last day
		got, err := b.users.ListUserDepartments(ctx, &pb.ListUserDepartmentsRequest{User: "ou_left2", ShowRemoved: removed})
		if err != nil {
			t.Fatal(err)
		}
		var all []*pb.Department
		for _, d := range got.GetDepartments() {
			all = append(all, d.GetDepartment())
		}
		if ids := departmentIDs(all); ids != want {
			t.Errorf("departments with removed %v = %q, want %q", removed, ids, want)
		}
	}
	leaders, err := b.users.ListDepartmentLeaders(ctx, &pb.ListDepartmentLeadersRequest{Department: "A", DepartmentIdType: "department_id"})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, l := range leaders.GetLeaders() {
		all = append(all, fmt.Sprint(l.GetLeaderType(), l.GetUser().GetOpenId()))
	}
	if got, want := strings.Join(all, " "), "1ou_zoe 2ou_ann 2ou_bob"; got != want {
		t.Errorf("leaders = %q, want %q", got, want)
	}
}

func TestDepartmentStructure(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small")
	ctx := as(t, "reads")

	batch, err := b.users.BatchGetDepartments(ctx, &pb.BatchGetDepartmentsRequest{DepartmentIds: []string{"R", "0", "none", "A", "A"}, DepartmentIdType: "department_id"})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range batch.GetResults() {
		ids = append(ids, fmt.Sprintf("%s=%s%v", r.GetId(), r.GetDepartment().GetOpenDepartmentId(), r.GetMissing()))
	}
	if got, want := strings.Join(ids, " "), "R=od-againfalse 0=0false none=true A=od-afalse A=od-afalse"; got != want {
		t.Errorf("batch = %q, want %q", got, want)
	}

	for _, test := range []struct{ department, want string }{
		{"od-a11", "0 od-a od-a1 od-a11 true 甲部/Alpha 1/Alpha 1 1 zh 甲部/Alpha 1/Alpha 1 1 en Alpha/Alpha 1/Alpha 1 1"},
		{"od-b", "0 od-b true Beta zh  en "},
		{"0", "0 true  zh  en "},
		{"od-orphan1", "od-orphan od-orphan1 false Orphan/Orphan 1 zh  en "},
		{"od-x", "od-x false X zh  en "},
	} {
		got, err := b.users.GetDepartmentPath(ctx, &pb.GetDepartmentPathRequest{Department: test.department})
		if err != nil {
			t.Fatal(err)
		}
		n := got.GetNames()
		s := fmt.Sprintf("%s %v %s zh %s en %s", departmentIDs(got.GetDepartments()), got.GetComplete(), n.GetName(), n.GetI18NName().GetZhCn(), n.GetI18NName().GetEnUs())
		if s != test.want {
			t.Errorf("path of %s = %q, want %q", test.department, s, test.want)
		}
	}

	for _, test := range []struct{ department, want string }{
		{"0", "2 2 5 5 6"}, // ann and noids; below not those of od-gone and of other trees
		{"od-a", "2 1 4 2 2"},
		{"od-a1", "1 1 2 1 1"},
		{"od-x", "1 1 1 1 1"},
		{"od-c", "1 0 1 0 0"},
	} {
		got, err := b.users.CountDepartmentUsers(ctx, &pb.CountDepartmentUsersRequest{Department: test.department})
		if err != nil {
			t.Fatal(err)
		}
		s := fmt.Sprint(got.GetUsers(), got.GetPrimaryUsers(), got.GetRecursiveUsers(), got.GetRecursivePrimaryUsers(), got.GetDescendants())
		if s != test.want {
			t.Errorf("counts of %s = %q, want %q", test.department, s, test.want)
		}
	}

	for _, test := range []struct {
		department string
		depth      int32
		removed    bool
		want       string
	}{
		{"0", 0, false, "od-b od-again od-a od-a1 od-a11 od-c"},
		{"0", 1, false, "od-b od-a od-c"},
		{"0", 2, false, "od-b od-again od-a od-a1 od-c"},
		{"0", 0, true, "od-b od-again od-a od-a1 od-a11 od-gone od-c"},
		{"od-a", 0, false, "od-a1 od-a11"},
		{"od-a11", 0, false, ""},
		{"od-orphan", 0, false, "od-orphan1"},
		{"od-x", 0, true, "od-z"},
	} {
		for _, size := range []int32{1, 2, 100} {
			var all []*pb.Department
			for token := ""; ; {
				got, err := b.users.ListDepartmentDescendants(ctx, &pb.ListDepartmentDescendantsRequest{
					Department: test.department, MaxDepth: test.depth, ShowRemoved: test.removed, PageSize: size, PageToken: token,
				})
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, got.GetDepartments()...)
				if token = got.GetNextPageToken(); token == "" {
					break
				}
			}
			if got := departmentIDs(all); got != test.want {
				t.Errorf("descendants of %s to %d (removed %v) by %d = %q, want %q", test.department, test.depth, test.removed, size, got, test.want)
			}
		}
	}
}
