package e2e_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func TestDoctor(t *testing.T) {
	t.Parallel()
	server, settings := upstream(t, 40, 6)
	database := "MIRROR_DATABASE_URL=" + pgtest.URL(t)
	good := append(settings, database)
	backfill(t, environment(good...))
	with := func(more ...string) []string { return append(good[:len(good):len(good)], more...) }

	report := mustRun(t, environment(good...), binary("mirror"), "doctor")
	if strings.Contains(report, "FAIL") || strings.Contains(report, "WARN") || strings.Contains(report, "ou_") || strings.Count(report, "\n") < 20 {
		t.Errorf("all is well, and doctor says:\n%s", report)
	}
	for line := range strings.Lines(report) {
		if word, _, _ := strings.Cut(line, " "); word != "OK" && word != "SKIP" {
			t.Errorf("an odd line: %s", line)
		}
	}
	cases := []struct {
		name string
		env  []string
		code int
		fail string // the check that fails first
	}{
		{"wrong app secret", with("MIRROR_FEISHU_APP_SECRET=hush"), 3, "credentials"},
		{"no credentials", []string{database}, 2, "credentials"},
		{"unreachable upstream", with("MIRROR_FEISHU_BASE_URL=http://" + free(t)), 1, "credentials"},
		{"another company", with("MIRROR_FEISHU_TENANT_KEY=other"), 2, "tenant"},
		{"no database", with("MIRROR_DATABASE_URL=postgres://u:hush@" + free(t) + "/mirror"), 5, "database"},
		{"a database URL that is none", with("MIRROR_DATABASE_URL=:hush"), 2, "database"},
		{"schema too old", with("MIRROR_DATABASE_URL=" + pgtest.EmptyURL(t)), 5, "schema"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := run(t, environment(c.env...), binary("mirror"), "doctor", "--format", "json")
			var told struct {
				State    string
				ExitCode int `json:"exit_code"`
				Checks   []struct{ Check, State, Says, Do string }
			}
			if err := json.Unmarshal([]byte(r.stdout), &told); err != nil {
				t.Fatalf("%v\n%s%s", err, r.stdout, r.stderr)
			}
			if r.code != c.code || told.ExitCode != c.code || told.State != "FAIL" || strings.Contains(r.stdout+r.stderr, "hush") {
				t.Errorf("exit code %d (%d told), want %d\n%s%s", r.code, told.ExitCode, c.code, r.stdout, r.stderr)
			}
			for _, check := range told.Checks {
				if check.State == "FAIL" {
					if check.Check != c.fail || check.Do == "" {
						t.Errorf("fails at %+v, want %s", check, c.fail)
					}
					return
				}
			}
		})
	}

	// A permission short: a warning is no failure, a call that a walk needs is.
	if err := server.RevokeScope(server.AppID(), "contact:user.phone:readonly"); err != nil {
		t.Fatal(err)
	}
	if report := mustRun(t, environment(good...), binary("mirror"), "doctor"); !strings.Contains(report, "WARN  permission contact:user.phone:readonly") {
		t.Errorf("phones are hidden, and doctor says:\n%s", report)
	}
	if err := server.RevokePermission("GET /contact/v3/users/find_by_department"); err != nil {
		t.Fatal(err)
	}
	if r := run(t, environment(good...), binary("mirror"), "doctor"); r.code != 3 || !strings.Contains(r.stdout, "contact:contact.base:readonly") {
		t.Errorf("people cannot be listed, and doctor ends with %d:\n%s", r.code, r.stdout)
	}
	if r := run(t, environment(good...), binary("mirror"), "doctor", "--format", "xml"); r.code != 2 {
		t.Errorf("an unknown format: exit code %d", r.code)
	}
}

// The monthly budget binds doctor too.
func TestDoctorKeepsTheBudget(t *testing.T) {
	t.Parallel()
	server, settings := upstream(t, 10, 2)
	env := environment(append(settings, "MIRROR_DATABASE_URL="+pgtest.URL(t), "MIRROR_FEISHU_MONTHLY_CALLS=2")...)
	r := run(t, env, binary("mirror"), "doctor")
	calls := int64(0)
	for endpoint, stats := range server.Stats() {
		if !strings.Contains(endpoint, "/auth/") {
			calls += int64(stats.Calls)
		}
	}
	if r.code != 1 || calls > 2 || !strings.Contains(r.stdout, "MIRROR_FEISHU_MONTHLY_CALLS") {
		t.Errorf("exit code %d after %d calls:\n%s", r.code, calls, r.stdout)
	}
}

func TestParked(t *testing.T) {
	t.Parallel()
	server, settings := upstream(t, 20, 3)
	database := pgtest.URL(t)
	env := environment(append(settings, "MIRROR_DATABASE_URL="+database)...)
	var id string
	for id = range server.Truth().Users {
		break
	}
	if err := server.OverrideField(sandbox.KindUser, id, "gender", json.RawMessage(`["none of ours"]`)); err != nil {
		t.Fatal(err)
	}
	backfill(t, env)
	execute(t, database, `DELETE FROM mirror.reread_queue`)

	var list struct {
		Parked []struct {
			Position   int64
			Field      string
			EntityKind string `json:"entity_kind"`
		}
	}
	text := mustRun(t, env, binary("mirror"), "parked", "list", "--format", "json")
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list.Parked) != 1 || list.Parked[0].Field != "gender" || list.Parked[0].EntityKind != "user" {
		t.Fatalf("%v\n%s", err, text)
	}
	text += mustRun(t, env, binary("mirror"), "parked", "list")
	if !strings.Contains(text, "gender  wrong type") || strings.Contains(text, id) || strings.Contains(text, "none of ours") {
		t.Errorf("the list lacks something, or says too much:\n%s", text)
	}
	position := strconv.FormatInt(list.Parked[0].Position, 10)
	if shown := mustRun(t, env, binary("mirror"), "parked", "show", position); !strings.Contains(shown, id) || strings.Contains(shown, "none of ours") {
		t.Errorf("show:\n%s", shown)
	}
	for _, format := range []string{"text", "json"} {
		if shown := mustRun(t, env, binary("mirror"), "parked", "show", position, "--payload", "--format", format); !strings.Contains(shown, "none of ours") {
			t.Errorf("show --payload:\n%s", shown)
		}
	}
	if out := mustRun(t, env, binary("mirror"), "parked", "retry", "--all"); !strings.Contains(out, "gender  reread") {
		t.Errorf("retry:\n%s", out)
	}
	for _, args := range [][]string{{"retry", position}, {"retry", "--all"}, {"list"}} { // again does nothing more
		if out := mustRun(t, env, binary("mirror"), append([]string{"parked"}, args...)...); strings.Contains(out, "gender") {
			t.Errorf("%v:\n%s", args, out)
		}
	}
	// It is still as it was in Feishu, and so the next walk says so, once; where a
	// re-read does not say so at the same time.
	execute(t, database, `DELETE FROM mirror.reread_queue`)
	for range 2 {
		backfill(t, env)
		if out := mustRun(t, env, binary("mirror"), "parked", "list"); strings.Count(out, "gender") != 1 {
			t.Errorf("after another walk:\n%s", out)
		}
	}
	for _, args := range []string{"show", "show x", "show 99999", "retry", "retry 0", "retry --all 1", "list --limit=-1", "sideways"} {
		if r := run(t, env, binary("mirror"), append([]string{"parked"}, strings.Fields(args)...)...); r.code != 2 || r.stderr == "" {
			t.Errorf("parked %s: exit code %d, %s", args, r.code, r.stderr)
		}
	}
}
