package query_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/grpc/codes"

	"github.com/orgmirror/orgmirror/internal/query"
	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// TestReadsWaitForASwap holds mirror.generation as a swap does: no read may answer
// past it, for it could answer from two generations.
func TestReadsWaitForASwap(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *query.Config) { c.Timeout = time.Minute }, "small")
	ctx := as(t, "all")
	calls := map[string]func(context.Context) error{
		"GetUser": func(ctx context.Context) error {
			_, err := b.users.GetUser(ctx, &pb.GetUserRequest{User: "ou_ann"})
			return err
		},
		"SearchUsers": func(ctx context.Context) error {
			_, err := b.users.SearchUsers(ctx, &pb.SearchUsersRequest{Query: "a"})
			return err
		},
		"GetDepartment": func(ctx context.Context) error {
			_, err := b.users.GetDepartment(ctx, &pb.GetDepartmentRequest{Department: "0"})
			return err
		},
		"ListDepartmentUsers": func(ctx context.Context) error {
			_, err := b.users.ListDepartmentUsers(ctx, &pb.ListDepartmentUsersRequest{Department: "0", Recursive: true})
			return err
		},
		"ListDepartmentAncestors": func(ctx context.Context) error {
			_, err := b.users.ListDepartmentAncestors(ctx, &pb.ListDepartmentAncestorsRequest{Department: "0"})
			return err
		},
		"GetSyncStatus": func(ctx context.Context) error {
			_, err := b.sync.GetSyncStatus(ctx, &pb.GetSyncStatusRequest{})
			return err
		},
	}
	for name, call := range calls {
		if err := call(ctx); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	swap, err := b.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer swap.Rollback(t.Context())
	if _, err := swap.Exec(t.Context(), `LOCK TABLE mirror.generation IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	for name, call := range calls {
		waiting, stop := context.WithCancel(ctx)
		answered := make(chan error, 1)
		go func() { answered <- call(waiting) }()
		for waits := false; !waits && len(answered) == 0; {
			if err := swap.QueryRow(t.Context(), `SELECT count(*) > 0 FROM pg_locks WHERE relation = 'mirror.generation'::regclass AND NOT granted`).Scan(&waits); err != nil {
				t.Fatal(err)
			}
		}
		stop()
		if err := <-answered; codeOf(err) != codes.Canceled {
			t.Errorf("%s did not wait for the swap: %v", name, err)
		}
		// Until the server has noticed that the call is gone.
		for waits := true; waits; {
			if err := swap.QueryRow(t.Context(), `SELECT count(*) > 0 FROM pg_locks WHERE relation = 'mirror.generation'::regclass AND NOT granted`).Scan(&waits); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := swap.Rollback(t.Context()); err != nil && !errors.Is(err, pgx.ErrTxClosed) {
		t.Fatal(err)
	}
	for name, call := range calls {
		if err := call(ctx); err != nil {
			t.Errorf("%s afterwards: %v", name, err)
		}
	}
}
