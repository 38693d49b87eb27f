package query_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// resourceAnswer is what all of these answers have.
type resourceAnswer interface {
	proto.Message
	GetPosition() int64
	GetConsistencyToken() string
}

// page is how a list is asked for.
type page struct {
	size    int32
	token   string
	removed bool
	fresh   string
	mask    *fieldmaskpb.FieldMask
}

// lists are the lists of resources, each with the ids that it answers.
func lists(b *bundle) map[string]func(context.Context, page) (ids []string, next string, answer resourceAnswer, err error) {
	return map[string]func(context.Context, page) ([]string, string, resourceAnswer, error){
		"ListGroups": func(ctx context.Context, p page) ([]string, string, resourceAnswer, error) {
			a, err := b.users.ListGroups(ctx, &pb.ListGroupsRequest{PageSize: p.size, PageToken: p.token, ShowRemoved: p.removed, AtLeastAsFresh: p.fresh, ReadMask: p.mask})
			return idsIn(a.GetGroups(), (*pb.Group).GetGroupId), a.GetNextPageToken(), a, err
		},
		"ListGroupMembers": func(ctx context.Context, p page) ([]string, string, resourceAnswer, error) {
			a, err := b.users.ListGroupMembers(ctx, &pb.ListGroupMembersRequest{Group: "g1", PageSize: p.size, PageToken: p.token, ShowRemoved: p.removed, AtLeastAsFresh: p.fresh, ReadMask: p.mask})
			return idsIn(a.GetMembers(), (*pb.GroupMember).GetMemberId), a.GetNextPageToken(), a, err
		},
		"ListGroupUsers": func(ctx context.Context, p page) ([]string, string, resourceAnswer, error) {
			a, err := b.users.ListGroupUsers(ctx, &pb.ListGroupUsersRequest{Group: "g1", Recursive: true, PageSize: p.size, PageToken: p.token, ShowRemoved: p.removed, AtLeastAsFresh: p.fresh, ReadMask: p.mask})
			return idsIn(a.GetUsers(), (*pb.User).GetOpenId), a.GetNextPageToken(), a, err
		},
		"ListUserGroups": func(ctx context.Context, p page) ([]string, string, resourceAnswer, error) {
			a, err := b.users.ListUserGroups(ctx, &pb.ListUserGroupsRequest{User: "ou_ann", Recursive: true, PageSize: p.size, PageToken: p.token, ShowRemoved: p.removed, AtLeastAsFresh: p.fresh, ReadMask: p.mask})
			return idsIn(a.GetGroups(), (*pb.Group).GetGroupId), a.GetNextPageToken(), a, err
		},
		"ListUnits": func(ctx context.Context, p page) ([]string, string, resourceAnswer, error) {
			a, err := b.users.ListUnits(ctx, &pb.ListUnitsRequest{PageSize: p.size, PageToken: p.token, ShowRemoved: p.removed, AtLeastAsFresh: p.fresh, ReadMask: p.mask})
			return idsIn(a.GetUnits(), (*pb.Unit).GetUnitId), a.GetNextPageToken(), a, err
		},
		"ListUnitDepartments": func(ctx context.Context, p page) ([]string, string, resourceAnswer, error) {
			a, err := b.users.ListUnitDepartments(ctx, &pb.ListUnitDepartmentsRequest{Unit: "BU1", PageSize: p.size, PageToken: p.token, ShowRemoved: p.removed, AtLeastAsFresh: p.fresh, ReadMask: p.mask})
			return idsIn(a.GetDepartments(), (*pb.Department).GetOpenDepartmentId), a.GetNextPageToken(), a, err
		},
		"ListEmployeeTypes": func(ctx context.Context, p page) ([]string, string, resourceAnswer, error) {
			a, err := b.users.ListEmployeeTypes(ctx, &pb.ListEmployeeTypesRequest{PageSize: p.size, PageToken: p.token, ShowRemoved: p.removed, AtLeastAsFresh: p.fresh, ReadMask: p.mask})
			return idsIn(a.GetEmployeeTypes(), (*pb.EmployeeType).GetEnumId), a.GetNextPageToken(), a, err
		},
		"ListCustomAttributes": func(ctx context.Context, p page) ([]string, string, resourceAnswer, error) {
			a, err := b.users.ListCustomAttributes(ctx, &pb.ListCustomAttributesRequest{PageSize: p.size, PageToken: p.token, ShowRemoved: p.removed, AtLeastAsFresh: p.fresh, ReadMask: p.mask})
			return idsIn(a.GetCustomAttributes(), (*pb.CustomAttribute).GetId), a.GetNextPageToken(), a, err
		},
		"ListScopeNodes": func(ctx context.Context, p page) ([]string, string, resourceAnswer, error) {
			a, err := b.users.ListScopeNodes(ctx, &pb.ListScopeNodesRequest{PageSize: p.size, PageToken: p.token, ShowRemoved: p.removed, AtLeastAsFresh: p.fresh, ReadMask: p.mask})
			return idsIn(a.GetNodes(), (*pb.ScopeNode).GetNodeId), a.GetNextPageToken(), a, err
		},
	}
}

