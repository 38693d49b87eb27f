package sandbox_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// BenchmarkFindByDepartment serves a page of 50 from a company of 20 000, over
// HTTP on one connection.
func BenchmarkFindByDepartment(b *testing.B) {
	k := start(b, sandbox.Config{People: 20000, Departments: 1500, Seed: 1})
	dept, _ := crowdOf(k.Truth())
	b.ReportAllocs()
	for b.Loop() {
		r := k.send(http.MethodGet, "/open-apis/contact/v3/users/find_by_department?page_size=50&department_id="+dept, "Bearer "+k.token, "")
		if r.status != http.StatusOK {
			b.Fatal(r.raw)
		}
	}
}

// BenchmarkHandler is the same without the network and the client.
func BenchmarkHandler(b *testing.B) {
	k := start(b, sandbox.Config{People: 20000, Departments: 1500, Seed: 1})
	dept, _ := crowdOf(k.Truth())
	h := sandbox.Handler(k.Server)
	for _, c := range [][2]string{
		{"members", "/open-apis/contact/v3/users/find_by_department?page_size=50&department_id=" + dept},
		{"user ids", "/open-apis/contact/v3/users/find_by_department?page_size=50&user_id_type=user_id&department_id_type=open_department_id&department_id=" + dept},
		{"subtree", "/open-apis/contact/v3/departments/0/children?page_size=50&fetch_child=true"},
	} {
		b.Run(c[0], func(b *testing.B) {
			req := httptest.NewRequest(http.MethodGet, c[1], nil)
			req.Header.Set("Authorization", "Bearer "+k.token)
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, req)
				if w.Code != http.StatusOK {
					b.Fatal(w.Body.String())
				}
			}
		})
	}
}

// BenchmarkLargeCompany is what is promised of 100 000 people: how long it takes
// to make them, how much they occupy, and how long a page takes over HTTP.
func BenchmarkLargeCompany(b *testing.B) {
	for _, shape := range sandbox.Shapes() {
		b.Run(string(shape), func(b *testing.B) {
			cfg := sandbox.Config{People: 100_000, Departments: 8000, Seed: 1, Shape: shape}
			before := heap()
			began := time.Now()
			k := start(b, cfg)
			made := time.Since(began)
			occupied := heap() - before
			dept, _ := crowdOf(k.Truth())
			paths := []string{
				"/contact/v3/users/find_by_department?page_size=50&department_id=" + dept,
				"/contact/v3/departments/0/children?page_size=50",
				"/contact/v3/departments/0/children?page_size=50&fetch_child=true",
			}
			var slowest time.Duration
			for b.Loop() {
				for _, path := range paths {
					began := time.Now()
					k.read(b, path)
					slowest = max(slowest, time.Since(began))
				}
			}
			b.ReportMetric(made.Seconds(), "s/company") // after the loop, which forgets earlier ones
			b.ReportMetric(float64(occupied)/(1<<20), "MiB/company")
			b.ReportMetric(b.Elapsed().Seconds()*1000/float64(b.N*len(paths)), "ms/page")
			b.ReportMetric(slowest.Seconds()*1000, "ms/slowest")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// read asks for a page and reads it without looking at it.
func (k *kit) read(b *testing.B, path string) {
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, k.URL()+"/open-apis"+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+k.token)
	resp, err := k.client.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		b.Fatalf("HTTP %d, %v", resp.StatusCode, err)
	}
}

// BenchmarkLife makes changes in a company of 20 000.
func BenchmarkLife(b *testing.B) {
	k := start(b, sandbox.Config{People: 20000, Departments: 1500, Seed: 1})
	for b.Loop() {
		k.LiveOnce(1)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
