package query_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

func departmentA() *pb.Department {
	return &pb.Department{
		OpenDepartmentId: "od-a", DepartmentId: proto.String("A"), Name: proto.String("甲部"),
		I18NName:           &pb.I18NName{ZhCn: proto.String("甲部"), EnUs: proto.String("Alpha")},
		ParentDepartmentId: proto.String("0"), LeaderUserId: proto.String("ou_ann"), ChatId: proto.String("oc_a"),
		Order: proto.String("1000"), UnitIds: []string{"BU1"},
		MemberCount: proto.Int64(6), PrimaryMemberCount: proto.Int64(5),
		Leaders: []*pb.DepartmentLeader{
			{LeaderType: 1, LeaderId: "ou_zoe"},
			{LeaderType: 2, LeaderId: "ou_ann"},
			{LeaderType: 2, LeaderId: "ou_bob"},
			{LeaderType: 2, LeaderId: "ou_nobody"},
		},
		GroupChatEmployeeTypes: []int32{1, 2}, DepartmentHrbps: []string{"ou_bob", "ou_nobody", "ou_ann"},
	}
}

func TestGetDepartment(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small")

	get := func(t *testing.T, req *pb.GetDepartmentRequest) *pb.Department {
		t.Helper()
		got, err := b.users.GetDepartment(as(t, "reads"), req)
		if err != nil {
			t.Fatal(err)
		}
		return got.GetDepartment()
	}

	t.Run("answers every field in the mirror's ids", func(t *testing.T) {
		t.Parallel()
		diff(t, "department", get(t, &pb.GetDepartmentRequest{Department: "od-a"}), departmentA())
	})

	t.Run("answers every reference in the ids asked for", func(t *testing.T) {
		t.Parallel()
		want := departmentA()
		want.LeaderUserId = proto.String("on_ann")
		want.Leaders = []*pb.DepartmentLeader{{LeaderType: 1, LeaderId: "on_zoe"}, {LeaderType: 2, LeaderId: "on_ann"}, {LeaderType: 2, LeaderId: "on_bob"}}
		want.DepartmentHrbps = []string{"on_bob", "on_ann"}
		diff(t, "union_id", get(t, &pb.GetDepartmentRequest{Department: "A", DepartmentIdType: "department_id", UserIdType: "union_id"}), want)

		below := get(t, &pb.GetDepartmentRequest{Department: "A11", DepartmentIdType: "department_id"})
		if below.GetParentDepartmentId() != "A1" || below.GetOpenDepartmentId() != "od-a11" {
			t.Errorf("A11 = %v, want its parent as A1", below)
		}
		if orphan := get(t, &pb.GetDepartmentRequest{Department: "O", DepartmentIdType: "department_id"}); orphan.ParentDepartmentId != nil {
			t.Errorf("parent of O = %q, want none: the mirror does not know its department_id", orphan.GetParentDepartmentId())
		}
		if orphan := get(t, &pb.GetDepartmentRequest{Department: "od-orphan"}); orphan.GetParentDepartmentId() != "od-missing" {
			t.Errorf("parent of od-orphan = %q, want od-missing", orphan.GetParentDepartmentId())
		}
	})

	t.Run("the root is 0 in both id kinds", func(t *testing.T) {
		t.Parallel()
		for _, kind := range []string{"open_department_id", "department_id"} {
			diff(t, kind, get(t, &pb.GetDepartmentRequest{Department: "0", DepartmentIdType: kind}), &pb.Department{
				OpenDepartmentId: "0", DepartmentId: proto.String("0"), Name: proto.String(""),
				MemberCount: proto.Int64(9), PrimaryMemberCount: proto.Int64(8),
			})
		}
	})

	t.Run("a reused department_id means the one that is there", func(t *testing.T) {
		t.Parallel()
		if got := get(t, &pb.GetDepartmentRequest{Department: "R", DepartmentIdType: "department_id"}); got.GetOpenDepartmentId() != "od-again" {
			t.Errorf("R = %s, want od-again", got.GetOpenDepartmentId())
		}
	})

	t.Run("answers a deleted one with when and why", func(t *testing.T) {
		t.Parallel()
		got := get(t, &pb.GetDepartmentRequest{Department: "od-gone", ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"removed_at", "removed_reason"}}})
		if got.GetRemovedReason() != "DELETED" || !got.GetRemovedAt().AsTime().Equal(time.Date(2026, 1, 1, 0, 0, 30, 0, time.UTC)) || got.GetName() != "" {
			t.Errorf("od-gone = %v", got)
		}
	})

	t.Run("an unknown id is not found by any call", func(t *testing.T) {
		t.Parallel()
		ctx := as(t, "reads")
		for _, kind := range []string{"", "open_department_id", "department_id"} {
			const id = "od-other" // of another company
			_, err := b.users.GetDepartment(ctx, &pb.GetDepartmentRequest{Department: id, DepartmentIdType: kind})
			wantError(t, err, codes.NotFound, "DEPARTMENT_NOT_FOUND")
			_, err = b.users.ListDepartmentChildren(ctx, &pb.ListDepartmentChildrenRequest{Department: id, DepartmentIdType: kind})
			wantError(t, err, codes.NotFound, "DEPARTMENT_NOT_FOUND")
			_, err = b.users.ListDepartmentAncestors(ctx, &pb.ListDepartmentAncestorsRequest{Department: id, DepartmentIdType: kind})
			wantError(t, err, codes.NotFound, "DEPARTMENT_NOT_FOUND")
			for _, recursive := range []bool{false, true} {
				_, err = b.users.ListDepartmentUsers(ctx, &pb.ListDepartmentUsersRequest{Department: id, DepartmentIdType: kind, Recursive: recursive})
				wantError(t, err, codes.NotFound, "DEPARTMENT_NOT_FOUND")
			}
		}
	})
}