func idsIn[T any](all []T, id func(T) string) (ids []string) {
	for _, one := range all {
		ids = append(ids, id(one))
	}
	return ids
}

func TestResourceLists(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small", "resources")
	for name, want := range map[string][2]string{ // what is there, and with what is gone
		"ListGroups":       {"g1 g2 g4", "g1 g2 g3 g4"},
		"ListGroupMembers": {"od-a1 od-b ou_ann ou_bob ou_nobody", "od-a1 od-b ou_ann ou_bob ou_nobody ou_zoe"},
		// Zoe is in od-b and below od-a1, though no more in the group by herself; who left is told of by the last departments.
		"ListGroupUsers":       {"ou_ann ou_bob ou_reuse2 ou_zoe", "ou_ann ou_bob ou_left1 ou_reuse1 ou_reuse2 ou_reuse3 ou_zoe"},
		"ListUserGroups":       {"g1 g4", "g1 g3 g4"},
		"ListUnits":            {"BU1", "BU1 BU2"},
		"ListUnitDepartments":  {"od-a od-b", "od-a od-b od-c od-gone"},
		"ListEmployeeTypes":    {"a/b== c==", "a/b== c== d=="},
		"ListCustomAttributes": {"C-1 C-2", "C-1 C-2 C-3"},
		"ListScopeNodes":       {"od-a od-c g1 ou_zoe", "od-a od-c g1 g3 ou_zoe"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list := lists(b)[name]
			for i, removed := range []bool{false, true} {
				for _, size := range []int32{0, 1, 2, 1000} {
					var ids []string
					token, token2 := "", ""
					for pages := 0; ; pages++ {
						some, next, answer, err := list(as(t, "reads"), page{size: size, token: token, removed: removed})
						if err != nil {
							t.Fatal(err)
						}
						if answer.GetPosition() != 100 || answer.GetConsistencyToken() == "" || size > 0 && len(some) > int(size) {
							t.Errorf("position %d, %d entries", answer.GetPosition(), len(some))
						}
						ids = append(ids, some...)
						if next == "" {
							break
						}
						token, token2 = next, next
						if pages > 20 {
							t.Fatal("no end")
						}
					}
					if got := strings.Join(ids, " "); got != want[i] {
						t.Errorf("pages of %d, removed %v: %s, want %s", size, removed, got, want[i])
					}
					if token2 != "" {
						_, _, _, err := list(as(t, "reads"), page{size: size, token: token2, removed: !removed})
						wantField(t, err, "PAGE_TOKEN_MISMATCH", "page_token")
					}
				}
			}
			_, _, _, err := list(as(t, "reads"), page{size: -1})
			wantField(t, err, "ARGUMENT_INVALID", "page_size")
			_, _, _, err = list(as(t, "reads"), page{token: "x"})
			wantField(t, err, "PAGE_TOKEN_INVALID", "page_token")
			_, _, _, err = list(as(t, "reads"), page{mask: &fieldmaskpb.FieldMask{Paths: []string{"nonsense"}}})
			wantField(t, err, "ARGUMENT_INVALID", "read_mask")
			_, _, _, err = list(as(t, "reads"), page{fresh: "x"})
			wantField(t, err, "CONSISTENCY_TOKEN_INVALID", "at_least_as_fresh")
			_, _, _, err = list(t.Context(), page{})
			wantError(t, err, codes.Unauthenticated, "CREDENTIALS_MISSING")
			_, _, answer, err := list(as(t, "reads"), page{})
			if err != nil {
				t.Fatal(err)
			}
			if _, _, _, err := list(as(t, "reads"), page{fresh: answer.GetConsistencyToken()}); err != nil {
				t.Errorf("as fresh as it is: %v", err)
			}
			if strings.Contains(fmt.Sprint(answer), "other") {
				t.Errorf("another company's: %v", answer)
			}
		})
	}
}

