package query_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orgmirror/orgmirror/internal/directory/searchkey"
	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// moments are the three ways to ask for a moment of the past that past.sql leaves.
var moments = map[string]proto.Message{
	"as_of":          &pb.GetUserRequest{AsOf: timestamppb.New(time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC))},
	"as_of_recorded": &pb.GetUserRequest{AsOfRecorded: timestamppb.New(time.Date(2026, 1, 1, 0, 1, 39, 0, time.UTC))},
	"as_of_position": &pb.GetUserRequest{AsOfPosition: proto.Int64(99)},
}

// atMoment makes a question be about a moment.
func atMoment(request, moment proto.Message) proto.Message {
	asked := proto.Clone(request)
	moment.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		asked.ProtoReflect().Set(asked.ProtoReflect().Descriptor().Fields().ByName(field.Name()), value)
		return true
	})
	return asked
}

// furtherQuestions are such as asked has, about what is odd in the small company.
func furtherQuestions() map[string][]proto.Message {
	further := map[string][]proto.Message{}
	add := func(rpc string, request proto.Message) { further[rpc] = append(further[rpc], request) }
	for _, id := range []string{"0", "od-a", "od-a1", "od-a11", "od-b", "od-gone", "od-again", "od-orphan", "od-orphan1", "od-x", "od-y", "od-z", "od-missing"} {
		for _, removed := range []bool{false, true} {
			add("ListDepartmentChildren", &pb.ListDepartmentChildrenRequest{Department: id, ShowRemoved: removed})
			add("ListDepartmentDescendants", &pb.ListDepartmentDescendantsRequest{Department: id, ShowRemoved: removed})
			add("ListDepartmentUsers", &pb.ListDepartmentUsersRequest{Department: id, ShowRemoved: removed})
			add("ListDepartmentUsers", &pb.ListDepartmentUsersRequest{Department: id, ShowRemoved: removed, Recursive: true})
			add("ListDepartmentLeaders", &pb.ListDepartmentLeadersRequest{Department: id, ShowRemoved: removed, UserIdType: "union_id"})
		}
		add("GetDepartment", &pb.GetDepartmentRequest{Department: id, UserIdType: "user_id"})
		add("ListDepartmentAncestors", &pb.ListDepartmentAncestorsRequest{Department: id, DepartmentIdType: "open_department_id"})
		add("GetDepartmentPath", &pb.GetDepartmentPathRequest{Department: id})
		add("CountDepartmentUsers", &pb.CountDepartmentUsersRequest{Department: id})
	}
	for _, id := range []string{"A", "R", "X", "nothing"} {
		add("GetDepartment", &pb.GetDepartmentRequest{Department: id, DepartmentIdType: "department_id", UserIdType: "union_id"})
		add("BatchGetDepartments", &pb.BatchGetDepartmentsRequest{DepartmentIds: []string{id, "0"}, DepartmentIdType: "department_id"})
	}
	for _, id := range []string{"ann", "bob", "shared", "left", "cyc", "nobody"} {
		add("GetUser", &pb.GetUserRequest{User: id, UserIdType: "user_id", DepartmentIdType: "department_id"})
		add("GetUser", &pb.GetUserRequest{User: "on_" + id, UserIdType: "union_id"})
		for _, removed := range []bool{false, true} {
			add("ListUserManagers", &pb.ListUserManagersRequest{User: id, UserIdType: "user_id", ShowRemoved: removed})
			add("ListUserReports", &pb.ListUserReportsRequest{User: id, UserIdType: "user_id", ShowRemoved: removed, Recursive: true})
			add("ListUserDottedLineLeaders", &pb.ListUserDottedLineLeadersRequest{User: id, UserIdType: "user_id", ShowRemoved: removed})
			add("ListUserDepartments", &pb.ListUserDepartmentsRequest{User: id, UserIdType: "user_id", ShowRemoved: removed})
			add("ListUserGroups", &pb.ListUserGroupsRequest{User: id, UserIdType: "user_id", ShowRemoved: removed, Recursive: true})
		}
	}
	for _, group := range []string{"g1", "g2", "g3", "g4", "g5"} {
		for _, removed := range []bool{false, true} {
			add("ListGroupUsers", &pb.ListGroupUsersRequest{Group: group, ShowRemoved: removed, Recursive: true})
			add("ListGroupMembers", &pb.ListGroupMembersRequest{Group: group, ShowRemoved: removed, UserIdType: "union_id", DepartmentIdType: "department_id"})
		}
	}
	for _, query := range []string{"a", "an", "anna", "安", "娜", "e00", "e001", "b@", "bob", "zoe", "o", "甲", "jia", "alpha", "50"} {
		for _, removed := range []bool{false, true} {
			add("SearchUsers", &pb.SearchUsersRequest{Query: query, ShowRemoved: removed})
			add("SearchDepartments", &pb.SearchDepartmentsRequest{Query: query, ShowRemoved: removed})
		}
	}
	for _, filter := range []string{`name = "x"`, `status.is_frozen = true`, `email = "b@p"`, `mobile = "+2"`, `employee_no = "E3"`, `department_ids:"od-x"`} {
		add("ListUsers", &pb.ListUsersRequest{Filter: filter, ShowRemoved: true, Recursive: true})
	}
	for _, kind := range []string{"union_id", "user_id", "email", "mobile", "employee_no"} {
		add("TranslateUserIds", &pb.TranslateUserIdsRequest{IdType: kind, Ids: []string{"on_bob", "bob", "shared", "left", "b@p", "z@c", "+1", "E3", "x"}})
	}
	return further
}

