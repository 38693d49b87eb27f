package projector_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/postgres"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/projector"
)

// kills is how often the projector's process is killed.
const kills = 200

// The variables by which the test starts itself as the process to be killed.
const (
	victimURL  = "ORGMIRROR_TEST_VICTIM_URL"
	victimSeed = "ORGMIRROR_TEST_VICTIM_SEED"
)

// TestVictim is no test: it is the process that TestKills starts and kills. It
// appends a company's life and projects it at the same time.
func TestVictim(t *testing.T) {
	t.Parallel()
	url := os.Getenv(victimURL)
	if url == "" {
		return
	}
	seed, err := strconv.ParseUint(os.Getenv(victimSeed), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: url, ApplicationName: "victim"})
	if err != nil {
		t.Fatal(err)
	}
	log, err := eventlog.Open(t.Context(), pool, eventlog.Options{TenantKey: tenant, AppID: "cli_1"})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if err := projector.New(pool, log, projector.Options{PageSize: 7}).Run(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	l := newLife(seed)
	alive := false
	for l.n < 100_000 { // far more than a life of milliseconds holds
		records := make([]directory.Record, 1+l.random.IntN(20))
		for i := range records {
			records[i] = l.next()
			records[i].EventID += fmt.Sprintf("-%d", seed)
		}
		if _, err := log.Append(t.Context(), records...); err != nil {
			t.Fatal(err)
		}
		if !alive {
			fmt.Println("alive")
			alive = true
		}
	}
}

// TestKills kills the projector's process at random instants, and compares what
// it left with a projection of the same log that nobody disturbed.
func TestKills(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts two hundred processes")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 2))
	url := pgtest.URL(t)
	for i := range kills {
		killOne(t, url, seed+uint64(i), time.Duration(random.IntN(60_000))*time.Microsecond)
	}
	b := open(t, url)
	b.project(t, 500)
	head, err := b.log.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d kills, %d records", kills, head.Position)
	if head.Position < kills {
		t.Errorf("only %d records in %d lives: the test does not test", head.Position, kills)
	}
	undisturbed := setup(t)
	undisturbed.copyLog(t, b)
	undisturbed.project(t, 1000)
	compareTables(t, undisturbed.pool, b.pool)
	checkHistory(t, b.pool)
	checkFold(t, b)
	if result, err := b.projector.Verify(t.Context(), projector.VerifyOptions{}); err != nil {
		t.Errorf("%v: %+v", err, result)
	}
}

// killOne starts a victim and kills it some time after it came alive.
func killOne(t *testing.T, url string, seed uint64, after time.Duration) {
	t.Helper()
	victim := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestVictim$")
	victim.Env = append(os.Environ(), victimURL+"="+url, victimSeed+"="+strconv.FormatUint(seed, 10))
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "alive\n" {
		t.Fatalf("the victim says %q: %v", line, err)
	}
	timer := time.NewTimer(after)
	<-timer.C
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := victim.Wait(); !errors.As(err, &exit) {
		t.Fatalf("the victim was not killed: %v", err)
	}
}

func open(t *testing.T, url string) *bundle {
	t.Helper()
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: url, ApplicationName: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return bundleOn(t, pool)
}

// copyLog appends another log's records, in order.
func (b *bundle) copyLog(t *testing.T, from *bundle) {
	t.Helper()
	for position := directory.Position(0); ; {
		records, err := from.log.Read(t.Context(), position, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(records) == 0 {
			return
		}
		b.append(t, records...)
		position = records[len(records)-1].Position
	}
}

// tables are those that the log determines. The re-read queue is not: whether an
// event came late depends on when it was appended.
var tables = []string{
	"directory.users", "directory.departments", "directory.memberships", "directory.department_leaders",
	"directory.fold_state", "directory.search_keys", "history.users", "history.departments", "history.memberships", "history.department_leaders", "history.search_keys",
	"mirror.event_log_parked",
}

func compareTables(t *testing.T, wantPool, gotPool *pgxpool.Pool) {
	t.Helper()
	for _, table := range tables {
		sql := `SELECT to_jsonb(r)::text FROM ` + table + ` r ORDER BY 1` //nolint:gosec // a constant of this file
		want, got := lines(t, wantPool, sql), lines(t, gotPool, sql)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-undisturbed +killed):\n%s", table, diff)
		}
	}
}

// checkHistory holds for every log: one open version, no overlap, no hole.
func checkHistory(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	for table, key := range map[string]string{
		"users": "open_id", "departments": "open_department_id",
		"memberships": "open_department_id, open_id", "department_leaders": "open_department_id, open_id",
	} {
		edge := table == "memberships" || table == "department_leaders"
		bad := lines(t, pool, `
			SELECT concat_ws(' ', `+key+`, from_position, to_position, following, valid_from, valid_to)
			FROM (SELECT *, lead(from_position) OVER (PARTITION BY `+key+` ORDER BY from_position) AS following,
			             lead(valid_from) OVER (PARTITION BY `+key+` ORDER BY from_position) AS following_valid
			      FROM history.`+table+`) v
			WHERE from_position >= to_position OR valid_from > valid_to
			   OR following < to_position OR following_valid < valid_to
			   OR NOT $1 AND (following IS DISTINCT FROM nullif(to_position, 9223372036854775807))`, edge)
		if len(bad) > 0 {
			t.Errorf("history.%s is torn: %v", table, bad)
		}
	}
}

// checkFold compares the current rows with the pure fold of the log.
func checkFold(t *testing.T, b *bundle) {
	t.Helper()
	var want []string
	for key, s := range foldLog(t, b, 0) {
		if key.Kind == directory.KindUser && s.Known() {
			u := directory.UserOf(s)
			want = append(want, fmt.Sprintf("%s %s %v", key.ID, *u.Name, u.RemovedAt == nil))
		}
	}
	got := lines(t, b.pool, `SELECT open_id || ' ' || name || ' ' || (removed_at IS NULL) FROM directory.users`)
	if diff := cmp.Diff(want, got, sorted); diff != "" {
		t.Errorf("people (-fold +table):\n%s", diff)
	}
}

// foldLog folds the log up to a position without a database; 0 is all of it.
func foldLog(t *testing.T, b *bundle, upTo directory.Position) map[directory.Key]*directory.State {
	t.Helper()
	records, err := b.log.Read(context.WithoutCancel(t.Context()), 0, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	states := map[directory.Key]*directory.State{}
	for _, r := range records {
		if upTo > 0 && r.Position > upTo {
			break
		}
		for _, c := range directory.Decode(r).Changes {
			if states[c.Key] == nil {
				states[c.Key] = directory.NewState(c.Key)
			}
			states[c.Key].Apply(c)
		}
	}
	return states
}
