package query_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/query"
	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// logFunc is a log that only waits.
type logFunc func(context.Context) error

func (f logFunc) Await(ctx context.Context, _ string, _ directory.Position) error { return f(ctx) }

func TestDatabaseErrorsStayInside(t *testing.T) {
	t.Parallel()

	t.Run("what the database says is logged once and not shown", func(t *testing.T) {
		t.Parallel()
		b := setup(t, nil, "small")
		b.exec(t, `ALTER TABLE directory.users RENAME TO people`)
		_, err := b.users.GetUser(as(t, "reads"), &pb.GetUserRequest{User: "ou_ann"})
		wantError(t, err, codes.Internal, "INTERNAL")
		if message := status.Convert(err).Message(); message != "internal error" {
			t.Errorf("the caller is told %q", message)
		}
		if n := strings.Count(b.logged.String(), "42P01"); n != 1 {
			t.Errorf("the cause is logged %d times, want once:\n%s", n, b.logged)
		}
	})

	t.Run("a database that is away is unavailable", func(t *testing.T) {
		t.Parallel()
		pool, err := pgxpool.New(t.Context(), "postgres://nobody:hidden@127.0.0.1:1/nothing")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		b := setup(t, func(c *query.Config) { c.Pool = pool })
		_, err = b.users.GetUser(as(t, "reads"), &pb.GetUserRequest{User: "ou_ann"})
		wantError(t, err, codes.Unavailable, "DATABASE_UNAVAILABLE")
		if message := status.Convert(err).Message(); strings.Contains(message, "127.0.0.1") {
			t.Errorf("the caller is told %q", message)
		}
		if strings.Contains(b.logged.String(), "hidden") {
			t.Errorf("the password is in the log:\n%s", b.logged)
		}
	})

	t.Run("a call that takes too long ends", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(c *query.Config) { c.Timeout = 300 * time.Millisecond }, "small")
		tx, err := b.pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback(t.Context())
		if _, err := tx.Exec(t.Context(), `LOCK TABLE directory.users IN ACCESS EXCLUSIVE MODE`); err != nil {
			t.Fatal(err)
		}
		_, err = b.users.GetUser(as(t, "reads"), &pb.GetUserRequest{User: "ou_ann"})
		wantError(t, err, codes.DeadlineExceeded, "DEADLINE_EXCEEDED")
	})

	t.Run("a panic is an error of one call", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(c *query.Config) { c.Log = logFunc(func(context.Context) error { panic("boom") }) }, "small")
		b.grow(t, 1)
		_, err := b.users.GetUser(as(t, "reads"), &pb.GetUserRequest{User: "ou_ann", AtLeastAsFresh: b.tokenAt(t, 101, 100)})
		wantError(t, err, codes.Internal, "INTERNAL")
		if strings.Contains(status.Convert(err).Message(), "boom") || !strings.Contains(b.logged.String(), "boom") {
			t.Errorf("panic told the caller %q and the log:\n%s", status.Convert(err).Message(), b.logged)
		}
		if _, err := b.users.GetUser(as(t, "reads"), &pb.GetUserRequest{User: "ou_ann"}); err != nil {
			t.Errorf("the next call: %v", err)
		}
	})

	t.Run("a wait that fails is not the caller's business", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(c *query.Config) { c.Log = logFunc(func(context.Context) error { return errors.New("closed") }) }, "small")
		b.grow(t, 1)
		_, err := b.users.GetUser(as(t, "reads"), &pb.GetUserRequest{User: "ou_ann", AtLeastAsFresh: b.tokenAt(t, 101, 100)})
		wantError(t, err, codes.Unavailable, "NOT_FRESH_ENOUGH")
	})

	t.Run("reads cannot write", func(t *testing.T) {
		t.Parallel()
		b := setup(t, nil, "small")
		b.exec(t, `
CREATE FUNCTION public.write() RETURNS bigint LANGUAGE sql AS $$ DELETE FROM directory.users; SELECT 1::bigint $$;
CREATE VIEW public.sweeps AS SELECT tenant_key, sweep_id, started_at, completed_at, public.write() AS position FROM directory.sweeps;
ALTER TABLE directory.sweeps SET SCHEMA mirror;
ALTER VIEW public.sweeps SET SCHEMA directory`)
		_, err := b.users.GetUser(as(t, "reads"), &pb.GetUserRequest{User: "ou_ann"})
		wantError(t, err, codes.Internal, "INTERNAL")
		if !strings.Contains(b.logged.String(), "25006") { // read_only_sql_transaction
			t.Errorf("the log says nothing of a read-only transaction:\n%s", b.logged)
		}
	})
}

func TestUnknownMethod(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	err := b.conn.Invoke(as(t, "reads"), "/orgmirror.v1.DirectoryService/DeleteEverything", &emptypb.Empty{}, &emptypb.Empty{})
	wantError(t, err, codes.Unimplemented, "METHOD_UNKNOWN")
}

func TestLogsHoldNobody(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small", "resources")
	for _, call := range everyRead(t, b, "") {
		if _, err := call(as(t, "sees")); err != nil {
			t.Fatal(err)
		}
		_, _ = call(with(t, "Bearer ou_ann:secret1"))
	}
	_, _ = b.users.GetUser(as(t, "reads"), &pb.GetUserRequest{User: "ou_somebody"})
	_, _ = b.users.SearchUsers(as(t, "reads"), &pb.SearchUsersRequest{Query: "安娜\x00"})
	logged := b.logged.String()
	for _, private := range []string{"ou_", "安娜", "Ann", "secret", "13800000001", "private.example", "od-a"} {
		if strings.Contains(logged, private) {
			t.Errorf("the log has %q:\n%s", private, logged)
		}
	}
	for _, wanted := range []string{`"method":"/orgmirror.v1.DirectoryService/GetUser"`, `"code":"OK"`, `"client":"sees"`, `"reason":"USER_NOT_FOUND"`, `"reason":"CREDENTIALS_INVALID"`} {
		if !strings.Contains(logged, wanted) {
			t.Errorf("the log lacks %s", wanted)
		}
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small", "resources")
	if _, err := b.users.GetUser(as(t, "reads"), &pb.GetUserRequest{User: "ou_ann"}); err != nil {
		t.Fatal(err)
	}
	_, _ = b.users.GetUser(as(t, "reads"), &pb.GetUserRequest{User: "ou_somebody"})
	_ = b.conn.Invoke(as(t, "reads"), "/made.up/Name", &emptypb.Empty{}, &emptypb.Empty{})
	families, err := b.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := make([]string, len(m.GetLabel()))
			for i, l := range m.GetLabel() {
				labels[i] = l.GetValue()
			}
			value := m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			got[strings.TrimPrefix(family.GetName(), "orgmirror_query_")+" "+strings.Join(labels, " ")] = value
		}
	}
	diff(t, "metrics", got, map[string]float64{
		"requests_total NotFound /orgmirror.v1.DirectoryService/GetUser": 1,
		"requests_total OK /orgmirror.v1.DirectoryService/GetUser":       1,
		"requests_total Unimplemented unknown":                           1,
		"request_seconds /orgmirror.v1.DirectoryService/GetUser":         2,
		"request_seconds unknown":                                        1,
		"requests_in_flight ":                                            0,
		"consistency_wait_seconds ":                                      0,
	})
}
