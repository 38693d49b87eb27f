package query_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// ann is Ann of testdata/small.sql, as a client with the role "sensitive" sees
// her in the mirror's own ids.
func ann() *pb.User {
	return &pb.User{
		OpenId: "ou_ann", UnionId: proto.String("on_ann"), UserId: proto.String("ann"),
		Name: proto.String("安娜"), EnName: proto.String("Ann"), Nickname: proto.String("Annie"),
		Email: proto.String("ann@private.example"), EnterpriseEmail: proto.String("ann@corp.example"), Mobile: proto.String("+8613800000001"),
		MobileVisible: proto.Bool(false), Gender: proto.Int32(2),
		Avatar: &pb.Avatar{
			Avatar_72: proto.String("https://a/72"), Avatar_240: proto.String("https://a/240"),
			Avatar_640: proto.String("https://a/640"), AvatarOrigin: proto.String("https://a/0"),
		},
		Status: &pb.UserStatus{
			IsFrozen: proto.Bool(true), IsResigned: proto.Bool(false), IsActivated: proto.Bool(true),
			IsExited: proto.Bool(false), IsUnjoin: proto.Bool(true),
		},
		DepartmentIds: []string{"0", "od-a", "od-c"}, LeaderUserId: proto.String("ou_bob"),
		City: proto.String("北京"), Country: proto.String("CN"), WorkStation: proto.String("A-1"),
		JoinTime:        timestamppb.New(time.Date(2020, 2, 3, 0, 0, 0, 0, time.UTC)),
		IsTenantManager: proto.Bool(true), EmployeeNo: proto.String("E001"), EmployeeType: proto.Int32(1),
		JobTitle: proto.String("工程师"), JobLevelId: proto.String("jl1"), JobFamilyId: proto.String("jf1"),
		Geo: proto.String("cn"), Description: proto.String("signature"),
		DottedLineLeaderUserIds: []string{"ou_zoe", "ou_nobody", "ou_noids"},
		Orders: []*pb.UserOrder{
			{DepartmentId: "od-a", UserOrder: proto.Int64(9007199254740993), DepartmentOrder: proto.Int64(3), IsPrimaryDept: true},
			{DepartmentId: "0", UserOrder: proto.Int64(0), DepartmentOrder: proto.Int64(1)},
			{DepartmentId: "od-c"},
		},
		CustomAttrs: []*pb.CustomAttr{
			{Id: "C-1", Type: "TEXT", Value: &pb.CustomAttrValue{Text: proto.String("x")}},
			{Id: "C-2", Type: "GENERIC_USER", Value: &pb.CustomAttrValue{GenericUser: &pb.CustomAttrGenericUser{Id: "ou_bob", Type: 1}}},
			{Id: "C-3", Type: "GENERIC_USER", Value: &pb.CustomAttrValue{GenericUser: &pb.CustomAttrGenericUser{Id: "ou_nobody", Type: 1}}},
			{Type: "HREF", Value: &pb.CustomAttrValue{Url: proto.String("https://x")}}, // what has the wrong type is left out
			{Id: "C-5", Type: "TEXT"},
		},
	}
}

