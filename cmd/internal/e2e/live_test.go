package e2e_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// The variables by which a run is repeated, or made longer.
const (
	liveSeed    = "ORGMIRROR_LIVE_SEED"    // of the runs that have none of their own
	liveChanges = "ORGMIRROR_LIVE_CHANGES" // how many changes a run makes
)

// TestLive lets a company change for a while, with everything going wrong that
// can, and compares the mirror with it in the end: in every field that the app
// may see, as the sandbox's table of permissions says.
func TestLive(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a minute")
	}
	for _, c := range []liveRun{
		{name: "events get lost, and a sweep heals", lossy: true},
		{name: "events get lost on the long connection of an app that sees a part, and a sweep heals", lossy: true, way: "websocket", part: true},
		// Without lost events and with talkative ones nothing but re-reads is needed.
		{name: "events all arrive in the end, and no sweep is needed"},
		// Seeds that failed once.
		{name: "who comes back into range has lost a leader meanwhile", seed: 7050412224927153907, lossy: true, way: "websocket"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t)
		})
	}
}

// liveRun is one run of the test.
type liveRun struct {
	name    string
	seed    uint64 // 0: another one each time
	changes int    // 0: the usual number
	way     string // of the events; webhook where empty
	lossy   bool
	part    bool // the app never sees everybody
}

// live is a run under way.
type live struct {
	liveRun
	t       *testing.T
	random  *rand.Rand // of the incidents
	server  *sandbox.Server
	db      *database
	env     []string
	address string // of the webhook, in every life of the service
	service service
	company *liveCompany
	told    map[string]bool // of which entities a failing test has told the story
}

func (c liveRun) run(t *testing.T) {
	if c.seed == 0 {
		c.seed = numberIn(t, liveSeed, rand.Uint64())
	}
	if c.changes == 0 {
		usual := uint64(3000)
		if raceDetector { // the programs are several times as slow
			usual = 500
		}
		c.changes = int(numberIn(t, liveChanges, usual))
	}
	t.Logf("seed %d, %d changes", c.seed, c.changes)
	l := c.begin(t)
	if c.part {
		l.company.narrow()
	}
	incidents := l.trouble()
	l.calm()
	if c.lossy {
		l.healed()
	}
	l.compare()
	if c.lossy && !c.part && !t.Failed() { // another part may have nobody in common with it: all would be held
		l.company.narrow()
		l.healed()
		l.compare()
	}
	// Nor has any kill or crash left tables that do not follow from the log.
	mustRun(t, l.env, binary("mirror"), "verify")
	t.Logf("changes %v", l.company.made)
	t.Logf("incidents %v; events %v", incidents, l.fates())
}

func numberIn(t *testing.T, variable string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// trouble changes the company, and lets things happen to the mirror meanwhile.
func (l *live) trouble() map[string]int {
	l.t.Helper()
	ctx, cancel := context.WithCancel(l.t.Context())
	defer cancel()
	changed := make(chan struct{})
	go func() {
		defer close(changed)
		l.company.live(ctx, l.changes, l.lossy)
	}()
	defer func() { <-changed }()
	defer cancel() // before that, where the test fails
	happened := map[string]int{}
	all := map[string]func(){
		"kill":    func() { l.kill(syscall.SIGKILL) },
		"stop":    func() { l.kill(syscall.SIGTERM) },
		"crash":   func() { l.restartDatabase(syscall.SIGQUIT) },
		"restart": func() { l.restartDatabase(syscall.SIGINT) },
		"sweep":   func() { l.sweep(0, 1, 4) },
	}
	if l.way == "websocket" {
		all["break"] = func() { l.breakConnections(sandbox.SocketDropped) }
		all["deafen"] = func() { l.breakConnections(sandbox.SocketHalfOpen) }
	}
	if !l.lossy {
		delete(all, "sweep")
	}
	names := slices.Sorted(maps.Keys(all))
	for i := 0; ; i++ {
		name := names[l.random.IntN(len(names))]
		if i < len(names) {
			name = names[i] // each once at least
		}
		all[name]()
		happened[name]++
		l.pause(time.Duration(l.random.IntN(1500)) * time.Millisecond)
		select {
		case <-changed:
			if i >= len(names) {
				return happened
			}
		default:
		}
	}
}

// pause lets the mirror work for a while.
func (l *live) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-l.t.Context().Done():
	}
}

func (l *live) kill(how os.Signal) {
	l.t.Helper()
	l.service.signal(l.t, how)
	l.service.code(l.t)
	l.pause(time.Duration(l.random.IntN(1000)) * time.Millisecond)
	l.serve()
}

func (l *live) restartDatabase(how syscall.Signal) {
	l.t.Helper()
	l.db.stop(l.t, how)
	l.pause(time.Duration(l.random.IntN(1000)) * time.Millisecond)
	l.db.start(l.t)
}

func (l *live) breakConnections(how sandbox.SocketFault) {
	l.t.Helper()
	if _, err := l.server.BreakConnections(l.server.AppID(), how); err != nil {
		l.t.Fatal(err)
	}
}

// sweep walks the company; it must end with one of the codes.
func (l *live) sweep(codes ...int) {
	l.t.Helper()
	r := run(l.t, l.env, binary("backfill"))
	if !slices.Contains(codes, r.code) {
		l.t.Fatalf("backfill: exit code %d\n%s\n%s", r.code, r.stdout, r.stderr)
	}
}

// healed waits for what a sweep and its re-reads say of the company as it is
// now. A sweep that goes on where an interrupted one was has looked earlier.
func (l *live) healed() {
	l.t.Helper()
	for backfill(l.t, l.env).Resumed {
	}
	execute(l.t, l.db.url, `UPDATE mirror.poll_missing SET missing_at = missing_at - interval '2 minutes'`)
	backfill(l.t, l.env) // the second list that lacks what is gone without an event
	l.drained()
}

// calm ends all changes and faults, and waits until the mirror has heard all
// that it is going to hear.
func (l *live) calm() {
	l.t.Helper()
	l.server.ClearEventFaults()
	if l.way == "websocket" {
		waitFor(l.t, "the long connection", func() bool { return l.server.Connections(l.server.AppID()) > 0 })
	}
	l.company.settle()
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	if err := l.server.FlushEvents(ctx); err != nil {
		l.t.Fatalf("deliver what is left: %v", err)
	}
	l.drained()
}

// drained waits until everything is projected and read again.
func (l *live) drained() {
	l.t.Helper()
	waitFor(l.t, "the projector and the re-reads", func() bool {
		return count(l.t, l.env, `SELECT (SELECT count(*) FROM mirror.reread_queue) +
			(SELECT h.position - c.position FROM mirror.event_log_head h, mirror.checkpoint c WHERE c.consumer = 'core')`) == 0
	})
}
