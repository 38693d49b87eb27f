package intake_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/intake"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// startSandbox is a company that tells its app of its changes, and repeats what
// was not acknowledged soon.
func startSandbox(t *testing.T) *sandbox.Server {
	t.Helper()
	server, err := sandbox.Start(t.Context(), sandbox.Config{People: 60, Departments: 8, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("close the sandbox: %v", err)
		}
	})
	server.SetDelivery(func(d *sandbox.Delivery) {
		d.RetryScale, d.Parallel, d.DeadlineMS = 0.001, 8, 1000 // pushed again after 15 ms, 300 ms, 3.6 s, 21.6 s
		d.Client = &sandbox.ClientConfig{ReconnectCount: -1, ReconnectInterval: 1, PingInterval: 1}
	})
	return server
}

// live changes the company, and returns when nothing is under way any more.
func live(t *testing.T, server *sandbox.Server, changes int) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var people []string
	for _, u := range server.Truth().Users {
		people = append(people, u.OpenID)
	}
	for i := range changes {
		switch random.IntN(6) {
		case 0:
			if _, err := server.AddUser(sandbox.User{Name: fmt.Sprint("New ", i)}); err != nil {
				t.Fatal(err)
			}
		default:
			err := server.ChangeUser(people[random.IntN(len(people))], func(u *sandbox.User) { u.JobTitle = fmt.Sprint("Title ", i) })
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := server.FlushEvents(ctx); err != nil {
		t.Fatal(err)
	}
}

// everyEventOnce compares what Feishu has told with what is in the log.
func everyEventOnce(t *testing.T, k kit, server *sandbox.Server, source directory.Source) {
	t.Helper()
	in := map[string]directory.Record{}
	for _, r := range k.records(t) {
		if _, twice := in[r.EventID]; twice || r.Source != source || r.AppID != server.AppID() || r.EntityID == "" {
			t.Errorf("record of %s from %s, twice: %v", r.EventType, r.Source, twice)
		}
		in[r.EventID] = r
	}
	told := server.Events(server.AppID())
	for _, e := range told {
		r, ok := in[e.ID]
		if e.State != sandbox.EventDelivered || !ok || r.EventType != e.Type || !r.OccurredAt.Equal(e.Created.Truncate(time.Millisecond)) {
			t.Errorf("%s: %s after %d attempts, in the log: %v, at %s", e.Type, e.State, len(e.Attempts), ok, r.OccurredAt)
		}
	}
	if len(told) == 0 || len(told) != len(in) {
		t.Errorf("%d events told, %d in the log", len(told), len(in))
	}
}

func TestWebhookOfTheSandbox(t *testing.T) {
	t.Parallel()
	server, k := startSandbox(t), newKit(t)
	err := server.Subscribe(t.Context(), server.AppID(), sandbox.Subscription{ // answers the challenge
		Mode: sandbox.ModeWebhook, URL: k.url,
		VerificationToken: sandbox.Secret(secrets.VerificationToken), EncryptKey: sandbox.Secret(secrets.EncryptKey),
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := k.count(t, requestsTotal, "reason", "challenge"); n != 1 {
		t.Errorf("%v challenges answered", n)
	}
	faults(t, server, sandbox.EventFault{Duplicates: 2}, sandbox.EventFault{LoseAcks: 1}, sandbox.EventFault{Reorder: 5})
	live(t, server, 120)
	everyEventOnce(t, k, server, directory.SourceWebhook)
	if n := k.count(t, "orgmirror_intake_duplicate_total"); n == 0 {
		t.Error("no duplicates, although every third event came again")
	}
}

func TestLongConnectionOfTheSandbox(t *testing.T) {
	t.Parallel()
	server, k := startSandbox(t), newKit(t)
	for _, f := range []sandbox.EventFault{
		{Endpoint: &sandbox.EndpointFault{Code: 1, Msg: "system busy"}, Count: 2},
		{Handshake: &sandbox.HandshakeFault{Status: 514, AuthErrCode: 1000040350, Msg: "exceeded"}},
	} {
		if err := server.AddEventFault(f); err != nil {
			t.Fatal(err)
		}
	}
	w, stop := k.receiveAs(t, intake.WebsocketConfig{BaseURL: server.URL(), AppID: server.AppID(), AppSecret: server.AppSecret()})
	connected := func() {
		t.Helper()
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		deadline := time.After(time.Minute)
		for server.Connections(server.AppID()) == 0 || !w.Health().Connected {
			select {
			case <-ticker.C:
			case <-deadline:
				t.Fatalf("no connection: %+v", w.Health())
			}
		}
	}
	connected()
	if err := server.Subscribe(t.Context(), server.AppID(), sandbox.Subscription{Mode: sandbox.ModeLongConnection}); err != nil {
		t.Fatal(err)
	}
	faults(t, server, sandbox.EventFault{Duplicates: 2}, sandbox.EventFault{LoseAcks: 1}, sandbox.EventFault{Reorder: 5}, sandbox.EventFault{Chunks: 4})
	for _, how := range []sandbox.SocketFault{"", sandbox.SocketDropped, sandbox.SocketHalfOpen} {
		if how != "" {
			breaks := k.count(t, "orgmirror_intake_websocket_breaks_total")
			if _, err := server.BreakConnections(server.AppID(), how); err != nil {
				t.Fatal(err)
			}
			deadline := time.After(time.Minute)
			for k.count(t, "orgmirror_intake_websocket_breaks_total") == breaks {
				select {
				case <-time.After(5 * time.Millisecond):
				case <-deadline:
					t.Fatalf("%s: not noticed", how)
				}
			}
			connected()
		}
		live(t, server, 40)
	}
	everyEventOnce(t, k, server, directory.SourceWebsocket)
	stop()
}

// faults hit a part of the events each.
func faults(t *testing.T, server *sandbox.Server, all ...sandbox.EventFault) {
	t.Helper()
	for i, f := range all {
		f.Count, f.Probability, f.Seed = -1, 0.2, uint64(i)
		if err := server.AddEventFault(f); err != nil {
			t.Fatal(err)
		}
	}
}