func TestGetGroup(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small", "resources")
	get := func(req *pb.GetGroupRequest) *pb.Group {
		t.Helper()
		a, err := b.users.GetGroup(as(t, "reads"), req)
		if err != nil {
			t.Fatal(err)
		}
		return a.GetGroup()
	}
	diff(t, "group", get(&pb.GetGroupRequest{Group: "g2"}), &pb.Group{
		GroupId: "g2", Name: proto.String("动态"), Type: proto.Int32(2), MemberUserCount: proto.Int32(0), MemberDepartmentCount: proto.Int32(1),
		DepartmentScopeList: []string{"0", "od-a", "od-c"},
	})
	// od-c has no id of the company's own.
	diff(t, "in other ids", get(&pb.GetGroupRequest{Group: "g2", DepartmentIdType: "department_id", ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"department_scope_list"}}}),
		&pb.Group{DepartmentScopeList: []string{"0", "A"}})
	if g := get(&pb.GetGroupRequest{Group: "g3"}); g.GetRemovedReason() != "OUT_OF_RANGE" || g.GetRemovedAt() == nil {
		t.Errorf("gone: %v", g)
	}
	for _, id := range []string{"g9", "nobody"} {
		_, err := b.users.GetGroup(as(t, "reads"), &pb.GetGroupRequest{Group: id})
		wantError(t, err, codes.NotFound, "GROUP_NOT_FOUND")
		_, err = b.users.ListGroupMembers(as(t, "reads"), &pb.ListGroupMembersRequest{Group: id})
		wantError(t, err, codes.NotFound, "GROUP_NOT_FOUND")
		_, err = b.users.ListGroupUsers(as(t, "reads"), &pb.ListGroupUsersRequest{Group: id, Recursive: true})
		wantError(t, err, codes.NotFound, "GROUP_NOT_FOUND")
	}
	_, err := b.users.GetGroup(as(t, "reads"), &pb.GetGroupRequest{})
	wantField(t, err, "ARGUMENT_INVALID", "group")
	_, err = b.users.ListGroups(as(t, "reads"), &pb.ListGroupsRequest{Type: 3})
	wantField(t, err, "ARGUMENT_INVALID", "type")
	_, err = b.users.ListGroupMembers(as(t, "reads"), &pb.ListGroupMembersRequest{Group: "g1", MemberType: "group"})
	wantField(t, err, "ARGUMENT_INVALID", "member_type")
	a, err := b.users.ListGroups(as(t, "reads"), &pb.ListGroupsRequest{Type: 2})
	if err != nil || len(a.GetGroups()) != 1 {
		t.Errorf("dynamic groups: %v, %v", a.GetGroups(), err)
	}
}

func TestGroupMembersInOtherIDs(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small", "resources")
	a, err := b.users.ListGroupMembers(as(t, "reads"), &pb.ListGroupMembersRequest{Group: "g1", UserIdType: "union_id", DepartmentIdType: "department_id"})
	if err != nil {
		t.Fatal(err)
	}
	// Whom the mirror does not know has no other id.
	if got := fmt.Sprint(idsIn(a.GetMembers(), (*pb.GroupMember).GetMemberId)); got != "[A1 B on_ann on_bob ]" {
		t.Errorf("members %s", got)
	}
	if a.GetMembers()[4].MemberId != nil {
		t.Error("an id that nobody knows")
	}
	a, err = b.users.ListGroupMembers(as(t, "reads"), &pb.ListGroupMembersRequest{Group: "g1", MemberType: "user", UserIdType: "user_id"})
	if got := fmt.Sprint(idsIn(a.GetMembers(), (*pb.GroupMember).GetMemberId)); err != nil || got != "[ann bob ]" {
		t.Errorf("people %s, %v", got, err)
	}
}

