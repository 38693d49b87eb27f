package e2e_test

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// The embedded server belongs to the processes that use it, not to the one that
// started it.
func TestEmbeddedServerIsShared(t *testing.T) {
	t.Parallel()
	// The list at which a walk is held up until the faults are cleared: the client
	// gives up waiting and asks again.
	slow := sandbox.Fault{Endpoint: "GET /contact/v3/users/find_by_department", Skip: 2, Count: -1, DelayMS: 600_000}
	halfWay := func(t *testing.T, server *sandbox.Server) {
		t.Helper()
		waitFor(t, "the walk to come to a halt", func() bool { return server.Stats()[slow.Endpoint].Calls > slow.Skip })
	}

	t.Run("backfill starts it and ends, and serve goes on", func(t *testing.T) {
		t.Parallel()
		server, settings := upstream(t, 30, 8)
		env := environment(append(settings, "MIRROR_DATA_DIR="+dataDir(t))...)
		if err := server.AddFault(slow); err != nil {
			t.Fatal(err)
		}
		walk := start(t, env, binary("backfill"))
		halfWay(t, server)
		s := serve(t, env)
		walk.signal(t, os.Interrupt)
		if code := walk.code(t); code != 130 {
			t.Errorf("backfill: exit code %d, want 130", code)
		}
		s.people(t) // fails the test if nobody answers
		server.ClearFaults()
		backfill(t, env)
		if n := s.people(t); n != "30" {
			t.Errorf("%s people, want 30", n)
		}
	})

	t.Run("serve starts it and ends, and backfill goes on", func(t *testing.T) {
		t.Parallel()
		server, settings := upstream(t, 30, 8)
		env := environment(append(settings, "MIRROR_DATA_DIR="+dataDir(t))...)
		if err := server.AddFault(slow); err != nil {
			t.Fatal(err)
		}
		s := serve(t, env)
		walk := start(t, env, binary("backfill"))
		halfWay(t, server)
		s.signal(t, syscall.SIGTERM)
		if code := s.code(t); code != 0 {
			t.Errorf("serve: exit code %d", code)
		}
		server.ClearFaults()
		if code := walk.code(t); code != 0 {
			t.Errorf("backfill: exit code %d\n%s", code, walk.stderr)
		}
		if status := mustRun(t, env, binary("mirror"), "status"); !strings.HasSuffix(status, "\ncomplete\n") {
			t.Errorf("status from a server started anew:\n%s", status)
		}
	})

	t.Run("its starter is killed, and serve answers", func(t *testing.T) {
		t.Parallel()
		server, settings := upstream(t, 30, 8)
		env := environment(append(settings, "MIRROR_DATA_DIR="+dataDir(t))...)
		if err := server.AddFault(slow); err != nil {
			t.Fatal(err)
		}
		walk := start(t, env, binary("backfill"))
		halfWay(t, server)
		s := serve(t, env)
		walk.signal(t, os.Kill)
		walk.code(t)
		waitFor(t, "an answer", func() bool {
			code, _ := get(t, s.rest+"/v1/sync/status")
			return code == 200
		})
		server.ClearFaults()
		if w := backfill(t, env); !w.Resumed || s.people(t) != "30" {
			t.Errorf("walk: %+v, %s people", w, s.people(t))
		}
	})
}