func TestGetUser(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small")

	t.Run("answers every field in the mirror's ids", func(t *testing.T) {
		t.Parallel()
		got, err := b.users.GetUser(as(t, "sees"), &pb.GetUserRequest{User: "ou_ann"})
		if err != nil {
			t.Fatal(err)
		}
		diff(t, "user", got.GetUser(), ann())
	})

	t.Run("answers every reference in the ids asked for", func(t *testing.T) {
		t.Parallel()
		for _, test := range []struct{ kind, id, bob, zoe string }{
			{"union_id", "on_ann", "on_bob", "on_zoe"},
			{"user_id", "ann", "bob", "zoe"},
			{"open_id", "ou_ann", "ou_bob", "ou_zoe"},
		} {
			want := ann()
			want.LeaderUserId = proto.String(test.bob)
			want.CustomAttrs[1].Value.GenericUser.Id = test.bob
			if test.kind != "open_id" { // the others have no such id
				want.DottedLineLeaderUserIds = []string{test.zoe}
				want.CustomAttrs[2].Value.GenericUser = nil
			}
			got, err := b.users.GetUser(as(t, "sees"), &pb.GetUserRequest{User: test.id, UserIdType: test.kind})
			if err != nil {
				t.Fatal(err)
			}
			diff(t, test.kind, got.GetUser(), want)

			want.DepartmentIds = []string{"0", "A"} // od-c has no department_id
			want.Orders = want.Orders[:2]
			want.Orders[0].DepartmentId = "A"
			got, err = b.users.GetUser(as(t, "sees"), &pb.GetUserRequest{User: test.id, UserIdType: test.kind, DepartmentIdType: "department_id"})
			if err != nil {
				t.Fatal(err)
			}
			diff(t, test.kind+" and department_id", got.GetUser(), want)
		}
	})

	t.Run("a reused user_id means who is there now, else who left last", func(t *testing.T) {
		t.Parallel()
		for id, want := range map[string]string{"shared": "ou_reuse2", "left": "ou_left2"} {
			got, err := b.users.GetUser(as(t, "reads"), &pb.GetUserRequest{User: id, UserIdType: "user_id"})
			if err != nil || got.GetUser().GetOpenId() != want {
				t.Errorf("%s = %v, %v, want %s", id, got.GetUser().GetOpenId(), err, want)
			}
		}
	})

	t.Run("answers who left with when and why", func(t *testing.T) {
		t.Parallel()
		for id, reason := range map[string]string{"ou_left1": "RESIGNED", "ou_reuse3": "DELETED", "ou_left2": "OUT_OF_RANGE"} {
			got, err := b.users.GetUser(as(t, "reads"), &pb.GetUserRequest{User: id})
			if err != nil || got.GetUser().GetRemovedReason() != reason || !got.GetUser().GetRemovedAt().IsValid() {
				t.Errorf("%s = %v, %v, want it removed, %s", id, got.GetUser(), err, reason)
			}
		}
	})

	t.Run("an unknown id is not found, whatever its kind", func(t *testing.T) {
		t.Parallel()
		for _, kind := range []string{"", "open_id", "union_id", "user_id"} {
			_, err := b.users.GetUser(as(t, "reads"), &pb.GetUserRequest{User: "ou_other", UserIdType: kind})
			wantError(t, err, codes.NotFound, "USER_NOT_FOUND")
		}
	})

	t.Run("ids may hold anything but U+0000", func(t *testing.T) {
		t.Parallel()
		got, err := b.users.GetUser(as(t, "reads"), &pb.GetUserRequest{User: "a/b:c d%", UserIdType: "user_id"})
		if err != nil || got.GetUser().GetOpenId() != "ou_pct" {
			t.Errorf("got %v, %v, want ou_pct", got.GetUser().GetOpenId(), err)
		}
	})

	t.Run("refuses what makes no sense", func(t *testing.T) {
		t.Parallel()
		for _, test := range []struct {
			field string
			req   *pb.GetUserRequest
		}{
			{"user", &pb.GetUserRequest{}},
			{"user", &pb.GetUserRequest{User: "a\x00b"}},
			{"user", &pb.GetUserRequest{User: strings.Repeat("x", 257)}},
			{"user_id_type", &pb.GetUserRequest{User: "x", UserIdType: "OPEN_ID"}},
			{"department_id_type", &pb.GetUserRequest{User: "x", DepartmentIdType: "open_id"}},
			{"read_mask", &pb.GetUserRequest{User: "x", ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"name", "surname"}}}},
		} {
			_, err := b.users.GetUser(as(t, "reads"), test.req)
			wantField(t, err, "ARGUMENT_INVALID", test.field)
		}
	})
}

