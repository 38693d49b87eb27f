package e2e_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
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
		{name: "events get lost on the long connection, and a sweep heals", lossy: true, way: "websocket"},
		// Without lost events and with talkative ones nothing but re-reads is needed.
		{name: "events all arrive in the end, and no sweep is needed"},
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
		c.changes = int(numberIn(t, liveChanges, 3000))
	}
	t.Logf("seed %d, %d changes", c.seed, c.changes)
	l := c.begin(t)
	incidents := l.trouble()
	l.calm()
	if c.lossy {
		l.healed()
	}
	l.compare()
	if c.lossy && !t.Failed() {
		l.company.narrow()
		l.healed()
		l.compare()
	}
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

// begin mirrors a company, and serves with its events coming in.
func (c liveRun) begin(t *testing.T) *live {
	t.Helper()
	l := &live{liveRun: c, t: t, random: rand.New(rand.NewPCG(c.seed, 1)), db: startDatabase(t), address: free(t), told: map[string]bool{}}
	var err error
	l.server, err = sandbox.Start(t.Context(), sandbox.Config{
		People: 300, Departments: 40, Seed: c.seed, Options: c.options(),
		// Pushed again after 45 ms, 0.9 s, 10.8 s and 64.8 s.
		Delivery: sandbox.Delivery{RetryScale: 0.003, Parallel: 8, History: 1_000_000, Client: &sandbox.ClientConfig{ReconnectCount: -1, ReconnectInterval: 1, PingInterval: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.server.Close(); err != nil {
			t.Errorf("close the sandbox: %v", err)
		}
	})
	if !c.lossy { // after 1.5 s, 30 s ...: whoever is away for a while misses nothing
		l.server.SetDelivery(func(d *sandbox.Delivery) { d.RetryScale = 0.1 })
	}
	l.server.SetClockSkew(time.Duration(l.random.IntN(6001)-3000) * time.Millisecond)
	l.company = newLiveCompany(t, l.server, c.seed)
	l.env = environment(append(webhook(secrets.VerificationToken, secrets.EncryptKey), "MIRROR_DATABASE_URL="+l.db.url,
		"MIRROR_FEISHU_BASE_URL="+l.server.URL(), "MIRROR_FEISHU_APP_ID="+l.server.AppID(), "MIRROR_FEISHU_APP_SECRET="+l.server.AppSecret(),
		"MIRROR_FEISHU_RATE=off", "MIRROR_MAX_REMOVALS=90%", "MIRROR_WEBHOOK_LISTEN="+l.address)...)
	if c.way != "" {
		l.env = append(l.env, "MIRROR_EVENTS="+c.way)
	}
	if !c.lossy {
		l.env = append(l.env, "MIRROR_REREAD=always") // events with an empty old_object say no more than that
	}
	mustRun(t, l.env, binary("mirror"), "migrate", "up")
	l.sweep(0)
	l.serve()
	l.subscribe()
	l.faults()
	return l
}

// options are a way in which Feishu may behave, as far as no document says.
func (c liveRun) options() (o sandbox.Options) {
	random := rand.New(rand.NewPCG(c.seed, 2))
	flags := []*bool{
		&o.DepartmentIDsInObject, &o.EmptyFields, &o.FullOldStatus, &o.ChangedItemsOnly, &o.FullOldDepartment, &o.DeletedFlags,
		&o.UpdatedOnResign, &o.ExtraFields, &o.DottedLineUserIDs, &o.CountryNames, &o.CustomParentInScope, &o.AffectedFieldKeys,
		&o.OneEmployeeTypeEvent, &o.SharedEventIDs, &o.OrderedEvents, &o.RetriesKeepSignature,
	}
	if c.lossy {
		flags = append(flags, &o.UnreadableChanges, &o.UncarriedChanges, &o.SilentChatUnbinding, &o.SiblingEvents, &o.FollowUpEvents,
			&o.SilentOwnWrites, &o.RangeEvents, &o.ListResigned)
		o.ResurrectEvent = pick(random, sandbox.ResurrectSilently, sandbox.ResurrectAsCreated, sandbox.ResurrectAsUpdated)
		o.MovesAcrossRange = pick(random, sandbox.MovesAreUpdates, sandbox.MovesAreSilent, sandbox.MovesComeAndLeave)
	} else {
		o.UnreadableChanges, o.UncarriedChanges, o.SiblingEvents, o.FollowUpEvents = true, true, true, true
		o.ResurrectEvent = pick(random, sandbox.ResurrectAsCreated, sandbox.ResurrectAsUpdated)
	}
	for _, flag := range flags {
		*flag = random.IntN(2) == 0
	}
	o.RootParent = pick(random, sandbox.RootParentZero, sandbox.RootParentEmpty, sandbox.RootParentAbsent)
	return o
}

func pick[T any](random *rand.Rand, from ...T) T { return from[random.IntN(len(from))] }

func (l *live) serve() {
	l.t.Helper()
	l.service = serveWith(l.t, l.env)
}

func (l *live) subscribe() {
	l.t.Helper()
	s := sandbox.Subscription{Mode: sandbox.ModeLongConnection, Unchecked: true}
	if l.way == "" {
		s = sandbox.Subscription{
			Mode: sandbox.ModeWebhook, URL: "http://" + l.address + "/webhook/event",
			VerificationToken: sandbox.Secret(secrets.VerificationToken), EncryptKey: sandbox.Secret(secrets.EncryptKey),
		}
	}
	if err := l.server.Subscribe(l.t.Context(), l.server.AppID(), s); err != nil {
		l.t.Fatal(err)
	}
}

// faults are what happens to events on their way.
func (l *live) faults() {
	l.t.Helper()
	faults := []sandbox.EventFault{
		{Duplicates: 1, Probability: 0.05},
		{Duplicates: 3, Probability: 0.05},
		{LoseAcks: 1, Probability: 0.03},
		{LoseAcks: 2, Probability: 0.02},
		{Reorder: 2, Probability: 0.05},
		{Reorder: 20, Probability: 0.05},
		{DelayMS: 500, Probability: 0.03},
		{DelayMS: 4000, Probability: 0.03},
		{DelayMS: 15_000, Probability: 0.02},
	}
	if l.lossy {
		faults = append(faults, sandbox.EventFault{Field: "object.join_time", Value: []byte(`"soon"`), Probability: 0.01},
			sandbox.EventFault{Field: "object.name", Value: []byte(`{"not":"a name"}`), Probability: 0.005})
		// What is deleted of definitions is told by its event only, until they are
		// read by the clock.
		for _, eventType := range []string{
			"contact.user.created_v3", "contact.user.updated_v3", "contact.user.deleted_v3", "contact.department.created_v3",
			"contact.department.updated_v3", "contact.department.deleted_v3", "contact.scope.updated_v3",
		} {
			faults = append(faults, sandbox.EventFault{EventType: eventType, Lose: true, Probability: 0.03})
		}
	}
	for i, f := range faults {
		f.Count, f.Seed = -1, l.seed+uint64(i)
		if err := l.server.AddEventFault(f); err != nil {
			l.t.Fatal(err)
		}
	}
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

// compare compares the mirror with the truth.
func (l *live) compare() {
	l.t.Helper()
	truth, mirror := trueFacts(l.t, l.server, l.server.AppID()), mirrored(l.t, l.db.url, nil)
	var wrong []string
	for _, name := range truth.differ(mirror) {
		// The root is there for whom may not see it, too.
		unseen := truth["department 0 exists"] == "" && strings.HasPrefix(name, "department 0 ")
		if !unseen && (l.lossy || !needsSweep(name, truth)) {
			wrong = append(wrong, name)
		}
	}
	for i, name := range wrong {
		if i == 20 {
			l.t.Errorf("and %d more", len(wrong)-i)
			break
		}
		l.t.Errorf("%s is %q, in the mirror %q", name, truth[name], mirror[name])
	}
	for _, name := range wrong[:min(len(wrong), 20)] {
		l.story(name)
	}
	l.t.Logf("%d facts compared", len(truth))
}

// needsSweep reports whether only a sweep could have told: the counts, which no
// event moves, and that somebody lost a value whose permission shows nothing
// else, where no answer beside theirs has one.
func needsSweep(name string, truth facts) bool {
	field := name[strings.LastIndex(name, " ")+1:]
	if field == "member_count" || field == "primary_member_count" {
		return true
	}
	shows := map[string]int{}
	var permissions []string
	for _, f := range sandbox.FieldPermissions() {
		for _, permission := range f.Any {
			shows[permission]++
		}
		if strings.HasPrefix(name, string(f.Kind)+" ") && f.Field == field {
			permissions = f.Any
		}
	}
	return truth[name] == "" && len(permissions) == 1 && shows[permissions[0]] == 1
}

// story logs what the log and the sandbox know of an entity, once.
func (l *live) story(fact string) {
	l.t.Helper()
	parts := strings.Fields(fact)
	for _, id := range parts[1 : len(parts)-1] {
		if l.told[id] || len(l.told) > 5 {
			continue
		}
		l.told[id] = true
		out := run(l.t, l.env, binary("mirror"), "sql", `SELECT position, recorded_at, occurred_at, event_type, source, correlation_id,
			left(regexp_replace(payload::text, '"avatar":.*?},|"header":.*?},', '', 'g'), 900) AS payload
			FROM mirror.event_log WHERE entity_id = '`+id+`' ORDER BY position DESC LIMIT 12`)
		l.t.Logf("the log of %s:\n%s", id, out.stdout)
		var told strings.Builder
		for _, e := range l.server.Events(l.server.AppID()) {
			if strings.Contains(string(e.Event), `"`+id+`"`) {
				fmt.Fprintf(&told, "%s %s: %s after %d pushes\n", e.Created.UTC(), e.Type, e.State, len(e.Attempts))
			}
		}
		l.t.Logf("what was told of %s:\n%s", id, told.String())
	}
	if len(parts) > 0 && !l.told["sweeps"] {
		l.told["sweeps"] = true
		for _, query := range []string{
			`SELECT sweep_id, state, started_at, completed_at, appended, unchanged, candidates, hidden FROM mirror.sweep ORDER BY started_at`,
			`SELECT sweep_id, entity_kind, verdict, code, count(*) FROM mirror.removal GROUP BY 1, 2, 3, 4`,
		} {
			l.t.Logf("sweeps:\n%s", run(l.t, l.env, binary("mirror"), "sql", query).stdout)
		}
		l.t.Logf("last range: %+v", l.server.Apps()[0].Range)
	}
}

// arrived reports whether the mirror got an event, be it that Feishu heard no
// answer.
func arrived(e sandbox.EventRecord) bool {
	for _, push := range e.Attempts {
		if push.Error == "" || push.Error == "the answer did not arrive" {
			return true
		}
	}
	return false
}

// fates are how the events ended.
func (l *live) fates() map[string]int {
	fates := map[string]int{}
	for _, e := range l.server.Events(l.server.AppID()) {
		state := string(e.State)
		if arrived(e) {
			state = string(sandbox.EventDelivered)
		}
		fates[state]++
		if len(e.Attempts) > 1 {
			fates["pushed again"]++
		}
	}
	if !l.lossy && fates[string(sandbox.EventLost)] > 0 {
		l.t.Errorf("%d events were lost, which were all to arrive", fates[string(sandbox.EventLost)])
	}
	return fates
}
