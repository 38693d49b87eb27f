package query_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

func TestListUsers(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small")
	b.exec(t, `UPDATE directory.users SET city = 'Paris', employee_type = 2, join_time = '2024-05-31T23:00:00Z', is_frozen = false WHERE open_id IN ('ou_bob', 'ou_reuse1')`)
	for _, test := range []struct {
		filter string
		flags  string // r recursive, g gone too
		client string
		want   string
	}{
		{filter: "", want: "ann bob cyc noids or pct reuse2 zoe"},
		{filter: `city = "北京"`, want: "ann"},
		{filter: `city = Paris`, want: "bob"},
		{filter: `city = "Paris"`, flags: "g", want: "bob reuse1"},
		{filter: `employee_type = 2`, want: "bob"},
		{filter: `city = "Paris" AND employee_type = 1`, want: ""},
		{filter: `status.is_frozen = true`, want: "ann"},
		{filter: `status.is_frozen = false`, want: "bob"}, // and not of whom it is unknown
		{filter: `is_tenant_manager = true AND country = "CN" AND job_title = "工程师" AND job_level_id = "jl1" AND job_family_id = "jf1"`, want: "ann"},
		{filter: `join_time >= "2024-05-31" AND join_time < "2024-06-01"`, want: "bob"},
		{filter: `join_time = "2024-05-31"`, want: "bob"},
		{filter: `join_time > "2024-05-31"`, want: ""},
		{filter: `join_time <= "2024-05-31"`, want: "ann bob"},
		{filter: `join_time > "2024-05-31T22:59:59Z"`, want: "bob"},
		{filter: `join_time = "2020-02-03T01:00:00+01:00"`, want: "ann"},
		{filter: `department_ids:"od-a"`, want: "ann bob"},
		{filter: `department_ids:"od-a"`, flags: "g", want: "ann bob left2"},
		{filter: `department_ids:"od-a"`, flags: "r", want: "ann bob reuse2 zoe"},
		{filter: `department_ids:"od-a" AND city = "Paris"`, flags: "r", want: "bob"},
		{filter: `department_ids:0`, want: "ann noids"},
		{filter: `department_ids:"none"`, want: ""},
		{filter: `email = "ANN@private.example"`, client: "sees", want: "ann"},
		{filter: `enterprise_email = "ann@corp.example"`, client: "sees", want: "ann"},
		{filter: `mobile = "138 0000 0001"`, client: "sees", want: "ann"},
		{filter: `employee_no = "E2"`, client: "sees", want: "bob"},
		{filter: `gender = 2`, client: "sees", want: "ann zoe"},
	} {
		client := "reads"
		if test.client != "" {
			client = test.client
		}
		for _, size := range []int32{1, 3, 100} {
			var all []*pb.User
			for token := ""; ; {
				got, err := b.users.ListUsers(as(t, client), &pb.ListUsersRequest{
					Filter: test.filter, Recursive: strings.Contains(test.flags, "r"), ShowRemoved: strings.Contains(test.flags, "g"), PageSize: size, PageToken: token,
				})
				if err != nil {
					t.Fatalf("%s: %v", test.filter, err)
				}
				all = append(all, got.GetUsers()...)
				if token = got.GetNextPageToken(); token == "" {
					break
				}
			}
			if got := openIDs(all); got != test.want {
				t.Errorf("%s (%s) by %d = %q, want %q", test.filter, test.flags, size, got, test.want)
			}
		}
	}

	for _, filter := range []string{
		`city`, `city = `, `city != "x"`, `NOT city = "x"`, `city = "x" OR city = "y"`, `city = "x" employee_type = 1`, `city < "x"`, `city = 1`, `city = "x" AND city = "x"`,
		`employee_type = "1"`, `employee_type = 99999999999`, `employee_type = 1.5`, `status.is_frozen = 1`, `status = true`, `status.none = true`, `shoe = 1`, `open_id = "ou_ann"`,
		`join_time = 1`, `join_time = "yesterday"`, `join_time:"2024-01-01"`, `join_time != "2024-01-01"`, `department_ids = "od-a"`, `department_ids:"od-a" AND department_ids:"od-b"`,
		`department_ids:""`, `"x" = "x"`, `f(x)`, `city = f("x")`, `city = "\x00"`, `(`, `city = "x`, "city = \"\x00\"", strings.Repeat(" ", 600) + `city = "` + strings.Repeat("x", 600) + `"`,
	} {
		_, err := b.users.ListUsers(as(t, "reads"), &pb.ListUsersRequest{Filter: filter})
		wantField(t, err, "ARGUMENT_INVALID", "filter")
	}
	for _, field := range sensitive {
		for _, filter := range []string{field + ` = "x"`, `city = "x" AND ` + field + ` = 1`, field + `.x = "x"`} {
			_, err := b.users.ListUsers(as(t, "reads"), &pb.ListUsersRequest{Filter: filter})
			wantError(t, err, codes.PermissionDenied, "FIELD_NOT_PERMITTED")
		}
	}
}

