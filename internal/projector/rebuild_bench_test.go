package projector_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/postgres"
	"github.com/orgmirror/orgmirror/internal/projector"
)

// rebuildPeople is a tenth of the records; ORGMIRROR_BENCH_PEOPLE says another
// number.
const rebuildPeople = 20_000

// BenchmarkRebuild rebuilds a read model of people who changed nine times each:
// once from nothing, and once beside one that serves, with readers.
func BenchmarkRebuild(b *testing.B) {
	people := rebuildPeople
	if n, err := strconv.Atoi(os.Getenv("ORGMIRROR_BENCH_PEOPLE")); err == nil {
		people = n
	}
	pool := benchPool(b)
	log, err := eventlog.Open(b.Context(), pool, eventlog.Options{TenantKey: tenant, AppID: "cli_1", QueueSize: 20_000})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	records := appendYears(b, log, people)
	p := projector.New(pool, log, projector.Options{})
	for b.Loop() {
		times := map[projector.Stage]time.Duration{}
		timed := stopwatch(times)
		if _, err := p.Rebuild(b.Context(), projector.RebuildOptions{Progress: timed}); err != nil {
			b.Fatal(err)
		}
		first := times[projector.StageFold] + times[projector.StageIndex] + times[projector.StageCreate]
		b.ReportMetric(float64(records)/first.Seconds(), "records/s")
		b.ReportMetric(times[projector.StageFold].Seconds(), "fold-s")
		b.ReportMetric(times[projector.StageIndex].Seconds(), "index-s")
		b.ReportMetric(float64(records), "records")

		var worst, worstSwap, reads atomic.Int64
		var swapping atomic.Bool
		ctx, stop := context.WithCancel(b.Context())
		var group errgroup.Group
		for range 2 {
			group.Go(func() error {
				for ctx.Err() == nil {
					during, began := swapping.Load(), time.Now()
					var n int
					err := pool.QueryRow(ctx, postgres.InOneGeneration(`SELECT count(*) FROM directory.users u JOIN directory.memberships m USING (tenant_key, open_id) WHERE u.tenant_key = 't1' AND u.open_id = $1`), "ou_"+pad(int(reads.Load())%people)).Scan(&n)
					if ctx.Err() == nil && (err != nil || n != 1) {
						return fmt.Errorf("%d memberships: %w", n, err)
					}
					took := int64(time.Since(began))
					reads.Add(1)
					if took > worst.Load() {
						worst.Store(took)
					}
					if (during || swapping.Load()) && took > worstSwap.Load() {
						worstSwap.Store(took)
					}
				}
				return nil
			})
		}
		clear(times)
		timed = stopwatch(times)
		began := time.Now()
		_, err := p.Rebuild(b.Context(), projector.RebuildOptions{Progress: func(p projector.Progress) {
			swapping.Store(p.Stage == projector.StageSwap || p.Stage == projector.StageDrop)
			timed(p)
		}})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(began).Seconds(), "compared-rebuild-s")
		b.ReportMetric(times[projector.StageCompare].Seconds(), "compare-s")
		b.ReportMetric(times[projector.StageSwap].Seconds(), "swap-s")
		stop()
		if err := group.Wait(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Duration(worst.Load()).Seconds()*1000, "worst-read-ms")
		b.ReportMetric(time.Duration(worstSwap.Load()).Seconds()*1000, "worst-read-at-swap-ms")
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		b.ReportMetric(float64(memory.Sys)/(1<<20), "sys-MiB")
	}
	b.ReportMetric(0, "ns/op")
}

func pad(i int) string { return fmt.Sprintf("%032d", i) }

func stopwatch(times map[projector.Stage]time.Duration) func(projector.Progress) {
	var last projector.Stage
	began := time.Now()
	return func(p projector.Progress) {
		if p.Stage != last {
			times[last] += time.Since(began)
			last, began = p.Stage, time.Now()
		}
	}
}

// appendYears appends the observation of a company and nine changes of everybody.
func appendYears(b *testing.B, log *eventlog.Log, people int) int {
	b.Helper()
	var batch []directory.Record
	n := 0
	add := func(r directory.Record) {
		n++
		if batch = append(batch, r); len(batch) < 5000 {
			return
		}
		if _, err := log.Append(b.Context(), batch...); err != nil {
			b.Fatal(err)
		}
		batch = batch[:0]
	}
	departments := max(1, people/13)
	for i := range departments {
		add(benchDepartment(b, i))
	}
	for i := range people {
		add(benchUser(b, i, departments))
	}
	for year := range 9 {
		for i := range people {
			add(directory.Record{
				OccurredAt: begin.Add(time.Duration(year*people+i+people) * time.Second), EventID: fmt.Sprintf("y%d-%d", year, i), EventType: directory.EventUserUpdated,
				SchemaVersion: directory.SchemaVersion, Source: directory.SourceWebhook, EntityKind: directory.KindUser, EntityID: "ou_" + pad(i),
				Payload: marshal(map[string]any{"schema": "2.0", "header": map[string]any{}, "event": map[string]any{
					"object":     map[string]any{"open_id": "ou_" + pad(i), "job_title": fmt.Sprintf("工程师 %d", year), "leader_user_id": "ou_" + pad((i+year)%people)},
					"old_object": map[string]any{"job_title": "x", "leader_user_id": "ou_x"},
				}}),
			})
		}
	}
	if len(batch) > 0 {
		if _, err := log.Append(b.Context(), batch...); err != nil {
			b.Fatal(err)
		}
	}
	return n
}