func TestGroupUsers(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small", "resources")
	for _, c := range []struct {
		group     string
		recursive bool
		want      string
	}{
		{"g1", false, "ann bob"},
		{"g1", true, "ann bob reuse2 zoe"}, // Zoe once, though she is in two of the departments
		{"g2", false, ""},
		{"g2", true, "cyc"}, // and the cycle comes to an end
		{"g3", false, ""},
		{"g4", true, "ann bob noids reuse2 zoe"}, // od-gone holds nobody, what hangs in the air is not below the root
	} {
		a, err := b.users.ListGroupUsers(as(t, "reads"), &pb.ListGroupUsersRequest{Group: c.group, Recursive: c.recursive})
		if err != nil {
			t.Fatal(err)
		}
		if got := openIDs(a.GetUsers()); got != c.want {
			t.Errorf("%s, recursive %v: %s, want %s", c.group, c.recursive, got, c.want)
		}
	}
	// By both ways: a subtree of many departments is walked person by person.
	b.exec(t, `
		INSERT INTO directory.departments (tenant_key, open_department_id, parent_department_id, path, depth, attributes, position)
		SELECT 't', 'od-n' || i, 'od-b', '/0/od-b/od-n' || i || '/', 2, '{}', 50 FROM generate_series(1, 150) AS i`)
	a, err := b.users.ListGroupUsers(as(t, "reads"), &pb.ListGroupUsersRequest{Group: "g1", Recursive: true})
	if got := openIDs(a.GetUsers()); err != nil || got != "ann bob reuse2 zoe" {
		t.Errorf("of a wide subtree: %s, %v", got, err)
	}
	for client, sees := range map[string]bool{"reads": false, "sees": true} {
		a, err := b.users.ListGroupUsers(as(t, client), &pb.ListGroupUsersRequest{Group: "g1"})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range a.GetUsers() {
			if shown := u.Mobile != nil || u.Email != nil || len(u.GetCustomAttrs()) > 0; shown != sees {
				t.Errorf("%s sees the sensitive fields: %v", client, shown)
			}
		}
	}
	_, err = b.users.ListGroupUsers(as(t, "reads"), &pb.ListGroupUsersRequest{Group: "g1", ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"mobile"}}})
	wantError(t, err, codes.PermissionDenied, "FIELD_NOT_PERMITTED")
}

func TestUserGroups(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small", "resources")
	for _, c := range []struct {
		req  *pb.ListUserGroupsRequest
		want string
	}{
		{&pb.ListUserGroupsRequest{User: "ou_ann"}, "g1"},
		{&pb.ListUserGroupsRequest{User: "on_ann", UserIdType: "union_id", Recursive: true}, "g1 g4"},
		{&pb.ListUserGroupsRequest{User: "zoe", UserIdType: "user_id"}, ""}, // she left it
		{&pb.ListUserGroupsRequest{User: "zoe", UserIdType: "user_id", Recursive: true}, "g1 g4"},
		{&pb.ListUserGroupsRequest{User: "ou_cyc", Recursive: true}, "g2"},
		{&pb.ListUserGroupsRequest{User: "ou_left1", Recursive: true}, ""}, // who left the company is in no department
		{&pb.ListUserGroupsRequest{User: "ou_left1", Recursive: true, ShowRemoved: true}, "g1 g4"},
		{&pb.ListUserGroupsRequest{User: "shared", UserIdType: "user_id", Recursive: true}, "g1 g4"},
	} {
		a, err := b.users.ListUserGroups(as(t, "reads"), c.req)
		if got := strings.Join(idsIn(a.GetGroups(), (*pb.Group).GetGroupId), " "); err != nil || got != c.want {
			t.Errorf("%v: %s, %v, want %s", c.req, got, err, c.want)
		}
	}
	for _, req := range []*pb.ListUserGroupsRequest{{User: "ou_nobody"}, {User: "ou_other"}, {User: "other", UserIdType: "user_id"}} {
		_, err := b.users.ListUserGroups(as(t, "reads"), req)
		wantError(t, err, codes.NotFound, "USER_NOT_FOUND")
	}
}

