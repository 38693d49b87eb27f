package e2e_test

import (
	"strings"
	"testing"

	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// What Feishu or the settings forbid ends a walk at once, with a message and a
// code; the next run goes on when it is over.
func TestBackfillStopsTellsAndGoesOn(t *testing.T) {
	t.Parallel()
	const lists = "GET /contact/v3/users/find_by_department"
	for _, c := range []struct {
		name    string
		fault   sandbox.Fault
		setting string
		code    int
		says    string
		anew    bool // the next run begins from the start
	}{
		{name: "the month's quota", fault: sandbox.Fault{Preset: "quota", Endpoint: lists, Skip: 40, Count: -1}, code: 1, says: "99991403"},
		{name: "the monthly budget", setting: "MIRROR_FEISHU_MONTHLY_CALLS=40", code: 1, says: "the monthly budget of calls is spent (MIRROR_FEISHU_MONTHLY_CALLS)"},
		{
			name:  "page tokens that do not hold",
			fault: sandbox.Fault{Preset: "expired_page_token", Endpoint: "GET /contact/v3/departments/:department_id/children", Count: -1},
			code:  1, says: "40012",
		},
		{name: "a department too big for any list", fault: sandbox.Fault{Code: 43010, Endpoint: lists, Skip: 40, Count: -1}, code: 1, says: "43010"},
		{name: "lists without an end", fault: sandbox.Fault{Preset: "repeated_pages", Endpoint: lists, Skip: 40, Count: -1}, code: 1, says: "a list does not come to an end"},
		{name: "tokens that are good for nothing", fault: sandbox.Fault{Preset: "expired_token", Endpoint: lists, Skip: 40, Count: -1}, code: 3, says: "99991663"},
		{name: "lists that are refused", fault: sandbox.Fault{Preset: "forbidden", Endpoint: lists, Skip: 40, Count: 3}, code: 1, says: "some lists were refused", anew: true},
		{name: "nobody in sight", fault: sandbox.Fault{Preset: "narrowed", Count: -1}, code: 4, says: "backfill removals show", anew: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server, settings := upstream(t, 300, 70)
			url := pgtest.URL(t)
			env := environment(append(settings, "MIRROR_DATABASE_URL="+url)...)
			if c.code == 4 {
				backfill(t, env)
			}
			if c.setting == "" {
				if err := server.AddFault(c.fault); err != nil {
					t.Fatal(err)
				}
			}
			r := run(t, append(env[:len(env):len(env)], c.setting), binary("backfill"))
			if r.code != c.code || !strings.Contains(r.stderr, c.says) {
				t.Errorf("exit code %d, want %d and %q in:\n%s", r.code, c.code, c.says, r.stderr)
			}
			server.ClearFaults()
			if w := backfill(t, env); w.Resumed == c.anew || w.Users != 300 {
				t.Errorf("the next run: %+v", w)
			}
			equalsSeen(t, url, server)
		})
	}
}

// Recursive lists that are refused for their size are read level by level.
func TestBackfillOfABigDepartment(t *testing.T) {
	t.Parallel()
	server, settings := upstream(t, 300, 70)
	url := pgtest.URL(t)
	server.SetBigDepartment(5)
	if w := backfill(t, environment(append(settings, "MIRROR_DATABASE_URL="+url)...)); w.Departments != 70 {
		t.Errorf("walk: %+v", w)
	}
	equalsSeen(t, url, server)
}
