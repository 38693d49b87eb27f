package query

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// The benchmarks compare the service with the least that could answer, at 20 000
// people in 1 600 departments or as many as ORGMIRROR_BENCH_PEOPLE says, 16 callers
// and 8 database sessions, over loopback TCP. Machines are noisy: the contestants take turns in short bursts, and only
// the ratio means something. Run with -benchtime 1x.
const (
	callers  = 16
	dbConns  = "8"
	burst    = 500 * time.Millisecond
	rounds   = 8
	analyzed = `VACUUM ANALYZE`
)

// bare answers GetUser with a point select of the same columns, and nothing
// else: no credentials, no position, no log, no metrics.
type bare struct {
	pb.UnimplementedDirectoryServiceServer

	pool *pgxpool.Pool
}

const bareUser = `SELECT` + userColumns + `,` + userReferences + `
FROM directory.users AS u
WHERE u.tenant_key = $1 AND u.open_id = $2`

func (s *bare) GetUser(ctx context.Context, req *pb.GetUserRequest) (*pb.GetUserResponse, error) {
	row := newUserRow()
	if err := s.pool.QueryRow(ctx, bareUser, "t", req.GetUser()).Scan(row.targets()...); err != nil {
		return nil, err
	}
	return &pb.GetUserResponse{User: row.message(terms{sensitive: true})}, nil
}

func benchPeople(b *testing.B) int {
	b.Helper()
	text := os.Getenv("ORGMIRROR_BENCH_PEOPLE")
	if text == "" {
		return 20_000
	}
	people, err := strconv.Atoi(text)
	if err != nil || people < 1000 {
		b.Fatalf("ORGMIRROR_BENCH_PEOPLE is %q, want a number from 1000 on", text)
	}
	return people
}

type stillLog struct{}

func (stillLog) Await(context.Context, string, directory.Position) error { return nil }

// contest is the service and the bare one, on one database.
type contest struct {
	pool           *pgxpool.Pool
	service, plain pb.DirectoryServiceClient
	ctx            context.Context //nolint:containedctx // of the calls of one benchmark
}

func newContest(b *testing.B) *contest {
	b.Helper()
	pool, err := pgxpool.New(b.Context(), pgtest.URL(b)+"&pool_max_conns="+dbConns)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	if _, err := pool.Exec(b.Context(), companyOf(b, benchPeople(b))); err != nil {
		b.Fatal(err)
	}
	FillSearch(b, pool)
	if _, err := pool.Exec(b.Context(), analyzed); err != nil {
		b.Fatal(err)
	}
	nowhere, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { nowhere.Close() })
	client, err := NewClient("bench", "secret", RoleSensitive)
	if err != nil {
		b.Fatal(err)
	}
	service, err := New(b.Context(), Config{
		Pool: pool, Log: stillLog{}, TenantKey: "t", Clients: []Client{client},
		Logger: slog.New(slog.NewJSONHandler(nowhere, nil)), // audit lines are written, and not looked at
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(service.Close)
	other := grpc.NewServer()
	pb.RegisterDirectoryServiceServer(other, &bare{pool: pool})
	return &contest{
		pool:    pool,
		service: pb.NewDirectoryServiceClient(serveTCP(b, NewServer(service))),
		plain:   pb.NewDirectoryServiceClient(serveTCP(b, other)),
		ctx:     metadata.AppendToOutgoingContext(b.Context(), "authorization", "Bearer bench:secret"),
	}
}

func serveTCP(b *testing.B, server *grpc.Server) *grpc.ClientConn {
	b.Helper()
	listener, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		conn.Close()
		server.Stop()
		<-served
	})
	return conn
}

// contestant is one way to answer the i-th question.
type contestant struct {
	name string
	call func(i int) error
}

// run lets the contestants take turns and reports calls a second of each, their
// latencies, and the first one's share of the others.
func (c *contest) run(b *testing.B, all ...contestant) {
	b.Helper()
	took := make([][]time.Duration, len(all))
	seconds := make([]float64, len(all))
	b.ResetTimer()
	for range b.N {
		for round := range rounds + 1 {
			for k, who := range all {
				times, elapsed := bursts(b, who.call, round)
				if round > 0 { // the first warms up
					took[k], seconds[k] = append(took[k], times...), seconds[k]+elapsed.Seconds()
				}
			}
		}
	}
	b.StopTimer()
	rate := func(k int) float64 { return float64(len(took[k])) / seconds[k] }
	for k, who := range all {
		slices.Sort(took[k])
		b.Logf("%-22s %8.0f/s  p50 %v  p99 %v", who.name, rate(k), took[k][len(took[k])/2], took[k][len(took[k])*99/100])
		b.ReportMetric(rate(k), who.name+"/s")
		if k > 0 {
			b.ReportMetric(rate(0)/rate(k), "of-"+who.name)
		}
	}
}

