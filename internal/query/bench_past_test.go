package query

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// What one would write by hand for the past.
const (
	plainPastUser = `SELECT u.open_id, u.name, u.department_ids, u.leader_user_id, u.attributes
FROM history.users AS u
WHERE u.tenant_key = $1 AND u.open_id = $2 AND u.valid_from <= $3 AND u.valid_to > $3`

	plainPastPeople = `SELECT u.open_id, u.name, u.department_ids, u.leader_user_id, u.attributes
FROM history.users AS u
WHERE u.tenant_key = $1 AND u.valid_from <= $2 AND u.valid_to > $2 AND u.removed_at IS NULL`

	plainPastTree = `WITH RECURSIVE below AS (
    SELECT d.open_department_id, d.name FROM history.departments AS d
    WHERE d.tenant_key = $1 AND d.parent_department_id = '0' AND d.valid_from <= $2 AND d.valid_to > $2 AND d.removed_at IS NULL
    UNION ALL
    SELECT d.open_department_id, d.name
    FROM below AS b
    JOIN history.departments AS d ON d.tenant_key = $1 AND d.parent_department_id = b.open_department_id AND d.valid_from <= $2 AND d.valid_to > $2 AND d.removed_at IS NULL
)
SELECT * FROM below`
)

// BenchmarkPast asks how it was 20 days ago, of a history with four versions of each
// person, beside the same question about now and beside plain SQL.
func BenchmarkPast(b *testing.B) {
	c := newContest(b)
	if _, err := c.pool.Exec(b.Context(), historyOf(b, benchPeople(b))); err != nil {
		b.Fatal(err)
	}
	for _, sql := range []string{`UPDATE mirror.generation SET search_version = 2`, analyzed} {
		if _, err := c.pool.Exec(b.Context(), sql); err != nil {
			b.Fatal(err)
		}
	}
	at := time.Now().Add(-20 * 24 * time.Hour)
	moment := timestamppb.New(at)
	ids := c.ids(b, `SELECT array_agg(open_id) FROM directory.users WHERE tenant_key = 't'`)
	b.Run("one-entity", func(b *testing.B) {
		user := func(moment *timestamppb.Timestamp) func(int) error {
			return func(i int) error {
				_, err := c.service.GetUser(c.ctx, &pb.GetUserRequest{User: ids[i%len(ids)], AsOf: moment})
				return err
			}
		}
		c.run(b,
			contestant{"GetUser-as-of", user(moment)},
			contestant{"GetUser", user(nil)},
			contestant{"plain-pgx", func(i int) error { return c.plainRows(false, plainPastUser, "t", ids[i%len(ids)], at) }})
	})
	b.Run("children", func(b *testing.B) {
		children := func(moment *timestamppb.Timestamp) func(int) error {
			return func(int) error {
				got, err := c.service.ListDepartmentChildren(c.ctx, &pb.ListDepartmentChildrenRequest{Department: rootID, AsOf: moment})
				return some(len(got.GetDepartments()), err)
			}
		}
		c.run(b, contestant{"Children-as-of", children(moment)}, contestant{"Children", children(nil)})
	})
	b.Run("users-below-root", func(b *testing.B) {
		below := func(moment *timestamppb.Timestamp) func(int) error {
			return func(int) error {
				got, err := c.service.ListDepartmentUsers(c.ctx, &pb.ListDepartmentUsersRequest{Department: rootID, Recursive: true, AsOf: moment})
				return some(len(got.GetUsers()), err)
			}
		}
		c.run(b, contestant{"DepartmentUsers-as-of", below(moment)}, contestant{"DepartmentUsers", below(nil)})
	})
	b.Run("search", func(b *testing.B) {
		search := func(moment *timestamppb.Timestamp) func(int) error {
			return func(int) error {
				got, err := c.service.SearchUsers(c.ctx, &pb.SearchUsersRequest{Query: "王", AsOf: moment})
				return some(len(got.GetUsers()), err)
			}
		}
		c.run(b, contestant{"SearchUsers-as-of", search(moment)}, contestant{"SearchUsers", search(nil)})
	})
	// One caller reads the whole company, page by page.
	whole := map[string]func(context.Context) error{
		"plain-pgx": func(context.Context) error {
			return errors.Join(c.plainRows(false, plainPastTree, "t", at), c.plainRows(false, plainPastPeople, "t", at))
		},
		"as-of": func(ctx context.Context) error { return c.readAll(ctx, moment) },
		"now":   func(ctx context.Context) error { return c.readAll(ctx, nil) },
	}
	for name, read := range whole {
		b.Run("whole-company/"+name, func(b *testing.B) {
			for i := 0; i <= b.N; i++ {
				if i == 1 {
					b.ResetTimer() // the first time statements are planned
				}
				if err := read(c.ctx); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// readAll reads every department and everybody.
func (c *contest) readAll(ctx context.Context, moment *timestamppb.Timestamp) error {
	departments := &pb.ListDepartmentDescendantsRequest{Department: rootID, PageSize: maxPageSize, AsOf: moment}
	for {
		got, err := c.service.ListDepartmentDescendants(ctx, departments)
		if err != nil {
			return err
		}
		if departments.PageToken = got.GetNextPageToken(); departments.GetPageToken() == "" {
			break
		}
	}
	people := &pb.ListUsersRequest{PageSize: maxPageSize, AsOf: moment}
	for {
		got, err := c.service.ListUsers(ctx, people)
		if err != nil {
			return err
		}
		if people.PageToken = got.GetNextPageToken(); people.GetPageToken() == "" {
			return nil
		}
	}
}
