package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
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

	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu/callback"
	"github.com/orgmirror/orgmirror/internal/feishu/callback/callbacktest"
	"github.com/orgmirror/orgmirror/internal/postgres"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/projector"
	"github.com/orgmirror/orgmirror/internal/query"
	orgmirrorv1 "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

const (
	visiblePeople  = 5000
	visibleRate    = 1000 // events a second
	visibleFor     = 10 * time.Second
	visibleSenders = 64
	visibleSample  = 20 // one event of so many is waited for
)

var visibleSecrets = callback.Secrets{VerificationToken: "tok", EncryptKey: "key"}

// BenchmarkVisible sends encrypted and signed events to the webhook of a whole
// service, a thousand a second for ten seconds however it answers, and asks over
// gRPC for some of those whom they are about until the answer shows the event.
// Reported are the times from the sending until then, and until the webhook's
// answer. Run with -benchtime 1x; ORGMIRROR_BENCH_DATABASE_URL names an empty
// database on a server that syncs to its disk.
func BenchmarkVisible(b *testing.B) {
	v := newVisible(b)
	var visible, answered []time.Duration
	var late int
	b.ResetTimer()
	for range b.N {
		seen, acknowledged, behind := v.send(b)
		visible, answered, late = append(visible, seen...), append(answered, acknowledged...), late+behind
	}
	b.StopTimer()
	b.ReportMetric(0, "ns/op")
	for name, took := range map[string][]time.Duration{"visible": visible, "answered": answered} {
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, name+"-p50-ms")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, name+"-p99-ms")
	}
	b.ReportMetric(float64(late)/float64(len(answered)), "sent-late") // the sender's own fault
	b.ReportMetric(float64(len(answered))/b.Elapsed().Seconds(), "events/s")
}

// visibleBench is a service with a company in it.
type visibleBench struct {
	service *Service
	events  int
	ask     orgmirrorv1.DirectoryServiceClient
	ctx     context.Context //nolint:containedctx // of the questions of one benchmark
	http    *http.Client
}

