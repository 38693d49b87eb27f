package e2e_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

const (
	mostASecond, mostAMinute = 50, 130
	// reset is how long the sandbox wants nobody to call after a refusal, and
	// underWay how late a call may still come that was sent before its sender could
	// know: a second on a busy machine.
	resetAfter, underWay = 4 * time.Second, time.Second
)

// The service's re-reads and a walk keep the limits together, also when the walk
// is killed and begun again, and nobody calls before a refusal's time is over.
func TestServeAndBackfillKeepTheRateTogether(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes more than a minute, as the limit does")
	}
	server, settings := upstream(t, 400, 160)
	url := pgtest.URL(t)
	env := environment(append(settings, "MIRROR_DATABASE_URL="+url)...)
	backfill(t, env)
	for _, id := range slices.Sorted(maps.Keys(server.Truth().Users))[:20] {
		if err := server.EraseUser(id); err != nil { // whom a re-read and a proof ask for singly
			t.Fatal(err)
		}
	}
	server.ResetStats()
	server.ClearHistory()
	const lists, users = "GET /contact/v3/users/find_by_department", "GET /contact/v3/users/:user_id"
	for _, f := range []sandbox.Fault{{Endpoint: lists, Skip: 15, Count: 2}, {Endpoint: users, Skip: 3}} {
		f.Preset, f.Headers = "throttle", map[string]string{"X-Ogw-Ratelimit-Reset": fmt.Sprint(int(resetAfter.Seconds()))}
		if err := server.AddFault(f); err != nil {
			t.Fatal(err)
		}
	}

	env = append(env, fmt.Sprintf("MIRROR_FEISHU_RATE=%d/s,%d/m", mostASecond, mostAMinute))
	serve(t, env)
	readAllAgain(t, url)
	first := start(t, env, binary("backfill"))
	// The first walk has used up the minute; then the second one may begin.
	waitUpTo(t, time.Minute+patience, "half of the lists", func() bool { return server.Stats()[lists].Calls >= 60 })
	first.signal(t, syscall.SIGKILL)
	first.code(t)
	readAllAgain(t, url)
	second := start(t, env, binary("backfill"))
	select {
	case <-second.done:
	case <-time.After(3 * time.Minute): // the limit alone makes one of it
		t.Fatalf("the walk does not end; stderr:\n%s", second.stderr)
	}
	if code := second.code(t); code != 0 {
		t.Fatalf("exit code %d; stderr:\n%s", code, second.stderr)
	}

	for endpoint, stats := range server.Stats() {
		if strings.HasPrefix(endpoint, "POST /auth/") {
			continue
		}
		t.Logf("%s: %d calls, at most %d in a second and %d in a minute", endpoint, stats.Calls, stats.MaxPerSecond, stats.MaxPerMinute)
		if stats.MaxPerSecond > mostASecond || stats.MaxPerMinute > mostAMinute {
			t.Errorf("%s: above %d in a second or %d in a minute", endpoint, mostASecond, mostAMinute)
		}
	}
	if n := server.Stats()[lists].Calls; n <= mostAMinute {
		t.Errorf("%d lists were read, too few to meet the minute's limit", n)
	}
	if n := keptAway(t, server.History(sandbox.HistoryFilter{})); n != 3 {
		t.Errorf("%d refusals, want three", n)
	}
	equalsSeen(t, url, server)
}

// keptAway checks that nobody called before a refusal's time was over.
func keptAway(t *testing.T, history []sandbox.Request) (refusals int) {
	t.Helper()
	for _, refused := range history {
		if refused.Status != 429 {
			continue
		}
		refusals++
		for _, r := range history {
			if after := r.Time.Sub(refused.Time); r.Endpoint == refused.Endpoint && after > underWay && after < resetAfter {
				t.Errorf("%s was called %v after it had asked for %v", r.Endpoint, after, resetAfter)
			}
		}
	}
	return refusals
}

// readAllAgain queues everybody for a re-read.
func readAllAgain(t *testing.T, url string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Exec(t.Context(), `
		INSERT INTO mirror.reread_queue (tenant_key, entity_kind, entity_id, reasons, not_before, position)
		SELECT tenant_key, entity_kind, entity_id, '{unknown}', now(), 0
		FROM directory.fold_state
		WHERE entity_kind IN ('user', 'department') AND entity_id <> '0'
		ON CONFLICT DO NOTHING`)
	if err = errors.Join(err, conn.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
}
