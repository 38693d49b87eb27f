package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Whatever is written through the contact API, accepted or refused: the company
// stays sound, and a refused request changes nothing.
func TestWritesKeepTheCompanySound(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	done := map[string]int{} // successes by what was asked
	rapid.Check(t, func(t *rapid.T) {
		s := newServer(Config{People: 6, Departments: 6, Seed: 1}.withDefaults())
		token, _ := s.tokens.issue(tenantGrant, s.cfg.AppID, s.now())
		w := &apiWriter{t: t, ctx: ctx, s: s, token: token}
		for range rapid.IntRange(1, 60).Draw(t, "requests") {
			before := fmt.Sprint(s.Truth())
			what, code := w.write()
			if err := sound(s.org); err != nil {
				t.Fatalf("after %s: %v", what, err)
			}
			if code == codeInternal || code != 0 && fmt.Sprint(s.Truth()) != before {
				t.Fatalf("%s is refused with %d, and has changed something", what, code)
			}
			if code == 0 {
				done[what]++
			}
		}
	})
	total := 0
	for _, n := range done {
		total += n
	}
	for _, what := range writeMethods {
		if total < 300 {
			break // somebody asked for fewer checks than there are by default
		}
		if done[what.name] == 0 {
			t.Errorf("no %s ever succeeded", what.name)
		}
	}
}

// writeMethods are the methods that change people and departments.
var writeMethods = []struct {
	name, verb, path string // U and D stand for the id of a person and of a department
	needs            int    // so many of the fields are nearly always there, the others seldom
	fields           []string
}{
	{"create user", http.MethodPost, "users", 4, []string{"name", "mobile", "department_ids", "employee_type", "email", "user_id", "leader_user_id", "orders"}},
	{"patch user", http.MethodPatch, "users/U", 0, []string{"name", "mobile", "department_ids", "orders", "email", "leader_user_id", "is_frozen", "dotted_line_leader_user_ids"}},
	{"replace user", http.MethodPut, "users/U", 4, []string{"name", "mobile", "department_ids", "employee_type", "orders", "leader_user_id"}},
	{"delete user", http.MethodDelete, "users/U", 0, nil},
	{"resurrect", http.MethodPost, "users/U/resurrect", 0, []string{"departments"}},
	{"update user_id", http.MethodPatch, "users/U/update_user_id", 1, []string{"new_user_id"}},
	{"create department", http.MethodPost, "departments", 2, []string{"name", "parent_department_id", "leader_user_id", "order", "leaders", "department_hrbps"}},
	{"patch department", http.MethodPatch, "departments/D", 0, []string{"name", "parent_department_id", "leader_user_id", "order", "leaders"}},
	{"replace department", http.MethodPut, "departments/D", 2, []string{"name", "parent_department_id", "leaders"}},
	{"delete department", http.MethodDelete, "departments/D", 0, nil},
	{"update department_id", http.MethodPatch, "departments/D/update_department_id", 1, []string{"new_department_id"}},
}

// apiWriter draws requests, of which many make sense.
type apiWriter struct {
	t     *rapid.T
	ctx   context.Context
	s     *Server
	token string
}

// write makes one request, and returns what it was and the code of the answer.
func (w *apiWriter) write() (string, int) {
	what := rapid.SampledFrom(writeMethods).Draw(w.t, "write")
	body := map[string]any{}
	for i, field := range what.fields {
		if draw := rapid.IntRange(0, 9).Draw(w.t, "given"); draw < 2 || i < what.needs && draw < 9 {
			body[field] = w.value(field)
		}
	}
	path := strings.NewReplacer("U", w.subject(what.name), "D", w.department()).Replace(what.path)
	r := httptest.NewRequestWithContext(w.ctx, what.verb, prefix+"/contact/v3/"+path, strings.NewReader(string(marshal(body))))
	r.Header.Set("Authorization", "Bearer "+w.token)
	answer := httptest.NewRecorder()
	w.s.serveAPI(answer, r)
	var got struct{ Code int }
	if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil {
		w.t.Fatalf("%s answers %s", what.name, answer.Body)
	}
	return what.name, got.Code
}

func (w *apiWriter) user() string {
	return rapid.SampledFrom(slices.Sorted(maps.Keys(w.s.org.users))).Draw(w.t, "user")
}

// subject is whom a request is about: somebody who left, if there is anybody,
// where they are to come back.
func (w *apiWriter) subject(what string) string {
	var gone []string
	for id, u := range w.s.org.users {
		if u.Status.IsResigned {
			gone = append(gone, id)
		}
	}
	if what != "resurrect" || len(gone) == 0 {
		return w.user()
	}
	slices.Sort(gone)
	return rapid.SampledFrom(gone).Draw(w.t, "gone")
}

func (w *apiWriter) department() string {
	return rapid.SampledFrom(slices.Sorted(maps.Keys(w.s.org.departments))).Draw(w.t, "department")
}

func (w *apiWriter) few(most int, draw func() any) []any {
	list := []any{}
	for range rapid.IntRange(0, most).Draw(w.t, "length") {
		list = append(list, draw())
	}
	return list
}

// value draws a value for a field, seldom one of the wrong type.
func (w *apiWriter) value(field string) any {
	number := func(most int) int { return rapid.IntRange(0, most).Draw(w.t, "number") }
	if number(60) == 0 {
		return []any{map[string]any{}, true}
	}
	switch field {
	case "name":
		return fmt.Sprint("名", number(30))
	case "mobile":
		return fmt.Sprint("1380000000", number(9))
	case "email":
		return fmt.Sprint(number(9), "@example.com")
	case "user_id", "new_user_id", "new_department_id":
		return fmt.Sprint("x", number(9))
	case "employee_type":
		return 1
	case "is_frozen":
		return number(1) == 0
	case "order":
		return fmt.Sprint(number(5))
	case "leader_user_id":
		return w.user()
	case "department_hrbps", "dotted_line_leader_user_ids":
		return w.few(2, func() any { return w.user() })
	case "department_ids":
		return w.few(3, func() any { return w.department() })
	case "parent_department_id":
		return w.department()
	case "leaders":
		return w.few(2, func() any { return map[string]any{"leaderType": 1 + number(1), "leaderID": w.user()} })
	default: // orders, departments
		return w.few(2, func() any {
			return map[string]any{"department_id": w.department(), "user_order": number(3), "department_order": number(3)}
		})
	}
}