func TestUnitsAndDefinitions(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small", "resources")
	unit, err := b.users.GetUnit(as(t, "reads"), &pb.GetUnitRequest{Unit: "BU1"})
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "unit", unit.GetUnit(), &pb.Unit{UnitId: "BU1", Name: proto.String("子公司"), UnitType: proto.String("x")})
	_, err = b.users.GetUnit(as(t, "reads"), &pb.GetUnitRequest{Unit: "BU9"})
	wantError(t, err, codes.NotFound, "UNIT_NOT_FOUND")
	_, err = b.users.ListUnitDepartments(as(t, "reads"), &pb.ListUnitDepartmentsRequest{Unit: "BU9"})
	wantError(t, err, codes.NotFound, "UNIT_NOT_FOUND")
	departments, err := b.users.ListUnitDepartments(as(t, "reads"), &pb.ListUnitDepartmentsRequest{
		Unit: "BU1", DepartmentIdType: "department_id", UserIdType: "union_id", ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"name", "leader_user_id"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "departments", departments.GetDepartments()[0], &pb.Department{Name: proto.String("甲部"), LeaderUserId: proto.String("on_ann")})

	types, err := b.users.ListEmployeeTypes(as(t, "reads"), &pb.ListEmployeeTypesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "employee type", types.GetEmployeeTypes()[0], &pb.EmployeeType{
		EnumId: "a/b==", EnumValue: proto.String("1"), Content: proto.String("正式"), EnumType: proto.Int32(1), EnumStatus: proto.Int32(1),
		I18NContent: []*pb.Translation{{Locale: "en_us", Value: "Regular"}},
	})
	attributes, err := b.users.ListCustomAttributes(as(t, "reads"), &pb.ListCustomAttributesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "custom attribute", attributes.GetCustomAttributes()[1], &pb.CustomAttribute{
		Id: "C-2", Type: proto.String("PICTURE_ENUM"), Options: &pb.CustomAttributeOptions{
			DefaultOptionId: "o1", OptionType: "PICTURE", Options: []*pb.CustomAttributeOption{{Id: "o1", Value: "https://p", Name: "徽章"}},
		},
	})
	nodes, err := b.users.ListScopeNodes(as(t, "reads"), &pb.ListScopeNodesRequest{UserIdType: "user_id", DepartmentIdType: "department_id"})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(idsIn(nodes.GetNodes(), (*pb.ScopeNode).GetNodeId)); got != "[A  g1 zoe]" {
		t.Errorf("nodes %s", got)
	}
	nodes, err = b.users.ListScopeNodes(as(t, "reads"), &pb.ListScopeNodesRequest{NodeType: "group"})
	if err != nil || len(nodes.GetNodes()) != 1 {
		t.Errorf("%v, %v", nodes.GetNodes(), err)
	}
	_, err = b.users.ListScopeNodes(as(t, "reads"), &pb.ListScopeNodesRequest{NodeType: "unit"})
	wantField(t, err, "ARGUMENT_INVALID", "node_type")
}

func TestStatusOfResources(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small", "resources")
	status := func() *pb.GetSyncStatusResponse {
		t.Helper()
		a, err := b.sync.GetSyncStatus(as(t, "reads"), &pb.GetSyncStatusRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	got := status().GetResources()
	if len(got) != 2 || got[0].GetLastPolledAt().AsTime().Minute() != 1 {
		t.Fatalf("%v", got)
	}
	got[0].LastPolledAt = nil
	diff(t, "groups", got[0], &pb.Resource{
		Resource: "groups", Entities: proto.Int64(3), Missing: proto.Int64(1), Held: proto.Int64(0), Refusals: []*pb.Refusal{{
			Endpoint: "GET /contact/v3/group/:group_id/member/simplelist", Permissions: []string{"contact:group:readonly", "contact:group"}, Problem: "code 99991672: no",
		}},
	})
	diff(t, "units", got[1], &pb.Resource{Resource: "units", Entities: proto.Int64(1), Missing: proto.Int64(1), Held: proto.Int64(0)})
	if s := status().GetState(); s == "held" {
		t.Error("held, though nothing is")
	}
	b.exec(t, `UPDATE mirror.poll SET held = 2 WHERE tenant_key = 't' AND resource = 'units'`)
	if s := status(); s.GetState() != "held" || s.GetResources()[1].GetHeld() != 2 {
		t.Errorf("%s: %v", s.GetState(), s.GetResources())
	}
}

// Every field of a resource can be asked for by itself.
func TestResourceMasks(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small", "resources")
	for name, list := range lists(b) {
		_, _, answer, err := list(as(t, "sees"), page{removed: true})
		if err != nil {
			t.Fatal(err)
		}
		fields := entriesOf(answer).Message().Fields()
		for i := range fields.Len() {
			path := string(fields.Get(i).Name())
			_, _, masked, err := list(as(t, "sees"), page{removed: true, mask: &fieldmaskpb.FieldMask{Paths: []string{path}}})
			if err != nil {
				t.Fatalf("%s, %s: %v", name, path, err)
			}
			all := masked.ProtoReflect().Get(entriesOf(masked)).List()
			if all.Len() == 0 {
				t.Errorf("%s, %s: nothing", name, path)
			}
			for j := range all.Len() {
				all.Get(j).Message().Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
					if string(field.Name()) != path {
						t.Errorf("%s: %s was not asked for, but %s", name, field.Name(), path)
					}
					return true
				})
			}
		}
	}
}

// entriesOf is the field of a list's answer that holds its entries.
func entriesOf(answer proto.Message) protoreflect.FieldDescriptor {
	fields := answer.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if fields.Get(i).IsList() {
			return fields.Get(i)
		}
	}
	panic("no list")
}