// onceAsked are the questions of one RPC that can be about the past.
type onceAsked struct {
	question
	now proto.Message
	err error
}

// TestThePastIsAnsweredAsNow asks everything of now; then makes it the past, with
// something else before and after; and asks it again, in every way to tell a moment.
func TestThePastIsAnsweredAsNow(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small", "resources")
	b.exec(t, `UPDATE mirror.generation SET search_version = 2`)
	// Of a picture, and of counts, there is no history.
	b.exec(t, `UPDATE directory.users SET avatar = NULL`)
	b.exec(t, `UPDATE directory.departments SET member_count = NULL, primary_member_count = NULL`)
	b.exec(t, `UPDATE directory.sweeps SET started_at = '2001-01-01Z', completed_at = '2001-01-02Z' WHERE sweep_id = 's1'`)

	all := map[string]onceAsked{}
	note := func(name string, q question) {
		now, err := q.ask(as(t, "sees"), b, q.request)
		all[name] = onceAsked{q, now, err}
	}
	further := furtherQuestions()
	for name, q := range questions(t) {
		if q.method.Input().Fields().ByName("as_of") == nil {
			continue
		}
		note(name, q)
		for i, request := range further[string(q.method.Name())] {
			note(fmt.Sprintf("%s further %d", q.method.Name(), i), question{q.method, request})
		}
	}
	if len(all) < 300 {
		t.Fatalf("there are %d questions only", len(all))
	}

	b.exec(t, fixture(t, "past"))
	found := 0
	for _, name := range slices.Sorted(maps.Keys(all)) {
		q := all[name]
		for way, moment := range moments {
			then, err := q.ask(as(t, "sees"), b, atMoment(q.request, moment))
			if (err == nil) != (q.err == nil) || err != nil && err.Error() != q.err.Error() {
				t.Errorf("%s by %s: error %v, but of now %v", name, way, err, q.err)
				continue
			}
			if err != nil {
				continue
			}
			if proto.Size(then) > 120 {
				found++
			}
			if diff := cmp.Diff(q.now, then, protocmp.Transform(), protocmp.IgnoreMessages(&timestamppb.Timestamp{})); diff != "" {
				t.Errorf("%s by %s: %v differs from now (-now +then):\n%s", name, way, q.request, diff)
			}
		}
		if now, err := q.ask(as(t, "sees"), b, q.request); err == nil && proto.Size(now) > 400 && cmp.Equal(q.now, now, protocmp.Transform()) {
			t.Errorf("%s still finds something now", name)
		}
	}
	if found < 400 {
		t.Errorf("%d answers have something in them", found)
	}
}

