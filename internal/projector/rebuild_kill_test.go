package projector_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/postgres"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/projector"
)

// rebuildStages are the points at which a rebuild is ended. Those from the swap on
// end it with the new generation serving, which is equal.
var rebuildStages = []projector.Stage{
	projector.StageCreate, projector.StageFold, projector.StageIndex, projector.StageCompare,
	projector.StageFollow, projector.StageSwap, projector.StageDrop, projector.StageDone,
}

// The variable by which a test starts itself as the rebuild that is killed.
const rebuildVictimStage = "ORGMIRROR_TEST_REBUILD_STAGE"

// TestRebuildVictim is no test: it is the process of TestRebuildKilled, which ends
// itself at the stage that it is told.
func TestRebuildVictim(t *testing.T) {
	t.Parallel()
	stage := projector.Stage(os.Getenv(rebuildVictimStage))
	if stage == "" {
		return
	}
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: os.Getenv(victimURL), ApplicationName: "victim"})
	if err != nil {
		t.Fatal(err)
	}
	log, err := eventlog.Open(t.Context(), pool, eventlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = projector.New(pool, log, projector.Options{}).Rebuild(t.Context(), projector.RebuildOptions{Progress: func(p projector.Progress) {
		if p.Stage == stage && (stage != projector.StageFold || p.Done > 0) {
			if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
				t.Error(err)
			}
			select {} // it comes any moment
		}
	}})
	t.Errorf("the rebuild ended before it was killed: %v", err)
}

func TestRebuildKilled(t *testing.T) {
	t.Parallel()
	for _, stage := range rebuildStages {
		t.Run(string(stage), func(t *testing.T) {
			t.Parallel()
			url := pgtest.URL(t)
			b := open(t, url)
			b.company(t, 41, 200)
			before := contents(t, b.pool)
			victim := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRebuildVictim$")
			victim.Env = append(os.Environ(), victimURL+"="+url, rebuildVictimStage+"="+string(stage))
			out, err := victim.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("the victim was not killed: %v\n%s", err, out)
			}
			b.survived(t, before)
		})
	}
}

func TestRebuildCancelled(t *testing.T) {
	t.Parallel()
	for _, stage := range rebuildStages {
		t.Run(string(stage), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.company(t, 42, 200)
			before := contents(t, b.pool)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			result, err := b.projector.Rebuild(ctx, projector.RebuildOptions{Progress: func(p projector.Progress) {
				if p.Stage == stage {
					cancel()
				}
			}})
			swapped := stage == projector.StageDrop || stage == projector.StageDone
			if (err == nil) != swapped || !swapped && !errors.Is(err, context.Canceled) {
				t.Errorf("err = %v, result %+v", err, result)
			}
			b.survived(t, before)
		})
	}
}

// survived checks that the read model is as it was and goes on, and that the next
// rebuild leaves nothing of the one that was ended.
func (b *bundle) survived(t *testing.T, before map[string][]string) {
	t.Helper()
	if diff := cmp.Diff(before, contents(t, b.pool)); diff != "" {
		t.Errorf("the read model changed (-before +after):\n%s", diff)
	}
	b.append(t, newLife(43).next())
	b.project(t, 100)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		_, err := b.projector.Rebuild(ctx, projector.RebuildOptions{})
		if err == nil {
			break
		}
		if !errors.Is(err, projector.ErrRebuilding) { // the server has not noticed yet
			t.Fatal(err)
		}
	}
	want(t, schemas(t, b.pool), "analytics", "directory", "history")
	want(t, lines(t, b.pool, `SELECT state FROM mirror.generation`), "serving")
	if _, err := b.projector.Verify(t.Context(), projector.VerifyOptions{}); err != nil {
		t.Error(err)
	}
}
