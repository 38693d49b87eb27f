package eventlog_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/postgres"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

// benchURL names a migrated or empty database on a durable server (fsync on) for
// the benchmarks. Without it they run on the tests' server, which does not wait
// for its disk, and their figures mean little. What they append stays there.
const benchURL = "ORGMIRROR_BENCH_DATABASE_URL"

func benchPool(b *testing.B) *pgxpool.Pool {
	b.Helper()
	url := os.Getenv(benchURL)
	if url == "" {
		return pgtest.DB(b)
	}
	pool, err := postgres.Open(b.Context(), postgres.Config{URL: url})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	if err := postgres.MigrateUp(b.Context(), pool); err != nil {
		b.Fatal(err)
	}
	return pool
}

// BenchmarkAppend appends b.N records by so many producers, one record a call.
//
// Beside records/s and latencies it reports the limit in the same run: the bare
// function called by one connection without any of our code, with batches as
// large as the writer's were on average. ratio is the one by the other.
func BenchmarkAppend(b *testing.B) {
	pool := benchPool(b)
	for _, producers := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("producers=%d", producers), func(b *testing.B) {
			registry := prometheus.NewRegistry()
			l, err := eventlog.Open(b.Context(), pool, eventlog.Options{Registerer: registry})
			if err != nil {
				b.Fatal(err)
			}
			prefix := strconv.FormatInt(time.Now().UnixNano(), 36)
			took := make([]time.Duration, b.N)
			b.ResetTimer()
			produce(b, producers, func(ctx context.Context, i int) error {
				start := time.Now()
				_, err := l.Append(ctx, record(prefix+strconv.Itoa(i)))
				took[i] = time.Since(start)
				return err
			})
			b.StopTimer()
			rate := float64(b.N) / b.Elapsed().Seconds()
			slices.Sort(took)
			batch := meanBatch(b, registry)
			if err := l.Close(); err != nil {
				b.Fatal(err)
			}
			limit := bareAppend(b, pool, prefix+"limit", b.N, max(1, int(batch+0.5)))
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(rate, "records/s")
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(batch, "records/batch")
			b.ReportMetric(limit, "limit-records/s")
			b.ReportMetric(rate/limit, "ratio")
		})
	}
}

// produce calls one for 0 to b.N-1 from so many goroutines.
func produce(b *testing.B, producers int, one func(ctx context.Context, i int) error) {
	b.Helper()
	var next atomic.Int64
	var running sync.WaitGroup
	for range producers {
		running.Go(func() {
			for i := int(next.Add(1)) - 1; i < b.N; i = int(next.Add(1)) - 1 {
				if err := one(b.Context(), i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
}

func meanBatch(b *testing.B, registry *prometheus.Registry) float64 {
	b.Helper()
	families, err := registry.Gather()
	if err != nil {
		b.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "orgmirror_eventlog_batch_records" {
			h := family.GetMetric()[0].GetHistogram()
			return h.GetSampleSum() / float64(h.GetSampleCount())
		}
	}
	b.Fatal("no batches were counted")
	return 0
}

// bareAppend appends n records by one connection, batch by batch, and returns
// records per second. The arguments are made before the clock runs.
func bareAppend(b *testing.B, pool *pgxpool.Pool, prefix string, n, batch int) float64 {
	b.Helper()
	conn, err := pool.Acquire(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Release()
	var calls [][]any
	for i := 0; i < n; i += batch {
		calls = append(calls, appendArgs(records(prefix+strconv.Itoa(i)+"-", min(batch, n-i))))
	}
	start := time.Now()
	for _, args := range calls {
		var positions []int64
		var duplicates []bool
		if err := conn.QueryRow(b.Context(), bareCall, args...).Scan(&positions, &duplicates); err != nil {
			b.Fatal(err)
		}
	}
	return float64(n) / time.Since(start).Seconds()
}

// appendArgs are records as the append function wants them.
func appendArgs(all []directory.Record) []any {
	n := len(all)
	times, versions := make([]time.Time, n), make([]int32, n)
	var texts [9][]string
	for i := range texts {
		texts[i] = make([]string, n)
	}
	for i, r := range all {
		times[i], versions[i] = r.OccurredAt, int32(r.SchemaVersion)
		for column, text := range []string{
			r.TenantKey, r.AppID, r.EventID, r.EventType, string(r.Source),
			string(r.EntityKind), r.EntityID, r.CorrelationID, string(r.Payload),
		} {
			texts[column][i] = text
		}
	}
	return []any{times, texts[0], texts[1], texts[2], texts[3], versions, texts[4], texts[5], texts[6], texts[7], texts[8]}
}

const bareCall = `SELECT positions, duplicates FROM mirror.event_log_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`

// BenchmarkRead reads the log page by page from its beginning.
func BenchmarkRead(b *testing.B) {
	pool := benchPool(b)
	l := open(b, pool, eventlog.Options{})
	var have int
	if err := pool.QueryRow(b.Context(), `SELECT position FROM mirror.event_log_head`).Scan(&have); err != nil {
		b.Fatal(err)
	}
	const want = 100_000
	for have < want {
		have += len(appendAll(b, l, records(strconv.FormatInt(time.Now().UnixNano(), 36), 1000)...))
	}
	for _, size := range []int{1, 100, 500, 1000} {
		b.Run(fmt.Sprintf("page=%d", size), func(b *testing.B) {
			read := 0
			for i := range b.N {
				page, err := l.Read(b.Context(), directory.Position(i*size%(want-size)), size)
				if err != nil {
					b.Fatal(err)
				}
				read += len(page)
			}
			b.ReportMetric(float64(read)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
