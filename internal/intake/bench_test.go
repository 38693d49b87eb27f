package intake_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/feishu/callback/callbacktest"
	"github.com/orgmirror/orgmirror/internal/intake"
)

// connections are kept open at once, as Feishu keeps some.
const connections = 64

// BenchmarkWebhook sends new, signed events over 64 connections: to the webhook,
// and in the same run to a handler on the same server that only reads the body.
// What the two differ by is ours: cryptography and the durable append.
func BenchmarkWebhook(b *testing.B) {
	k := newKit(b)
	mux := http.NewServeMux()
	mux.Handle(intake.WebhookPath, k.in.Webhook(intake.WebhookConfig{Secrets: secrets}))
	mux.HandleFunc("/nothing", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write([]byte(`{"msg":"success"}`))
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	var ids atomic.Int64
	for _, path := range []string{"/nothing", intake.WebhookPath} {
		b.Run(path[1:], func(b *testing.B) {
			requests := make(chan *http.Request, b.N)
			now := time.Now()
			for range b.N {
				plain := event(fmt.Sprint(ids.Add(1)), now)
				req, err := callbacktest.Request(b.Context(), server.URL+path, secrets, plain, now)
				if err != nil {
					b.Fatal(err)
				}
				requests <- req
			}
			close(requests)
			b.ReportAllocs()
			b.ResetTimer()
			took := send64(b, requests)
			b.StopTimer()
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(len(took))/b.Elapsed().Seconds(), "requests/s")
		})
	}
}

// send64 sends requests over 64 connections and returns how long each took.
func send64(b *testing.B, requests <-chan *http.Request) []time.Duration {
	b.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: connections}
	defer transport.CloseIdleConnections()
	keeping := &http.Client{Transport: transport}
	var mu sync.Mutex
	var all []time.Duration
	var sending sync.WaitGroup
	for range connections {
		sending.Go(func() {
			var took []time.Duration
			for req := range requests {
				start := time.Now()
				resp, err := keeping.Do(req)
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				took = append(took, time.Since(start))
				if resp.StatusCode != http.StatusOK {
					b.Errorf("%s", resp.Status)
					return
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
		})
	}
	sending.Wait()
	return all
}
