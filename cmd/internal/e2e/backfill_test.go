package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// upstream starts a sandbox and returns it with the settings that lead to it.
func upstream(t *testing.T, people, departments int) (*sandbox.Server, []string) {
	t.Helper()
	server, err := sandbox.Start(t.Context(), sandbox.Config{People: people, Departments: departments, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("close the sandbox: %v", err)
		}
	})
	return server, []string{
		"MIRROR_FEISHU_BASE_URL=" + server.URL(),
		"MIRROR_FEISHU_APP_ID=" + server.AppID(),
		"MIRROR_FEISHU_APP_SECRET=" + server.AppSecret(),
		"MIRROR_FEISHU_RATE=off",
	}
}

// walked is what `backfill --format json` says, as far as it matters here.
type walked struct {
	Resumed                                 bool
	Departments, Users, Appended, Unchanged int
	Calls                                   int
	Candidates                              map[string]int
	Position                                int
	Absent                                  map[string][]struct{ Field, Permission string }
}

func backfill(t *testing.T, env []string) walked {
	t.Helper()
	out := mustRun(t, env, binary("backfill"), "--format", "json")
	var w walked
	if err := json.Unmarshal([]byte(out), &w); err != nil {
		t.Fatalf("%v in:\n%s", err, out)
	}
	return w
}

// count asks the mirror's database for one number.
func count(t *testing.T, env []string, query string) int {
	t.Helper()
	out := mustRun(t, env, binary("mirror"), "sql", query)
	var n int
	if lines := strings.Split(out, "\n"); len(lines) < 3 {
		t.Fatalf("no number in %q", out)
	} else if _, err := fmt.Sscan(lines[2], &n); err != nil {
		t.Fatalf("no number in %q: %v", out, err)
	}
	return n
}

func TestBackfillMirrorsAllAndThenAppendsNothing(t *testing.T) {
	t.Parallel()
	server, settings := upstream(t, 300, 40)
	env := environment(append(settings, "MIRROR_DATABASE_URL="+pgtest.URL(t))...)

	first := backfill(t, env)
	if first.Users != 300 || first.Departments != 40 || first.Appended < 340 || first.Resumed {
		t.Errorf("first walk: %+v", first)
	}
	if got := count(t, env, "SELECT count(*) FROM directory.users WHERE removed_at IS NULL"); got != 300 {
		t.Errorf("%d users in the read model when backfill has ended, want 300", got)
	}
	records := count(t, env, "SELECT count(*) FROM mirror.event_log")

	second := backfill(t, env)
	if second.Appended != 0 || second.Unchanged != first.Appended+first.Unchanged {
		t.Errorf("second walk: %+v, want nothing appended", second)
	}
	if grown := count(t, env, "SELECT count(*) FROM mirror.event_log") - records; grown != 2 {
		t.Errorf("the second walk appended %d records, want its own two", grown)
	}

	if err := server.HideField(sandbox.KindUser, "mobile"); err != nil {
		t.Fatal(err)
	}
	third := mustRun(t, env, binary("backfill"))
	for _, want := range []string{"The walk is complete", "user.mobile", "contact:user.phone:readonly"} {
		if !strings.Contains(third, want) {
			t.Errorf("no %q in:\n%s", want, third)
		}
	}
}

func TestBackfillOfAnEmptyOrganisation(t *testing.T) {
	t.Parallel()
	_, settings := upstream(t, 0, 0)
	env := environment(append(settings, "MIRROR_DATABASE_URL="+pgtest.URL(t))...)
	if w := backfill(t, env); w.Users != 0 || w.Departments != 0 {
		t.Errorf("walk: %+v", w)
	}
}