func TestListDepartmentAncestors(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small")

	for id, want := range map[string]string{
		"od-a11":     "od-a1 od-a 0",
		"od-a":       "0",
		"0":          "",
		"od-gone":    "od-a 0",
		"od-orphan":  "", // the parent is not in the mirror, so nobody knows whether the root is above it
		"od-orphan1": "od-orphan",
		"od-x":       "", // on a cycle
		"od-z":       "od-x",
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			got, err := b.users.ListDepartmentAncestors(as(t, "reads"), &pb.ListDepartmentAncestorsRequest{Department: id})
			if err != nil {
				t.Fatal(err)
			}
			if ids := departmentIDs(got.GetDepartments()); ids != want {
				t.Errorf("ancestors = %q, want %q", ids, want)
			}
			if got.GetPosition() != 100 {
				t.Errorf("position = %d, want 100", got.GetPosition())
			}
		})
	}
}

func TestListDepartmentChildren(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small")

	for _, test := range []struct {
		id, want, withRemoved string
	}{
		{"0", "od-b od-a od-c", "od-b od-a od-c"}, // without an order last
		{"od-a", "od-a1", "od-a1 od-gone"},
		{"od-a11", "", ""},
		{"od-orphan", "od-orphan1", "od-orphan1"},
		{"od-x", "od-z", "od-z"}, // not od-y: who walks a cycle never comes back
		{"od-y", "", ""},
	} {
		t.Run(test.id, func(t *testing.T) {
			t.Parallel()
			for _, removed := range []bool{false, true} {
				want := test.want
				if removed {
					want = test.withRemoved
				}
				for size := int32(1); size <= 4; size++ {
					if got := pageChildren(t, b, &pb.ListDepartmentChildrenRequest{Department: test.id, ShowRemoved: removed, PageSize: size}); got != want {
						t.Errorf("children (removed: %v, pages of %d) = %q, want %q", removed, size, got, want)
					}
				}
			}
		})
	}
}