func TestGetUserReadMask(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small")

	for name, test := range map[string]struct {
		paths []string
		want  *pb.User
	}{
		"one field":               {[]string{"name"}, &pb.User{Name: proto.String("安娜")}},
		"a part of an object":     {[]string{"status.is_frozen", "avatar.avatar_72"}, &pb.User{Status: &pb.UserStatus{IsFrozen: proto.Bool(true)}, Avatar: &pb.Avatar{Avatar_72: proto.String("https://a/72")}}},
		"the whole outweighs":     {[]string{"status.is_frozen", "status", "status.is_exited"}, &pb.User{Status: ann().GetStatus()}},
		"lists and instants":      {[]string{"department_ids", "join_time"}, &pb.User{DepartmentIds: ann().GetDepartmentIds(), JoinTime: ann().GetJoinTime()}},
		"a field that is not set": {[]string{"removed_at"}, &pb.User{}},
		"a star":                  {[]string{"*"}, ann()},
		"a sensitive field":       {[]string{"mobile", "gender"}, &pb.User{Mobile: proto.String("+8613800000001"), Gender: proto.Int32(2)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := b.users.GetUser(as(t, "sees"), &pb.GetUserRequest{User: "ou_ann", ReadMask: &fieldmaskpb.FieldMask{Paths: test.paths}})
			if err != nil {
				t.Fatal(err)
			}
			diff(t, "user", got.GetUser(), test.want)
		})
	}

	t.Run("refuses what is no field", func(t *testing.T) {
		t.Parallel()
		for _, path := range []string{"", "Name", "status.", ".status", "orders.department_id", "join_time.seconds", "name.x", "attributes", "status.is_frozen.x"} {
			_, err := b.users.GetUser(as(t, "sees"), &pb.GetUserRequest{User: "ou_ann", ReadMask: &fieldmaskpb.FieldMask{Paths: []string{path}}})
			wantField(t, err, "ARGUMENT_INVALID", "read_mask")
		}
	})
}

func TestBatchGetUsers(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small")

	t.Run("answers each id in order, missing ones too", func(t *testing.T) {
		t.Parallel()
		got, err := b.users.BatchGetUsers(as(t, "sees"), &pb.BatchGetUsersRequest{
			UserIds: []string{"bob", "nobody", "ann", "bob", "left"}, UserIdType: "user_id",
			ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"open_id", "leader_user_id"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		bob := &pb.User{OpenId: "ou_bob", LeaderUserId: proto.String("zoe")}
		diff(t, "results", got.GetResults(), []*pb.UserResult{
			{Id: "bob", User: bob},
			{Id: "nobody", Missing: true},
			{Id: "ann", User: &pb.User{OpenId: "ou_ann", LeaderUserId: proto.String("bob")}},
			{Id: "bob", User: bob},
			{Id: "left", User: &pb.User{OpenId: "ou_left2"}},
		})
		if got.GetPosition() != 100 || got.GetConsistencyToken() == "" {
			t.Errorf("position %d, token %q, want 100 and a token", got.GetPosition(), got.GetConsistencyToken())
		}
	})

	t.Run("takes 1 to 100 ids", func(t *testing.T) {
		t.Parallel()
		ids := make([]string, 101)
		for i := range ids {
			ids[i] = "ou_ann"
		}
		if got, err := b.users.BatchGetUsers(as(t, "reads"), &pb.BatchGetUsersRequest{UserIds: ids[:100]}); err != nil || len(got.GetResults()) != 100 {
			t.Errorf("100 ids = %d results, %v", len(got.GetResults()), err)
		}
		for _, bad := range [][]string{nil, ids, {"ou_ann", ""}} {
			_, err := b.users.BatchGetUsers(as(t, "reads"), &pb.BatchGetUsersRequest{UserIds: bad})
			wantField(t, err, "ARGUMENT_INVALID", "user_ids")
		}
	})
}
