package compat_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// audited are the lines of the audit in the log.
func audited(b *bundle) (found []object) {
	b.t.Helper()
	for line := range strings.Lines(b.logged.String()) {
		var attrs object
		must(b.t, json.Unmarshal([]byte(line), &attrs))
		if attrs["msg"] == "withheld fields read" {
			delete(attrs, "time")
			found = append(found, attrs)
		}
	}
	return found
}

// Each answer with personal fields, and no other, has its line: who read how many, of
// which company and when, and nothing of what.
func TestAudit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	type read struct {
		method, path, body string
		people             int // with such fields; 0 is no line
	}
	reads := []read{
		{"GET /contact/v3/users/:user_id", "/contact/v3/users/ou_ann", "", 1},
		{"GET /contact/v3/users/batch", "/contact/v3/users/batch?user_ids=ou_ann&user_ids=ou_bob&user_ids=ou_old&user_ids=ou_nobody", "", 2}, // of Old no more than a name is shown
		{"GET /contact/v3/users/find_by_department", "/contact/v3/users/find_by_department?department_id=od-a", "", 2},
		{"GET /contact/v3/users", "/contact/v3/users?department_id=od-a", "", 2},
		{"POST /contact/v3/users/batch_get_id", "/contact/v3/users/batch_get_id", `{"mobiles":["13800000001","13800000009"]}`, 1},
		{"POST /contact/v3/users/batch_get_id", "/contact/v3/users/batch_get_id", `{"mobiles":["13800000009"]}`, 0},
		{"GET /contact/v3/users/:user_id", "/contact/v3/users/ou_nobody", "", 0},
		{"GET /contact/v3/departments/:department_id", "/contact/v3/departments/od-a", "", 0},
		{"GET /contact/v3/custom_attrs", "/contact/v3/custom_attrs", "", 0},
	}
	var want []object
	for _, q := range reads {
		verb, _, _ := strings.Cut(q.method, " ")
		b.as("reads", verb, q.path, q.body)
		r := b.as("knows", verb, q.path, q.body)
		if q.people > 0 {
			if r.Status != http.StatusOK {
				t.Errorf("%s: %s", q.path, r.Raw)
			}
			position, err := strconv.ParseFloat(r.Header.Get("X-Mirror-Position"), 64)
			must(t, err)
			want = append(want, object{
				"level": "INFO", "msg": "withheld fields read", "client": "knows", "tenant": "t", "method": q.method,
				"entities": float64(q.people), "position": position,
			})
		}
	}
	if d := cmp.Diff(want, audited(b)); d != "" {
		t.Errorf("audit (-want +got):\n%s", d)
	}
	for _, secret := range []string{"ann@", "13800000001", "E1", "ou_ann", "Ann"} {
		if strings.Contains(b.logged.String(), secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
}