// pageChildren reads all pages.
func pageChildren(t *testing.T, b *bundle, req *pb.ListDepartmentChildrenRequest) string {
	t.Helper()
	var all []*pb.Department
	for {
		got, err := b.users.ListDepartmentChildren(as(t, "reads"), req)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.GetDepartments()) > int(req.GetPageSize()) {
			t.Fatalf("a page of %d, asked for %d", len(got.GetDepartments()), req.GetPageSize())
		}
		all = append(all, got.GetDepartments()...)
		if got.GetNextPageToken() == "" {
			return departmentIDs(all)
		}
		req = proto.CloneOf(req)
		req.PageToken = got.GetNextPageToken()
	}
}

func TestEmptyMirror(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	ctx := as(t, "reads")

	t.Run("the root exists", func(t *testing.T) {
		t.Parallel()
		got, err := b.users.GetDepartment(ctx, &pb.GetDepartmentRequest{Department: "0", DepartmentIdType: "department_id"})
		if err != nil {
			t.Fatal(err)
		}
		diff(t, "root", got.GetDepartment(), &pb.Department{OpenDepartmentId: "0", DepartmentId: proto.String("0")})
		if got.Position == nil || got.GetPosition() != 0 || got.GetStaleness() == nil || got.GetMirroredAt() != nil || got.GetUpstreamConfirmedAt() != nil {
			t.Errorf("answer = %v, want position 0, no mirrored_at, staleness 0", got)
		}
	})

	t.Run("and nothing is below it", func(t *testing.T) {
		t.Parallel()
		children, err := b.users.ListDepartmentChildren(ctx, &pb.ListDepartmentChildrenRequest{Department: "0"})
		if err != nil || len(children.GetDepartments()) != 0 || children.GetNextPageToken() != "" {
			t.Errorf("children = %v, %v", children, err)
		}
		ancestors, err := b.users.ListDepartmentAncestors(ctx, &pb.ListDepartmentAncestorsRequest{Department: "0"})
		if err != nil || len(ancestors.GetDepartments()) != 0 {
			t.Errorf("ancestors = %v, %v", ancestors, err)
		}
		for _, recursive := range []bool{false, true} {
			users, err := b.users.ListDepartmentUsers(ctx, &pb.ListDepartmentUsersRequest{Department: "0", Recursive: recursive})
			if err != nil || len(users.GetUsers()) != 0 || users.GetNextPageToken() != "" {
				t.Errorf("users = %v, %v", users, err)
			}
		}
		found, err := b.users.SearchUsers(ctx, &pb.SearchUsersRequest{Query: "a"})
		if err != nil || len(found.GetUsers()) != 0 {
			t.Errorf("found = %v, %v", found, err)
		}
		batch, err := b.users.BatchGetUsers(ctx, &pb.BatchGetUsersRequest{UserIds: []string{"x"}})
		if err != nil || !batch.GetResults()[0].GetMissing() {
			t.Errorf("batch = %v, %v", batch, err)
		}
		_, err = b.users.GetUser(ctx, &pb.GetUserRequest{User: "x"})
		wantError(t, err, codes.NotFound, "USER_NOT_FOUND")
	})

	t.Run("the root is above what hangs on it, even without a row", func(t *testing.T) {
		t.Parallel()
		b := setup(t, nil, "small")
		b.exec(t, `DELETE FROM directory.departments WHERE open_department_id = '0'`)
		got, err := b.users.ListDepartmentAncestors(as(t, "reads"), &pb.ListDepartmentAncestorsRequest{Department: "od-a1"})
		if err != nil {
			t.Fatal(err)
		}
		if ids := departmentIDs(got.GetDepartments()); ids != "od-a 0" {
			t.Errorf("ancestors = %q, want od-a 0", ids)
		}
		users, err := b.users.ListDepartmentUsers(as(t, "reads"), &pb.ListDepartmentUsersRequest{Department: "0", Recursive: true})
		if err != nil || openIDs(users.GetUsers()) != "ann bob noids reuse2 zoe" {
			t.Errorf("users = %q, %v, want those of the root too", openIDs(users.GetUsers()), err)
		}
	})
}