// TestBadMoments asks for moments that are none.
func TestBadMoments(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small", "resources")
	early := timestamppb.New(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
	for name, q := range questions(t) {
		if q.method.Input().Fields().ByName("as_of") == nil {
			continue
		}
		for what, c := range map[string]struct {
			moment proto.Message
			code   codes.Code
			reason string
		}{
			"two":          {&pb.GetUserRequest{AsOf: timestamppb.Now(), AsOfPosition: proto.Int64(0)}, codes.InvalidArgument, "ARGUMENT_INVALID"},
			"no time":      {&pb.GetUserRequest{AsOf: &timestamppb.Timestamp{Nanos: -1}}, codes.InvalidArgument, "ARGUMENT_INVALID"},
			"negative":     {&pb.GetUserRequest{AsOfPosition: proto.Int64(-1)}, codes.InvalidArgument, "ARGUMENT_INVALID"},
			"to come":      {&pb.GetUserRequest{AsOfPosition: proto.Int64(101)}, codes.InvalidArgument, "ARGUMENT_INVALID"},
			"position 0":   {&pb.GetUserRequest{AsOfPosition: proto.Int64(0)}, codes.OutOfRange, "BEFORE_HISTORY"},
			"early":        {&pb.GetUserRequest{AsOf: early}, codes.OutOfRange, "BEFORE_HISTORY"},
			"before known": {&pb.GetUserRequest{AsOfRecorded: early}, codes.OutOfRange, "BEFORE_HISTORY"},
		} {
			_, err := q.ask(as(t, "reads"), b, atMoment(q.request, c.moment))
			info := wantError(t, err, c.code, c.reason)
			if t.Failed() {
				t.Fatalf("%s about %s", name, what)
			}
			if c.reason == "BEFORE_HISTORY" && info.GetMetadata()["since_position"] != "50" {
				t.Errorf("%s about %s: history since %v, want position 50", name, what, info.GetMetadata())
			}
		}
	}
}

// TestPagesOfThePast reads lists of the past entry by entry, and at once.
func TestPagesOfThePast(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small", "resources")
	b.exec(t, fixture(t, "past"))
	b.exec(t, `UPDATE mirror.generation SET search_version = $1`, searchkey.Version)
	position, ctx := proto.Int64(99), as(t, "sees")
	for name, list := range map[string]func(size int32, token string) (ids []string, next string, err error){
		"ListUsers": func(size int32, token string) ([]string, string, error) {
			got, err := b.users.ListUsers(ctx, &pb.ListUsersRequest{AsOfPosition: position, ShowRemoved: true, PageSize: size, PageToken: token})
			return userIDs(got.GetUsers()), got.GetNextPageToken(), err
		},
		"SearchUsers": func(size int32, token string) ([]string, string, error) {
			got, err := b.users.SearchUsers(ctx, &pb.SearchUsersRequest{Query: "a", AsOfPosition: position, ShowRemoved: true, PageSize: size, PageToken: token})
			return userIDs(got.GetUsers()), got.GetNextPageToken(), err
		},
		"ListDepartmentUsers": func(size int32, token string) ([]string, string, error) {
			got, err := b.users.ListDepartmentUsers(ctx, &pb.ListDepartmentUsersRequest{Department: "0", Recursive: true, AsOfPosition: position, PageSize: size, PageToken: token})
			return userIDs(got.GetUsers()), got.GetNextPageToken(), err
		},
		"ListDepartmentDescendants": func(size int32, token string) (ids []string, _ string, _ error) {
			got, err := b.users.ListDepartmentDescendants(ctx, &pb.ListDepartmentDescendantsRequest{Department: "0", AsOfPosition: position, PageSize: size, PageToken: token})
			for _, d := range got.GetDepartments() {
				ids = append(ids, d.GetOpenDepartmentId())
			}
			return ids, got.GetNextPageToken(), err
		},
	} {
		want, next, err := list(1000, "")
		if err != nil || next != "" || len(want) < 2 {
			t.Fatalf("%s: %v, %q, %v", name, want, next, err)
		}
		var got []string
		for token := ""; ; token = next {
			var page []string
			page, next, err = list(1, token)
			if err != nil || len(page) != 1 {
				t.Fatalf("%s after %v: %v, %v", name, got, page, err)
			}
			if got = append(got, page...); next == "" || len(got) > len(want) {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, at once and entry by entry (-want +got):\n%s", name, diff)
		}
	}
	// A token is of its moment, and of no other.
	first, err := b.users.ListUsers(ctx, &pb.ListUsersRequest{AsOfPosition: position, PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.users.ListUsers(ctx, &pb.ListUsersRequest{AsOfPosition: proto.Int64(98), PageSize: 1, PageToken: first.GetNextPageToken()})
	wantField(t, err, "PAGE_TOKEN_MISMATCH", "page_token")
}

func userIDs(users []*pb.User) (ids []string) {
	for _, u := range users {
		ids = append(ids, u.GetOpenId())
	}
	return ids
}
