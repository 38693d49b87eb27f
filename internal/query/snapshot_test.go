package query_test

import (
	"strconv"
	"testing"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// TestAnswersAreOneSnapshot projects under the readers' eyes: every transaction
// writes the position that it moves the checkpoint to into a name. Each answer
// must be true for the position that it names.
func TestAnswersAreOneSnapshot(t *testing.T) {
	t.Parallel()
	const last = 400
	b := setup(t, nil, "small")
	b.grow(t, last-100)
	b.exec(t, `UPDATE directory.users SET name = '100' WHERE tenant_key = 't'`)

	written, asks := make(chan error, 1), make(chan struct{}) // the writer writes while the reader reads, and not before
	go func() {
		written <- func() error {
			for position := 101; position <= last; position++ {
				select {
				case <-asks:
				case <-t.Context().Done():
					return nil
				}
				tx, err := b.pool.Begin(t.Context())
				if err != nil {
					return err
				}
				defer tx.Rollback(t.Context())
				if _, err := tx.Exec(t.Context(), `UPDATE directory.users SET name = $1 WHERE tenant_key = 't' AND removed_at IS NULL`, strconv.Itoa(position)); err != nil {
					return err
				}
				if _, err := tx.Exec(t.Context(), `UPDATE mirror.checkpoint SET position = $1 WHERE consumer = 'core'`, position); err != nil {
					return err
				}
				if err := tx.Commit(t.Context()); err != nil {
					return err
				}
			}
			return nil
		}()
	}()

	ctx := as(t, "reads")
	mask := &fieldmaskpb.FieldMask{Paths: []string{"name"}}
	check := func(what string, position, mirroredAt int64, users ...*pb.User) {
		t.Helper()
		if len(users) == 0 {
			t.Fatalf("%s answered nobody", what)
		}
		for _, u := range users {
			if u.GetName() != strconv.FormatInt(position, 10) {
				t.Fatalf("%s at position %d shows position %s", what, position, u.GetName())
			}
		}
		if mirroredAt == 0 {
			t.Fatalf("%s at position %d has no mirrored_at", what, position)
		}
	}
	seen := map[int64]bool{}
	for position := int64(0); position < last; {
		select {
		case asks <- struct{}{}:
		default: // still at it
		}
		user, err := b.users.GetUser(ctx, &pb.GetUserRequest{User: "ou_ann", ReadMask: mask})
		if err != nil {
			t.Fatal(err)
		}
		check("GetUser", user.GetPosition(), user.GetMirroredAt().GetSeconds(), user.GetUser())
		list, err := b.users.ListDepartmentUsers(ctx, &pb.ListDepartmentUsersRequest{Department: "0", Recursive: true, ReadMask: mask})
		if err != nil {
			t.Fatal(err)
		}
		check("ListDepartmentUsers", list.GetPosition(), list.GetMirroredAt().GetSeconds(), list.GetUsers()...)
		if user.GetPosition() < position || list.GetPosition() < user.GetPosition() {
			t.Fatalf("positions go back: %d, %d, %d", position, user.GetPosition(), list.GetPosition())
		}
		position = list.GetPosition()
		seen[position] = true
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if len(seen) < 5 {
		t.Errorf("only %d positions were seen: the reader did not read while the writer wrote", len(seen))
	}
}
