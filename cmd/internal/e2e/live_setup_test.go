package e2e_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

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
	l.company.part = c.part
	l.env = environment(append(webhook(secrets.VerificationToken, secrets.EncryptKey), "MIRROR_DATABASE_URL="+l.db.url,
		"MIRROR_FEISHU_BASE_URL="+l.server.URL(), "MIRROR_FEISHU_APP_ID="+l.server.AppID(), "MIRROR_FEISHU_APP_SECRET="+l.server.AppSecret(),
		"MIRROR_FEISHU_RATE=off", "MIRROR_MAX_REMOVALS=99%", "MIRROR_WEBHOOK_LISTEN="+l.address)...)
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
		{DelayMS: 3_600_000, Probability: 0.01}, // until all is delivered in the end
	}
	if l.lossy {
		faults = append(faults, sandbox.EventFault{Field: "object.join_time", Value: []byte(`"soon"`), Probability: 0.01},
			sandbox.EventFault{Field: "object.name", Value: []byte(`{"not":"a name"}`), Probability: 0.005})
		for _, eventType := range []string{
			"contact.user.created_v3", "contact.user.updated_v3", "contact.user.deleted_v3", "contact.department.created_v3",
			"contact.department.updated_v3", "contact.department.deleted_v3", "contact.scope.updated_v3",
			"contact.employee_type_enum.created_v3", "contact.employee_type_enum.updated_v3", "contact.employee_type_enum.deleted_v3",
			"contact.employee_type_enum.actived_v3", "contact.employee_type_enum.deactivated_v3",
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