func TestBackfillOutlivesAValueOfTheWrongType(t *testing.T) {
	t.Parallel()
	server, settings := upstream(t, 60, 6)
	env := environment(append(settings, "MIRROR_DATABASE_URL="+pgtest.URL(t))...)
	odd := slices.Sorted(maps.Keys(server.Truth().Users))[0]
	if err := server.OverrideField(sandbox.KindUser, odd, "name", json.RawMessage(`{"not": "a name"}`)); err != nil {
		t.Fatal(err)
	}
	if w := backfill(t, env); w.Users != 60 {
		t.Errorf("walk: %+v, want all 60 people", w)
	}
	if got := count(t, env, "SELECT count(*) FROM directory.users WHERE removed_at IS NULL"); got != 60 {
		t.Errorf("%d users in the read model, want 60", got)
	}
	if got := count(t, env, "SELECT count(*) FROM mirror.event_log_parked WHERE field = 'name'"); got != 1 {
		t.Errorf("%d values noted as unreadable, want 1", got)
	}
}

func TestBackfillInterrupted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		signal os.Signal
		code   int
	}{
		{"by Ctrl-C", os.Interrupt, 130},
		{"by a supervisor", syscall.SIGTERM, 130},
		{"by kill -9", os.Kill, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server, settings := upstream(t, 400, 60)
			env := environment(append(settings, "MIRROR_DATABASE_URL="+pgtest.URL(t))...)
			// Half of the lists are read, then the upstream is too slow to end.
			const lists = "GET /contact/v3/users/find_by_department"
			if err := server.AddFault(sandbox.Fault{Endpoint: lists, Skip: 30, Count: -1, DelayMS: 600_000}); err != nil {
				t.Fatal(err)
			}
			p := start(t, env, binary("backfill"))
			waitFor(t, "the walk to come to a halt", func() bool { return server.Stats()[lists].Calls >= 31 })
			p.signal(t, c.signal)
			if code := p.code(t); code != c.code {
				t.Errorf("exit code %d, want %d; stderr:\n%s", code, c.code, p.stderr)
			}
			if c.code == 130 && !strings.Contains(p.stderr.String(), "The next run goes on from here") {
				t.Errorf("stderr says nothing of going on:\n%s", p.stderr)
			}

			server.ClearFaults()
			server.ResetStats()
			w := backfill(t, env)
			if !w.Resumed || w.Users != 400 {
				t.Errorf("next walk: %+v, want the interrupted one to be gone on with", w)
			}
			// 61 lists; a few of the thirty done are in the hands of workers when a kill comes.
			if calls := server.Stats()[lists].Calls; calls > 61-30+25 {
				t.Errorf("%d lists were read by the second run", calls)
			}
			if got := count(t, env, "SELECT count(*) FROM directory.users WHERE removed_at IS NULL"); got != 400 {
				t.Errorf("%d users in the read model, want 400", got)
			}
		})
	}
}

func TestBackfillPlan(t *testing.T) {
	t.Parallel()
	server, settings := upstream(t, 300, 40)
	env := environment(append(settings, "MIRROR_DATABASE_URL="+pgtest.URL(t))...)
	plan := func() (p struct {
		Departments, People int
		Total               int `json:"total_calls"`
	},
	) {
		out := mustRun(t, env, binary("backfill"), "plan", "--format", "json")
		if err := json.Unmarshal([]byte(out), &p); err != nil {
			t.Fatalf("%v in:\n%s", err, out)
		}
		return p
	}
	calls := func() (asked []string) {
		for endpoint, stats := range server.Stats() {
			if stats.Calls > 0 && !strings.HasPrefix(endpoint, "POST /auth/") {
				asked = append(asked, endpoint)
			}
		}
		return asked
	}

	if before := plan(); before.Departments != 40 {
		t.Errorf("plan: %+v, want 40 departments", before)
	}
	for _, endpoint := range calls() {
		if strings.Contains(endpoint, "/users") {
			t.Errorf("plan called %s", endpoint)
		}
	}
	server.ResetStats()
	w := backfill(t, env)
	server.ResetStats()
	after := plan()
	if asked := calls(); len(asked) > 0 {
		t.Errorf("plan after a walk called %q, want nothing", asked)
	}
	if diff := cmp.Diff([]int{40, 300}, []int{after.Departments, after.People}); diff != "" {
		t.Errorf("departments and people mismatch (-want +got):\n%s", diff)
	}
	if off := after.Total - w.Calls; off*20 > w.Calls || -off*20 > w.Calls {
		t.Errorf("plan says %d calls, the walk took %d: more than 5 %% apart", after.Total, w.Calls)
	}
}
