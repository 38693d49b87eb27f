package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

// ends reports whether `mirror status` says a word.
func ends(t *testing.T, env []string, word string) func() bool {
	t.Helper()
	return func() bool { return strings.HasSuffix(mustRun(t, env, binary("mirror"), "status"), "\n"+word+"\n") }
}

// The service walks by the clock, within the guard; walks and decisions that
// somebody makes beside it work.
func TestServeSweeps(t *testing.T) {
	t.Parallel()
	server, settings := upstream(t, 100, 12)
	env := environment(append(append(settings, webhook(secrets.VerificationToken, secrets.EncryptKey)...),
		"MIRROR_DATABASE_URL="+pgtest.URL(t), "MIRROR_SWEEP_INTERVAL=1s", "MIRROR_MAX_REMOVALS=1")...)
	backfill(t, env)
	s := serveWith(t, env)
	left := slices.Sorted(maps.Keys(server.Truth().Users))
	if err := server.ResignUser(left[0]); err != nil { // and no event tells
		t.Fatal(err)
	}
	waitFor(t, "who left is gone", func() bool { return s.people(t) == "99" })
	backfill(t, env) // beside it
	for _, id := range left[1:31] {
		if err := server.ResignUser(id); err != nil {
			t.Fatal(err)
		}
	}
	// A sweep may have been under way meanwhile; the next one holds the rest.
	var status string
	var held, live int
	waitFor(t, "those who left are held", func() bool {
		status = mustRun(t, env, binary("mirror"), "status")
		m := regexp.MustCompile(`\nheld removals +(\d+) of (\d+) of kind user: backfill removals show .*\nheld\n$`).FindStringSubmatch(status)
		if m == nil {
			return false
		}
		held, _ = strconv.Atoi(m[1])
		live, _ = strconv.Atoi(m[2])
		return live-held == 69
	})
	if !strings.Contains(status, "\nnext walk of serve ") || !strings.Contains(status, "\nevents                   webhook, last heard ") {
		t.Errorf("status:\n%s", status)
	}
	_, metrics := get(t, s.operations+"/metrics")
	for _, want := range []string{fmt.Sprintf(`orgmirror_held_removals{kind="user"} %d`, held), `orgmirror_crawl_sweeps_total{outcome="failed"} 0`, `orgmirror_drift_total{found_by="sweep",kind="user"} 0`} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("no %s among the metrics", want)
		}
	}
	if code, body := get(t, s.rest+"/v1/sync/status"); code != http.StatusOK || !strings.Contains(body, `"held_removals"`) || !strings.Contains(body, `"event_channel"`) {
		t.Errorf("sync status: %d %s", code, body)
	}
	report := mustRun(t, append(env[:len(env):len(env)], "MIRROR_WEBHOOK_LISTEN="+s.logged(t, "serving")["webhook"].(string)), binary("mirror"), "doctor")
	if !strings.Contains(report, "OK    webhook ") {
		t.Errorf("doctor:\n%s", report)
	}
}

// A service that Feishu refuses says so, and others know of it.
func TestStatusIsRed(t *testing.T) {
	t.Parallel()
	_, settings := upstream(t, 10, 2)
	env := environment(append(settings, "MIRROR_DATABASE_URL="+pgtest.URL(t))...)
	backfill(t, env)
	s := serve(t, append(env[:len(env):len(env)], "MIRROR_EVENTS=websocket", "MIRROR_FEISHU_APP_SECRET=wrong"))
	waitFor(t, "the service says it", func() bool {
		_, body := get(t, s.rest+"/v1/sync/status")
		var status struct{ State string }
		return json.Unmarshal([]byte(body), &status) == nil && status.State == "red"
	})
	waitFor(t, "others say it", ends(t, env, "red"))
	if status := mustRun(t, env, binary("mirror"), "status"); !strings.Contains(status, "\nevents                   websocket, refused by Feishu: ") {
		t.Errorf("status:\n%s", status)
	}
}