func TestTranslateUserIds(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small")
	b.exec(t, `
INSERT INTO directory.users (tenant_key, open_id, name, email, mobile, employee_no, attributes, removed_at, removed_reason, position)
VALUES ('t', 'ou_twin1', 'Twin', 'twin@x', '+8613911112222', 'T', '{}', NULL, NULL, 1),
       ('t', 'ou_twin2', 'Twin', 'B@c', '+13911112222', 'T', '{}', NULL, NULL, 1),
       ('t', 'ou_twin3', 'Twin', 'twin@x', NULL, 'Old', '{}', '2026-01-01T00:00:00Z', 'RESIGNED', 1)`)
	for _, test := range []struct{ from, to, ids, want string }{
		{"", "", "ou_ann,ou_none,ou_ann", "ou_ann/on_ann/ann missing ou_ann/on_ann/ann"},
		{"user_id", "open_id", "ann,shared,left", "ou_ann ou_reuse2 ou_left2-gone"},
		{"union_id", "user_id", "on_bob", "bob"},
		{"open_id", "email,enterprise_email,mobile,employee_no", "ou_ann,ou_noids", "ann@private.example/ann@corp.example/+8613800000001/E001 "},
		{"email", "open_id", "ANN@private.example,ann@corp.example,twin@X,b@c", "ou_ann ou_ann ou_twin1 ambiguous"}, // either address
		{"enterprise_email", "open_id", "ann@private.example,ann@corp.example", "missing ou_ann"},
		{"mobile", "open_id", "+8613800000001,13800000001,138-0000 0001,+1 391 111 2222,13911112222,%", "ou_ann ou_ann ou_ann ou_twin2 ou_twin1 missing"},
		{"employee_no", "open_id", "E001,T,Old,e001", "ou_ann ambiguous ou_twin3-gone missing"},
	} {
		req := &pb.TranslateUserIdsRequest{Ids: strings.Split(test.ids, ","), IdType: test.from}
		if test.to != "" {
			req.ToIdTypes = strings.Split(test.to, ",")
		}
		got, err := b.users.TranslateUserIds(as(t, "sees"), req)
		if err != nil {
			t.Fatalf("%s: %v", test.from, err)
		}
		var all []string
		for i, r := range got.GetResults() {
			u := r.GetUserIds()
			if u == nil {
				u = &pb.UserIds{}
			}
			var ids []string
			for _, id := range []*string{u.OpenId, u.UnionId, u.UserId, u.Email, u.EnterpriseEmail, u.Mobile, u.EmployeeNo} {
				if id != nil {
					ids = append(ids, *id)
				}
			}
			s := strings.Join(ids, "/")
			switch {
			case r.GetMissing():
				s += "missing"
			case r.GetAmbiguous():
				s += "ambiguous"
			case r.GetRemovedAt() != nil:
				s += "-gone"
			}
			all = append(all, s)
			if r.GetId() != req.GetIds()[i] {
				t.Errorf("result %d is of %q", i, r.GetId())
			}
		}
		if s := strings.Join(all, " "); s != test.want {
			t.Errorf("%s from %s to %s = %q, want %q", test.ids, test.from, test.to, s, test.want)
		}
	}

	t.Run("refuses what is not in order", func(t *testing.T) {
		t.Parallel()
		many := make([]string, 1001)
		for i := range many {
			many[i] = fmt.Sprint(i)
		}
		for field, req := range map[string]*pb.TranslateUserIdsRequest{
			"ids":         {Ids: many},
			"id_type":     {Ids: []string{"a"}, IdType: "name"},
			"to_id_types": {Ids: []string{"a"}, ToIdTypes: []string{"open_id", "name"}},
		} {
			_, err := b.users.TranslateUserIds(as(t, "reads"), req)
			wantField(t, err, "ARGUMENT_INVALID", field)
		}
		_, err := b.users.TranslateUserIds(as(t, "reads"), &pb.TranslateUserIdsRequest{})
		wantField(t, err, "ARGUMENT_INVALID", "ids")
		for _, kind := range []string{"email", "enterprise_email", "mobile", "employee_no"} {
			_, err := b.users.TranslateUserIds(as(t, "reads"), &pb.TranslateUserIdsRequest{Ids: []string{"a"}, IdType: kind})
			wantError(t, err, codes.PermissionDenied, "FIELD_NOT_PERMITTED")
			_, err = b.users.TranslateUserIds(as(t, "reads"), &pb.TranslateUserIdsRequest{Ids: []string{"a"}, ToIdTypes: []string{kind}})
			wantError(t, err, codes.PermissionDenied, "FIELD_NOT_PERMITTED")
		}
	})
}
