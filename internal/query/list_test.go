package query_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// pageUsers reads all pages of a department's people.
func pageUsers(t testing.TB, b *bundle, req *pb.ListDepartmentUsersRequest) []*pb.User {
	t.Helper()
	var all []*pb.User
	for {
		got, err := b.users.ListDepartmentUsers(as(t, "reads"), req)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(got.GetUsers()); n > int(req.GetPageSize()) || n == 0 && got.GetNextPageToken() != "" {
			t.Fatalf("a page of %d, asked for %d, next %q", n, req.GetPageSize(), got.GetNextPageToken())
		}
		all = append(all, got.GetUsers()...)
		if got.GetNextPageToken() == "" {
			return all
		}
		req = proto.CloneOf(req)
		req.PageToken = got.GetNextPageToken()
	}
}

func TestListDepartmentUsers(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small")

	for _, test := range []struct {
		id                string
		recursive         bool
		want, withRemoved string
	}{
		{"od-a", false, "ann bob", "ann bob left2"}, // user_order, largest first
		{"od-a1", false, "reuse2", "reuse1 reuse2 reuse3"},
		{"0", false, "ann noids", "ann noids"},
		{"od-b", false, "zoe", "zoe"},
		{"od-x", false, "cyc", "cyc"},
		{"od-gone", false, "pct", "left2 pct"},
		{"od-a11", true, "zoe", "left1 zoe"},
		{"od-a", true, "ann bob reuse2 zoe", "ann bob left1 left2 pct reuse1 reuse2 reuse3 zoe"},
		{"0", true, "ann bob noids reuse2 zoe", "ann bob left1 left2 noids pct reuse1 reuse2 reuse3 zoe"}, // nobody twice, nor from what hangs in the air
		{"od-orphan", true, "or", "or"},
		{"od-gone", true, "pct", "left2 pct"},
		{"od-x", true, "cyc", "cyc"},
		{"od-c", true, "ann", "ann"},
	} {
		t.Run(fmt.Sprintf("%s recursive %v", test.id, test.recursive), func(t *testing.T) {
			t.Parallel()
			for _, removed := range []bool{false, true} {
				want := test.want
				if removed {
					want = test.withRemoved
				}
				for _, size := range []int32{1, 2, 3, 7, 1000} {
					req := &pb.ListDepartmentUsersRequest{Department: test.id, Recursive: test.recursive, ShowRemoved: removed, PageSize: size}
					if got := openIDs(pageUsers(t, b, req)); got != want {
						t.Errorf("people (removed: %v, pages of %d) = %q, want %q", removed, size, got, want)
					}
				}
			}
		})
	}

	t.Run("takes and answers any id kind", func(t *testing.T) {
		t.Parallel()
		for _, recursive := range []bool{false, true} {
			got, err := b.users.ListDepartmentUsers(as(t, "sees"), &pb.ListDepartmentUsersRequest{
				Department: "A", DepartmentIdType: "department_id", UserIdType: "union_id", Recursive: recursive,
				ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"open_id", "department_ids", "leader_user_id"}},
			})
			if err != nil {
				t.Fatal(err)
			}
			diff(t, "people", got.GetUsers()[:2], []*pb.User{
				{OpenId: "ou_ann", DepartmentIds: []string{"0", "A"}, LeaderUserId: proto.String("on_bob")},
				{OpenId: "ou_bob", DepartmentIds: []string{"A"}, LeaderUserId: proto.String("on_zoe")},
			})
		}
	})
}

// TestPagingThroughEverything reads the big company by odd page sizes and
// compares with what SQL says. Its root is walked person by person, its small
// subtrees department by department.
func TestPagingThroughEverything(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "company")

	rows := func(sql string, args ...any) string {
		t.Helper()
		var ids []string
		if err := b.pool.QueryRow(t.Context(), sql, args...).Scan(&ids); err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(strings.Join(ids, " "), "ou_", "")
	}
	const below = `
SELECT array_agg(DISTINCT m.open_id)
FROM directory.memberships AS m
JOIN directory.departments AS d USING (tenant_key, open_department_id)
WHERE d.path LIKE '%/' || $1 || '/%'`
	var middling, small string
	err := b.pool.QueryRow(t.Context(), `
SELECT (SELECT open_department_id FROM directory.departments WHERE department_id = 'D3'),
       (SELECT open_department_id FROM directory.departments WHERE department_id = 'D150')`).Scan(&middling, &small)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		id    string
		sizes []int32
	}{
		{"0", []int32{997}},
		{middling, []int32{61, 1000}},
		{small, []int32{1, 7, 1000}},
	} {
		want := rows(below, test.id)
		for _, size := range test.sizes {
			got := pageUsers(t, b, &pb.ListDepartmentUsersRequest{Department: test.id, Recursive: true, PageSize: size})
			if openIDs(got) != want {
				t.Errorf("people below %s by pages of %d: %d, not those that SQL finds (%d)", test.id, size, len(got), strings.Count(want, " ")+1)
			}
		}
	}
	direct := rows(`SELECT array_agg(open_id ORDER BY user_order DESC, open_id) FROM directory.memberships WHERE open_department_id = $1`, small)
	if got := openIDs(pageUsers(t, b, &pb.ListDepartmentUsersRequest{Department: small, PageSize: 3})); got != direct {
		t.Errorf("people of %s = %q, want %q", small, got, direct)
	}
}

