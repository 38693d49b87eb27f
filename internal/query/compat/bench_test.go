package compat_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/query"
	"github.com/orgmirror/orgmirror/internal/query/compat"
	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// The benchmarks ask the same of the service as Feishu would be asked, and over gRPC:
// 20 000 people in 1 500 departments, 16 callers, 8 database sessions, loopback TCP.
// The two take turns in short bursts, for machines are noisy. Run with -benchtime 1x.
const (
	callers = 16
	rounds  = 6
	burst   = 500 * time.Millisecond
)

// whole gives the benchmark's company the attributes that the projector would have
// left.
const whole = `
UPDATE directory.users AS u
SET attributes = jsonb_strip_nulls(to_jsonb(u) - ARRAY['tenant_key', 'open_id', 'avatar', 'attributes', 'removed_at', 'removed_reason', 'position',
                                                       'is_frozen', 'is_resigned', 'is_activated', 'is_exited', 'is_unjoin', 'join_time'])
    || jsonb_build_object('join_time', 1600000000, 'status', jsonb_build_object('is_frozen', false, 'is_resigned', false, 'is_activated', true, 'is_exited', false, 'is_unjoin', false),
       'orders', (SELECT jsonb_agg(jsonb_build_object('department_id', d.id, 'user_order', 0, 'department_order', 0, 'is_primary_dept', true)) FROM unnest(u.department_ids) AS d (id)))`

type stillLog struct{}

func (stillLog) Await(context.Context, string, directory.Position) error { return nil }

func BenchmarkBesideGRPC(b *testing.B) {
	pool, err := pgxpool.New(b.Context(), pgtest.URL(b)+"&pool_max_conns=8")
	must(b, err)
	b.Cleanup(pool.Close)
	company, err := os.ReadFile("../testdata/company.sql")
	must(b, err)
	for _, sql := range []string{string(company), whole, "VACUUM ANALYZE"} {
		_, err := pool.Exec(b.Context(), sql)
		must(b, err)
	}
	known, err := query.ParseClients("bench:s:sensitive+allow_open_id")
	must(b, err)
	service, err := query.New(b.Context(), query.Config{Pool: pool, Log: stillLog{}, TenantKey: "t", Clients: known})
	must(b, err)
	b.Cleanup(service.Close)
	token, _, err := service.IssueToken(b.Context(), nil, "bench", "s")
	must(b, err)
	get := overHTTP(b, service, token)
	directoryService, ctx := overGRPC(b, service)

	var people, departments []string
	must(b, pool.QueryRow(b.Context(), `SELECT array_agg(open_id) FROM directory.users`).Scan(&people))
	must(b, pool.QueryRow(b.Context(), `SELECT array_agg(open_department_id) FROM directory.departments WHERE depth > 1`).Scan(&departments))
	user := func(i int) string { return people[i%len(people)] }
	department := func(i int) string { return departments[i%len(departments)] }
	for _, c := range []struct {
		name         string
		feishu, grpc func(int) error
	}{
		{
			"get-user", func(i int) error { return get("/contact/v3/users/" + user(i)) },
			func(i int) error {
				_, err := directoryService.GetUser(ctx, &pb.GetUserRequest{User: user(i)})
				return err
			},
		},
		{
			"get-user-by-union_id", func(i int) error { return get("/contact/v3/users/on_" + user(i)[3:] + "?user_id_type=union_id") },
			func(i int) error {
				_, err := directoryService.GetUser(ctx, &pb.GetUserRequest{User: "on_" + user(i)[3:], UserIdType: "union_id"})
				return err
			},
		},
		{
			"find_by_department", func(i int) error {
				return get("/contact/v3/users/find_by_department?page_size=50&department_id=" + department(i))
			},
			func(i int) error {
				_, err := directoryService.ListDepartmentUsers(ctx, &pb.ListDepartmentUsersRequest{Department: department(i), PageSize: 50})
				return err
			},
		},
	} {
		b.Run(c.name, func(b *testing.B) { contest(b, c.feishu, c.grpc) })
	}
}

func overHTTP(b *testing.B, service *query.Service, token string) func(path string) error {
	b.Helper()
	handler, err := compat.Handler(compat.Config{Service: service})
	must(b, err)
	l, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	must(b, err)
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callers}}
	b.Cleanup(func() {
		client.CloseIdleConnections()
		_ = server.Close()
		<-served
	})
	return func(path string) error {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://"+l.Addr().String()+"/open-apis"+path, nil)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %d, %w", path, resp.StatusCode, err)
		}
		return nil
	}
}

func overGRPC(b *testing.B, service *query.Service) (pb.DirectoryServiceClient, context.Context) {
	b.Helper()
	l, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	must(b, err)
	server := query.NewServer(service)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(b, err)
	b.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		<-served
	})
	return pb.NewDirectoryServiceClient(conn), metadata.AppendToOutgoingContext(b.Context(), "authorization", "Bearer bench:s")
}

// contest lets the two take turns.
func contest(b *testing.B, feishu, grpc func(int) error) {
	names, calls := [2]string{"compat", "grpc"}, [2]func(int) error{feishu, grpc}
	var took [2][]time.Duration
	var seconds [2]float64
	for range b.N {
		for round := range rounds + 1 {
			for k, call := range calls {
				times, elapsed := bursts(b, call, round)
				if round > 0 { // the first warms up
					took[k], seconds[k] = append(took[k], times...), seconds[k]+elapsed.Seconds()
				}
			}
		}
	}
	rate := func(k int) float64 { return float64(len(took[k])) / seconds[k] }
	for k, name := range names {
		slices.Sort(took[k])
		b.Logf("%-8s %8.0f/s  p50 %v  p99 %v", name, rate(k), took[k][len(took[k])/2], took[k][len(took[k])*99/100])
		b.ReportMetric(rate(k), name+"/s")
	}
	b.ReportMetric(rate(0)/rate(1), "of-grpc")
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
