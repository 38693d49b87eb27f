package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

const (
	kills = 100
	// mostAgain is how many calls a kill may cost.
	mostAgain = 25
)

// seeded is a source of chance whose seed the test's output tells.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// Killed at a hundred random instants, backfill comes to the truth, and makes at
// most 25 calls again for each of them.
func TestBackfillKilledAHundredTimes(t *testing.T) {
	t.Parallel()
	random := seeded(t)
	server, settings := upstream(t, 500, 120)
	url := pgtest.URL(t)
	env := environment(append(settings, "MIRROR_DATABASE_URL="+url)...)
	asked := map[string]bool{} // in the sweep that is under way
	killed, sweeps, again, worst := 0, 0, 0, 0
	for killed < kills {
		server.ClearHistory()
		server.ResetStats()
		died := killAt(t, server, env, 1+random.IntN(60))
		n := 0
		calls := answered(t, server)
		for _, call := range calls {
			if asked[call] {
				n++
			}
		}
		if n > mostAgain {
			t.Errorf("%d calls were made again after kill %d, at most %d may be", n, killed, mostAgain)
		}
		again, worst = again+n, max(worst, n)
		for _, call := range calls {
			asked[call] = true
		}
		if died {
			killed++
			continue
		}
		equalsSeen(t, url, server)
		sweeps++
		clear(asked)
		// Which of two walks looked later is known to a second, as Feishu tells the
		// time; here the next one begins at once.
		server.SetClockSkew(time.Duration(sweeps) * 2 * time.Second)
		change(t, server, random)
	}
	t.Logf("%d kills in %d sweeps and a part, %d calls made again, at most %d for one", killed, sweeps, again, worst)
	for backfill(t, env).Resumed { // what one walk saw may be older than the last changes
	}
	equalsSeen(t, url, server)
}

// change does a little of everything that a walk can find.
func change(t *testing.T, server *sandbox.Server, random *rand.Rand) {
	t.Helper()
	truth := server.Truth()
	leads := map[string]bool{}
	for _, d := range truth.Departments {
		leads[d.LeaderUserID] = true
	}
	for _, u := range truth.Users {
		leads[u.LeaderUserID] = true
		for _, id := range u.DottedLine {
			leads[id] = true
		}
	}
	departments, people := slices.Sorted(maps.Keys(truth.Departments)), slices.Sorted(maps.Keys(truth.Users))
	department := func() string { return departments[random.IntN(len(departments))] }
	person := func() string { // who leads nobody
		for {
			i := random.IntN(len(people))
			id := people[i]
			people = slices.Delete(people, i, i+1)
			if !leads[id] {
				return id
			}
		}
	}
	_, err := server.AddDepartment(sandbox.Department{Name: fmt.Sprint("新部门", random.Uint32()), ParentDepartmentID: department()})
	for range 3 {
		_, err2 := server.AddUser(sandbox.User{Name: "新人", DepartmentIDs: []string{department()}})
		err = errors.Join(err, err2,
			server.ResignUser(person()),
			server.EraseUser(person()),
			server.MoveUser(person(), department()),
			server.ChangeUser(person(), func(u *sandbox.User) { u.Name, u.JobTitle = "改名", "" }),
			server.ChangeDepartment(department(), func(d *sandbox.Department) { d.Name += "改" }),
		)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// killAt kills a backfill when it has made so many calls, and reports whether it
// was not faster.
func killAt(t *testing.T, server *sandbox.Server, env []string, calls int) bool {
	t.Helper()
	p := start(t, env, binary("backfill"))
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for made(server) < calls {
		select {
		case <-tick.C:
			continue
		case <-p.done:
		}
		break
	}
	_ = p.cmd.Process.Signal(syscall.SIGKILL) // it may have ended
	switch code := p.code(t); code {
	case -1:
		return true
	case 0:
		return false
	default:
		t.Fatalf("exit code %d; stderr:\n%s", code, p.stderr)
		return false
	}
}

// made is how many calls the sandbox has seen, tokens not counted.
func made(server *sandbox.Server) (n int) {
	for endpoint, stats := range server.Stats() {
		if !strings.HasPrefix(endpoint, "POST /auth/") {
			n += stats.Calls
		}
	}
	return n
}

// answered waits for the answers to all calls, which nobody may be there any more
// to take, and returns the calls.
func answered(t *testing.T, server *sandbox.Server) (calls []string) {
	t.Helper()
	waitFor(t, "the answers to all calls", func() bool {
		calls = nil
		for _, r := range server.History(sandbox.HistoryFilter{Endpoint: "GET *"}) {
			calls = append(calls, fmt.Sprint(r.Endpoint, r.Params, r.Query))
		}
		return len(calls) >= made(server)
	})
	return calls
}

// equalsSeen compares the read model with what the app's calls show, in every
// field that they show.
func equalsSeen(t *testing.T, url string, server *sandbox.Server) {
	t.Helper()
	if diff := cmp.Diff(seenObjects(t, server), mirroredObjects(t, url)); diff != "" {
		t.Errorf("the mirror is not what the app sees (-feishu +mirror):\n%s", diff)
	}
}

// seenObjects are what the app's calls show, in the form in which the mirror
// keeps it.
func seenObjects(t *testing.T, server *sandbox.Server) map[string]any {
	t.Helper()
	seen, err := server.SeenBy(server.AppID())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]any{}
	for kind, objects := range map[directory.Kind]map[string]json.RawMessage{
		directory.KindUser: seen.Users, directory.KindDepartment: seen.Departments,
	} {
		for id, object := range objects {
			r, err := directory.NewObservation(directory.Origin{TenantKey: "t"}, kind, id, time.Now(), directory.Observation{Object: object, Listed: true})
			if err != nil {
				t.Fatal(err)
			}
			state := directory.NewState(directory.Key{TenantKey: "t", Kind: kind, ID: id})
			for _, change := range directory.Decode(r).Changes {
				state.Apply(change)
			}
			raw := directory.UserOf(state).Attributes
			if kind == directory.KindDepartment {
				raw = directory.DepartmentOf(state).Attributes
			}
			all[string(kind)+" "+id] = decoded(t, raw)
		}
	}
	return all
}

func mirroredObjects(t *testing.T, url string) map[string]any {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), `
		SELECT 'user ' || open_id, attributes::text FROM directory.users WHERE removed_at IS NULL
		UNION ALL
		SELECT 'department ' || open_department_id, attributes::text FROM directory.departments WHERE removed_at IS NULL AND open_department_id <> '0'`)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]any{}
	var id, raw string
	if _, err := pgx.ForEachRow(rows, []any{&id, &raw}, func() error {
		all[id] = decoded(t, []byte(raw))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func decoded(t *testing.T, raw []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}