func TestPageSize(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "company")
	ctx := as(t, "reads")

	for asked, want := range map[int32]int{0: 50, 1: 1, 999: 999, 1000: 1000, 1001: 1000, 1 << 30: 1000} {
		got, err := b.users.ListDepartmentUsers(ctx, &pb.ListDepartmentUsersRequest{Department: "0", Recursive: true, PageSize: asked})
		if err != nil || len(got.GetUsers()) != want || got.GetNextPageToken() == "" {
			t.Errorf("page_size %d = %d people, %v, want %d and a next page", asked, len(got.GetUsers()), err, want)
		}
	}
	_, err := b.users.ListDepartmentUsers(ctx, &pb.ListDepartmentUsersRequest{Department: "0", PageSize: -1})
	wantField(t, err, "ARGUMENT_INVALID", "page_size")
	_, err = b.users.ListDepartmentChildren(ctx, &pb.ListDepartmentChildrenRequest{Department: "0", PageSize: -1})
	wantField(t, err, "ARGUMENT_INVALID", "page_size")
	_, err = b.users.SearchUsers(ctx, &pb.SearchUsersRequest{Query: "a", PageSize: -1})
	wantField(t, err, "ARGUMENT_INVALID", "page_size")

	t.Run("a page ends early rather than outgrow a message", func(t *testing.T) {
		t.Parallel()
		b := setup(t, nil, "company")
		b.exec(t, `UPDATE directory.users SET description = repeat('长', 10000) WHERE open_id < (SELECT open_id FROM directory.users ORDER BY open_id OFFSET 300 LIMIT 1)`)
		got, err := b.users.ListDepartmentUsers(as(t, "reads"), &pb.ListDepartmentUsersRequest{Department: "0", Recursive: true, PageSize: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(got.GetUsers()); n < 50 || n > 150 || got.GetNextPageToken() == "" {
			t.Errorf("%d people of 30 kB each in an answer, next page %q; want about 100 and a next page", n, got.GetNextPageToken())
		}
	})
}

func TestPageTokens(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small")
	ctx := as(t, "reads")

	first := &pb.ListDepartmentUsersRequest{Department: "od-a", Recursive: true, PageSize: 1}
	got, err := b.users.ListDepartmentUsers(ctx, first)
	if err != nil {
		t.Fatal(err)
	}
	token, fresh := got.GetNextPageToken(), got.GetConsistencyToken()

	t.Run("page_size and at_least_as_fresh may change from page to page", func(t *testing.T) {
		t.Parallel()
		got, err := b.users.ListDepartmentUsers(ctx, &pb.ListDepartmentUsersRequest{
			Department: "od-a", Recursive: true, PageSize: 2, AtLeastAsFresh: fresh, PageToken: token,
		})
		if err != nil || openIDs(got.GetUsers()) != "bob reuse2" {
			t.Errorf("second page = %q, %v, want bob reuse2", openIDs(got.GetUsers()), err)
		}
	})

	t.Run("nothing else may", func(t *testing.T) {
		t.Parallel()
		for name, change := range map[string]func(*pb.ListDepartmentUsersRequest){
			"department":         func(r *pb.ListDepartmentUsersRequest) { r.Department = "0" },
			"recursive":          func(r *pb.ListDepartmentUsersRequest) { r.Recursive = false },
			"show_removed":       func(r *pb.ListDepartmentUsersRequest) { r.ShowRemoved = true },
			"user_id_type":       func(r *pb.ListDepartmentUsersRequest) { r.UserIdType = "union_id" },
			"department_id_type": func(r *pb.ListDepartmentUsersRequest) { r.DepartmentIdType = "open_department_id" },
			"read_mask":          func(r *pb.ListDepartmentUsersRequest) { r.ReadMask = &fieldmaskpb.FieldMask{Paths: []string{"name"}} },
		} {
			req := proto.CloneOf(first)
			req.PageToken = token
			change(req)
			_, err := b.users.ListDepartmentUsers(ctx, req)
			if err == nil {
				t.Errorf("%s changed: no error", name)
			}
			wantField(t, err, "PAGE_TOKEN_MISMATCH", "page_token")
		}
		_, err := b.users.SearchUsers(ctx, &pb.SearchUsersRequest{Query: "od-a", PageToken: token})
		wantField(t, err, "PAGE_TOKEN_MISMATCH", "page_token")
		_, err = b.users.ListDepartmentChildren(ctx, &pb.ListDepartmentChildrenRequest{Department: "od-a", PageToken: token})
		wantField(t, err, "PAGE_TOKEN_MISMATCH", "page_token")
	})

	t.Run("what is no token is refused", func(t *testing.T) {
		t.Parallel()
		for _, bad := range []string{"x", "!", token + "x", token[:len(token)-4], "A" + token, fresh, strings.Repeat("A", 40)} {
			req := proto.CloneOf(first)
			req.PageToken = bad
			_, err := b.users.ListDepartmentUsers(ctx, req)
			if codeOf(err) != codes.InvalidArgument {
				t.Errorf("token %q: %v, want InvalidArgument", bad, err)
			}
		}
	})

	t.Run("a token of another log is refused", func(t *testing.T) {
		t.Parallel()
		b := setup(t, nil, "small")
		b.exec(t, `UPDATE mirror.event_log_head SET log_id = gen_random_uuid()`)
		req := proto.CloneOf(first)
		req.PageToken = token
		_, err := b.users.ListDepartmentUsers(as(t, "reads"), req)
		wantField(t, err, "FOREIGN_LOG", "page_token")
	})
}
