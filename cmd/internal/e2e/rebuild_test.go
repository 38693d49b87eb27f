package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

func TestRebuildAndVerify(t *testing.T) {
	t.Parallel()
	_, settings := upstream(t, 60, 8)
	url := pgtest.URL(t)
	env := environment(append(settings, "MIRROR_DATABASE_URL="+url)...)
	backfill(t, env)
	mirror := func(code int, args ...string) result {
		t.Helper()
		r := run(t, env, binary("mirror"), args...)
		if r.code != code {
			t.Fatalf("mirror %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), r.code, code, r.stdout, r.stderr)
		}
		return r
	}
	if r := mirror(0, "verify"); !strings.Contains(r.stdout, "they are what the log says") {
		t.Errorf("verify says:\n%s", r.stdout)
	}
	if r := mirror(0, "verify", "--sample", "10%"); !strings.Contains(r.stdout, "with 6 people") {
		t.Errorf("verify --sample says:\n%s", r.stdout)
	}
	if r := mirror(0, "rebuild", "--verify-only"); !strings.Contains(r.stdout, "equal") || !strings.Contains(r.stdout, "nothing was changed") {
		t.Errorf("rebuild --verify-only says:\n%s", r.stdout)
	}
	if r := mirror(0, "rebuild"); !strings.Contains(r.stdout, "generation 2 serves") || !strings.Contains(r.stderr, "fold") {
		t.Errorf("rebuild says:\n%s%s", r.stdout, r.stderr)
	}

	execute(t, url, `UPDATE directory.users SET mobile = '+86tampered' WHERE ctid = (SELECT min(ctid) FROM directory.users)`)
	r := mirror(6, "verify")
	if !strings.Contains(r.stdout, "mobile") || !strings.Contains(r.stdout, "ou_") || strings.Contains(r.stdout+r.stderr, "tampered") {
		t.Errorf("verify says:\n%s%s", r.stdout, r.stderr)
	}
	if r := mirror(6, "verify", "--show-values"); !strings.Contains(r.stdout, "+86tampered") {
		t.Errorf("verify --show-values says:\n%s", r.stdout)
	}
	for _, args := range [][]string{{"verify"}, {"rebuild"}, {"rebuild", "--verify-only"}} {
		r := mirror(6, append(args, "--format", "json")...)
		var told struct {
			Differences []struct {
				Table, What string
				Key         map[string]string
				Fields      []map[string]any
			}
		}
		if err := json.Unmarshal([]byte(r.stdout), &told); err != nil {
			t.Fatalf("%v\n%s", err, r.stdout)
		}
		if d := told.Differences; len(d) != 1 || d[0].Table != "directory.users" || d[0].What != "changed" || len(d[0].Fields) != 1 || len(d[0].Fields[0]) != 1 || d[0].Fields[0]["name"] != "mobile" {
			t.Errorf("%s says:\n%s", args, r.stdout)
		}
	}

	mirror(0, "rebuild", "--accept-differences", "--keep")
	mirror(0, "verify")
	if r := mirror(0, "rebuild", "list"); !strings.Contains(r.stdout, "kept") || !strings.Contains(r.stdout, "serving") {
		t.Errorf("rebuild list says:\n%s", r.stdout)
	}
	mirror(0, "rebuild", "rollback")
	mirror(6, "verify")
	mirror(0, "rebuild", "rollback", "--format", "json")
	mirror(0, "verify")
	mirror(0, "rebuild", "drop")
	mirror(2, "rebuild", "drop")
	mirror(2, "rebuild", "rollback")

	execute(t, url, `CREATE MATERIALIZED VIEW public.counts AS SELECT count(*) FROM directory.users`)
	if r := mirror(2, "rebuild"); !strings.Contains(r.stderr, "counts") {
		t.Errorf("rebuild says:\n%s", r.stderr)
	}
	for _, args := range [][]string{
		{"verify", "--sample", "0"},
		{"verify", "--sample", "101%"},
		{"verify", "--sample", "few"},
		{"verify", "--limit", "-1"},
		{"rebuild", "--verify-only", "--keep"},
		{"rebuild", "--format", "xml"},
		{"rebuild", "nosuch"},
	} {
		mirror(2, args...)
	}
}

// Clients of a running service notice nothing of a rebuild.
func TestRebuildBesideServe(t *testing.T) {
	t.Parallel()
	_, settings := upstream(t, 60, 8)
	env := environment(append(settings, "MIRROR_DATABASE_URL="+pgtest.URL(t))...)
	backfill(t, env)
	s := serve(t, env)
	ctx, stop := context.WithCancel(t.Context())
	group, ctx := errgroup.WithContext(ctx)
	paths := []string{"/v1/departments/0/children", "/v1/departments/0/users?recursive=true", "/v1/users:search?query=a", "/v1/departments/0/ancestors"}
	var answers atomic.Int64
	for _, path := range paths {
		group.Go(func() error {
			for ctx.Err() == nil {
				if code, body := get(t, s.rest+path); code != http.StatusOK {
					return fmt.Errorf("%s: %d %s", path, code, body)
				}
				answers.Add(1)
			}
			return nil
		})
	}
	for _, args := range [][]string{{"rebuild", "--keep"}, {"rebuild", "rollback"}, {"rebuild"}} {
		mustRun(t, env, binary("mirror"), args...)
	}
	stop()
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	if answers.Load() < 20 {
		t.Errorf("only %d answers: the test does not test", answers.Load())
	}
	mustRun(t, env, binary("mirror"), "verify")
}