func bursts(b *testing.B, call func(int) error, round int) (took []time.Duration, elapsed time.Duration) {
	b.Helper()
	var (
		mu    sync.Mutex
		group sync.WaitGroup
	)
	began := time.Now()
	for caller := range callers {
		group.Go(func() {
			var mine []time.Duration
			for i := 0; time.Since(began) < burst; i++ {
				start := time.Now()
				if err := call(round*7919 + caller*1013 + i); err != nil {
					b.Error(err)
					return
				}
				mine = append(mine, time.Since(start))
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
		})
	}
	group.Wait()
	return took, time.Since(began)
}

func (c *contest) ids(b *testing.B, sql string) []string {
	b.Helper()
	var ids []string
	if err := c.pool.QueryRow(b.Context(), sql).Scan(&ids); err != nil {
		b.Fatal(err)
	}
	return ids
}

func BenchmarkGetUser(b *testing.B) {
	c := newContest(b)
	ids := c.ids(b, `SELECT array_agg(open_id) FROM directory.users WHERE tenant_key = 't'`)
	user := func(client pb.DirectoryServiceClient, req func(id string) *pb.GetUserRequest) func(int) error {
		return func(i int) error {
			got, err := client.GetUser(c.ctx, req(ids[i%len(ids)]))
			if err == nil && got.GetUser().GetOpenId() == "" {
				return fmt.Errorf("no user in %v", got)
			}
			return err
		}
	}
	byOpenID := func(id string) *pb.GetUserRequest { return &pb.GetUserRequest{User: id} }
	c.run(b,
		contestant{"GetUser", user(c.service, byOpenID)},
		contestant{"grpc+select", user(c.plain, byOpenID)},
		contestant{"pgx-select", func(i int) error {
			row := newUserRow()
			return c.pool.QueryRow(c.ctx, bareUser, "t", ids[i%len(ids)]).Scan(row.targets()...)
		}},
		contestant{"GetUser-by-union_id", user(c.service, func(id string) *pb.GetUserRequest {
			return &pb.GetUserRequest{User: "on_" + id[len("ou_"):], UserIdType: unionID}
		})},
	)
}

// plainMembers is the page of a subtree as one would write it by hand.
const plainMembers = `SELECT` + userColumns + `,` + userReferences + `
FROM directory.users AS u
WHERE u.tenant_key = $1
  AND u.open_id IN (
      SELECT m.open_id
      FROM directory.memberships AS m
      JOIN directory.departments AS d ON d.tenant_key = m.tenant_key AND d.open_department_id = m.open_department_id
      JOIN directory.departments AS t ON t.tenant_key = d.tenant_key AND d.path ^@ t.path
      WHERE m.tenant_key = $1 AND t.open_department_id = $2)
ORDER BY u.open_id
LIMIT $3`

func BenchmarkListDepartmentUsers(b *testing.B) {
	c := newContest(b)
	for name, below := range map[string]string{
		"root":                "SELECT ARRAY['0']",
		"of-73-departments":   "SELECT array_agg(open_department_id) FROM directory.departments WHERE department_id = 'D20'",
		"of-a-few-department": "SELECT array_agg(open_department_id) FROM directory.departments WHERE department_id IN ('D150', 'D151', 'D152')",
	} {
		ids := c.ids(b, below)
		for _, size := range []int32{50, 1000} {
			b.Run(fmt.Sprintf("%s/page-%d", name, size), func(b *testing.B) {
				c.run(b,
					contestant{"ListDepartmentUsers", func(i int) error {
						got, err := c.service.ListDepartmentUsers(c.ctx, &pb.ListDepartmentUsersRequest{Department: ids[i%len(ids)], Recursive: true, PageSize: size})
						if err == nil && len(got.GetUsers()) == 0 {
							return fmt.Errorf("no users in %v", got)
						}
						return err
					}},
					contestant{"plain-pgx", func(i int) error {
						rows, err := c.pool.Query(c.ctx, plainMembers, "t", ids[i%len(ids)], size)
						if err != nil {
							return err
						}
						defer rows.Close()
						for rows.Next() {
							if err := rows.Scan(newUserRow().targets()...); err != nil {
								return err
							}
						}
						return rows.Err()
					}},
				)
			})
		}
	}
}
