package sandbox_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

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