func newVisible(b *testing.B) *visibleBench {
	b.Helper()
	client, err := query.NewClient("bench", "secret", query.RoleSensitive)
	if err != nil {
		b.Fatal(err)
	}
	const anyPort = "127.0.0.1:0"
	s, err := OpenService(b.Context(), config.Config{
		HTTPListen: anyPort, GRPCListen: anyPort, MetricsListen: anyPort, WebhookListen: anyPort, APIClients: []query.Client{client},
		Events: config.EventsWebhook, FeishuVerificationToken: visibleSecrets.VerificationToken, FeishuEncryptKey: visibleSecrets.EncryptKey,
	}, &Database{Pool: visiblePool(b)}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Run(ctx) }()
	conn, err := grpc.NewClient(s.Addresses.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: visibleSenders}
	b.Cleanup(func() {
		transport.CloseIdleConnections()
		conn.Close()
		stop()
		if err := <-served; err != nil {
			b.Error(err)
		}
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	settle(b, s)
	return &visibleBench{
		service: s, ask: orgmirrorv1.NewDirectoryServiceClient(conn), http: &http.Client{Transport: transport},
		ctx: metadata.AppendToOutgoingContext(b.Context(), "authorization", "Bearer bench:secret"),
	}
}

func visiblePool(b *testing.B) *pgxpool.Pool {
	b.Helper()
	url := os.Getenv("ORGMIRROR_BENCH_DATABASE_URL")
	if url == "" {
		return pgtest.DB(b)
	}
	pool, err := postgres.Open(b.Context(), postgres.Config{URL: url, ApplicationName: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	if err := postgres.MigrateUp(b.Context(), pool); err != nil {
		b.Fatal(err)
	}
	return pool
}

// settle brings the company in, and waits until it is to be seen.
func settle(b *testing.B, s *Service) {
	b.Helper()
	origin := directory.Origin{TenantKey: "t1", AppID: "cli_1", Source: directory.SourceBackfill, CorrelationID: "s1"}
	var last directory.Position
	for chunk := range slices.Chunk(slices.Collect(func(yield func(int) bool) {
		for i := range visiblePeople {
			if !yield(i) {
				return
			}
		}
	}), 500) {
		records := make([]directory.Record, len(chunk))
		for i, n := range chunk {
			object, err := json.Marshal(visibleObject(n, "as walked"))
			if err == nil {
				records[i], err = directory.NewObservation(origin, directory.KindUser, visibleID(n), time.Now().Add(-time.Minute), directory.Observation{Object: object, Listed: true})
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		answers, err := s.log.Append(b.Context(), records...)
		if err != nil {
			b.Fatal(err)
		}
		last = answers[len(answers)-1].Position
	}
	if err := s.log.Await(b.Context(), projector.Consumer, last); err != nil {
		b.Fatal(err)
	}
	if _, err := s.db.Pool.Exec(b.Context(), "ANALYZE"); err != nil {
		b.Fatal(err)
	}
}

func visibleID(n int) string { return fmt.Sprintf("ou_%032d", n%visiblePeople) }

// visibleObject is about what Feishu sends of somebody.
func visibleObject(n int, title string) map[string]any {
	department := fmt.Sprintf("od-%032d", n%300)
	return map[string]any{
		"open_id": visibleID(n), "union_id": fmt.Sprintf("on_%032d", n%visiblePeople), "user_id": fmt.Sprintf("u%d", n%visiblePeople),
		"name": "王伟", "en_name": "Wei Wang", "email": "wei.wang@example.com", "mobile": "+8613800000000", "gender": 1, "city": "北京", "country": "CN",
		"job_title": title, "join_time": 1600000000, "employee_no": fmt.Sprint(80000000 + n%visiblePeople), "employee_type": 1, "work_station": "A座3层",
		"leader_user_id": visibleID(n / 10), "department_ids": []string{department},
		"orders": []any{map[string]any{"department_id": department, "user_order": 0, "department_order": 1, "is_primary_dept": true}},
		"status": map[string]any{"is_activated": true, "is_exited": false, "is_frozen": false, "is_resigned": false, "is_unjoin": false},
		"avatar": map[string]any{"avatar_72": "https://s1-imfile.feishucdn.com/a~?image_size=72x72", "avatar_240": "https://s1-imfile.feishucdn.com/a~?image_size=240x240"},
	}
}

// send sends one burst, and says how long each event took: until it was visible,
// of the sample; until it was answered, of all; and how many were sent late.
func (v *visibleBench) send(b *testing.B) (visible, answered []time.Duration, late int) {
	b.Helper()
	events := int(visibleRate * visibleFor.Seconds())
	requests := make([]*http.Request, events)
	for i := range requests {
		v.events++
		plain, err := json.Marshal(map[string]any{
			"schema": "2.0",
			"header": map[string]any{
				"event_id": fmt.Sprintf("%016d", v.events), "event_type": directory.EventUserUpdated, "create_time": fmt.Sprint(time.Now().UnixMilli()),
				"token": visibleSecrets.VerificationToken, "app_id": "cli_1", "tenant_key": "t1",
			},
			"event": map[string]any{"object": visibleObject(v.events, fmt.Sprint("title ", v.events)), "old_object": map[string]any{"job_title": "another"}},
		})
		if err == nil {
			requests[i], err = callbacktest.Request(b.Context(), "http://"+v.service.Addresses.Webhook+"/webhook/event", visibleSecrets, plain, time.Now())
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	first := v.events - events + 1
	var mu sync.Mutex
	var sending, watching sync.WaitGroup
	due := make(chan int, events)
	begun := time.Now()
	for range visibleSenders {
		sending.Go(func() {
			for i := range due {
				sent := time.Now()
				behind := sent.Sub(begun) > time.Duration(i+20)*time.Second/visibleRate
				if i%visibleSample == 0 {
					watching.Go(func() {
						took := v.watch(b, first+i, sent)
						mu.Lock()
						defer mu.Unlock()
						visible = append(visible, took)
					})
				}
				took := v.post(b, requests[i])
				mu.Lock()
				answered = append(answered, took)
				if behind {
					late++
				}
				mu.Unlock()
			}
		})
	}
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for i := 0; i < events; {
		<-ticker.C
		for ; i < events && time.Since(begun) >= time.Duration(i)*time.Second/visibleRate; i++ {
			due <- i
		}
	}
	close(due)
	sending.Wait()
	watching.Wait()
	return visible, answered, late
}

func (v *visibleBench) post(b *testing.B, req *http.Request) time.Duration {
	b.Helper()
	sent := time.Now()
	resp, err := v.http.Do(req)
	if err != nil {
		b.Error(err)
		return 0
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		b.Errorf("%s (%v)", resp.Status, err)
	}
	return time.Since(sent)
}

// watch asks for somebody until the answer shows an event: every millisecond at
// first, and less often the longer it takes, or the questions would be the load.
func (v *visibleBench) watch(b *testing.B, event int, sent time.Time) time.Duration {
	b.Helper()
	want := fmt.Sprint("title ", event)
	for {
		answer, err := v.ask.GetUser(v.ctx, &orgmirrorv1.GetUserRequest{User: visibleID(event)})
		if err != nil {
			b.Error(err)
			return 0
		}
		took := time.Since(sent)
		if answer.GetUser().GetJobTitle() == want || took > time.Minute {
			return took
		}
		<-time.After(max(time.Millisecond, took/20))
	}
}
