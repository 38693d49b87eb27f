package push

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFaultsOfEvents(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		faults []Fault
		pushed []string
		states []string
	}{
		{"none", nil, []string{"e1", "e2", "e3", "e4"}, []string{"e1 delivered 1", "e2 delivered 1", "e3 delivered 1", "e4 delivered 1"}},
		{
			"lost", []Fault{{Lose: true, Skip: 1}},
			[]string{"e1", "e3", "e4"},
			[]string{"e1 delivered 1", "e2 lost 0", "e3 delivered 1", "e4 delivered 1"},
		},
		{
			"late", []Fault{{DelayMS: 50}},
			[]string{"e2", "e3", "e4", "e1"},
			[]string{"e1 delivered 1", "e2 delivered 1", "e3 delivered 1", "e4 delivered 1"},
		},
		{
			"duplicated after a success", []Fault{{Duplicates: 2, Skip: 3}},
			[]string{"e1", "e2", "e3", "e4", "e4", "e4"},
			[]string{"e1 delivered 1", "e2 delivered 1", "e3 delivered 1", "e4 delivered 3"},
		},
		{
			"reordered", []Fault{{Reorder: 2}},
			[]string{"e2", "e3", "e1", "e4"},
			[]string{"e1 delivered 1", "e2 delivered 1", "e3 delivered 1", "e4 delivered 1"},
		},
		{
			"reordered, two of them", []Fault{{Reorder: 2, Count: 2}},
			[]string{"e3", "e4", "e1", "e2"},
			[]string{"e1 delivered 1", "e2 delivered 1", "e3 delivered 1", "e4 delivered 1"},
		},
		{
			"answers that do not arrive", []Fault{{LoseAcks: 2, Skip: 3}},
			[]string{"e1", "e2", "e3", "e4", "e4", "e4"},
			[]string{"e1 delivered 1", "e2 delivered 1", "e3 delivered 1", "e4 delivered 3"},
		},
		{
			"no answer ever", []Fault{{LoseAcks: 99, Skip: 3}},
			[]string{"e1", "e2", "e3", "e4", "e4", "e4", "e4", "e4"},
			[]string{"e1 delivered 1", "e2 delivered 1", "e3 delivered 1", "e4 lost 5"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, Settings{RetryScale: instant}, Behaviour{})
			hook := newWebhook(t, nil)
			r.subscribe(plainHook(hook.URL))
			for _, f := range c.faults {
				r.fault(f)
			}
			r.send(1, 4)
			r.done()
			if diff := cmp.Diff(c.pushed, hook.ids()); diff != "" {
				t.Errorf("pushed mismatch (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(c.states, r.states()); diff != "" {
				t.Errorf("history mismatch (-want +got)\n%s", diff)
			}
		})
	}
}

func TestAFieldOfTheWrongType(t *testing.T) {
	t.Parallel()
	r := newRig(t, Settings{}, Behaviour{})
	hook := newWebhook(t, nil)
	r.subscribe(plainHook(hook.URL))
	r.fault(Fault{Field: "object.n", Value: json.RawMessage(`"one"`)})
	r.send(1, 2)
	r.done()
	var bodies []string
	for _, p := range hook.all() {
		var e struct{ Event json.RawMessage }
		if err := json.Unmarshal([]byte(p.body), &e); err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, string(e.Event))
	}
	if diff := cmp.Diff([]string{`{"object":{"n":"one"}}`, `{"object":{"n":2}}`}, bodies); diff != "" {
		t.Errorf("pushed mismatch (-want +got)\n%s", diff)
	}
	if got := string(r.Events(testApp)[0].Event); got != bodies[0] {
		t.Errorf("the history has %s", got)
	}
}

// Those that wait for later events do not wait for ever.
func TestReorderedWithoutSuccessors(t *testing.T) {
	t.Parallel()
	r := newRig(t, Settings{}, Behaviour{})
	hook := newWebhook(t, nil)
	r.subscribe(plainHook(hook.URL))
	r.fault(Fault{Reorder: 3})
	r.send(1, 2)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := r.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"e2", "e1"}, hook.ids()); diff != "" {
		t.Errorf("pushed mismatch (-want +got)\n%s", diff)
	}
	r.send(3, 4) // the held one has gone: nobody waits for these
	r.done()
	if diff := cmp.Diff([]string{"e2", "e1", "e3", "e4"}, hook.ids()); diff != "" {
		t.Errorf("pushed mismatch (-want +got)\n%s", diff)
	}
}

func TestOrderedEventsWaitForEachOther(t *testing.T) {
	t.Parallel()
	r := newRig(t, Settings{RetryScale: instant, Parallel: 4}, Behaviour{})
	hook := newWebhook(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n%2 == 0 { // every event fails once
			w.WriteHeader(500)
		}
	})
	r.subscribe(plainHook(hook.URL))
	for _, id := range []string{"a", "b", "c"} {
		r.Send(testApp, Event{ID: id, Type: "x", Ordered: true, Payload: json.RawMessage(`{}`)})
	}
	r.done()
	if diff := cmp.Diff([]string{"a", "a", "b", "b", "c", "c"}, hook.ids()); diff != "" {
		t.Errorf("pushed mismatch (-want +got)\n%s", diff)
	}
}

func TestAFailedEventHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, Settings{}, Behaviour{})
	hook := newWebhook(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 0 {
			w.WriteHeader(500)
		}
	})
	r.subscribe(plainHook(hook.URL))
	r.send(1, 3)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := r.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	ids := hook.ids()
	slices.Sort(ids)
	if diff := cmp.Diff([]string{"e1", "e1", "e2", "e3"}, ids); diff != "" {
		t.Errorf("pushed mismatch (-want +got)\n%s", diff)
	}
}

func TestParallelPushes(t *testing.T) {
	t.Parallel()
	r := newRig(t, Settings{Parallel: 3}, Behaviour{})
	var under, most atomic.Int64
	meet := make(chan struct{})
	hook := newWebhook(t, func(_ int, _ http.ResponseWriter, _ *http.Request) {
		if n := under.Add(1); n > most.Load() {
			most.Store(n)
			if n == 3 {
				close(meet)
			}
		}
		<-meet // all three are here at once
		under.Add(-1)
	})
	r.subscribe(plainHook(hook.URL))
	r.send(1, 9)
	r.done()
	if most.Load() != 3 || len(hook.all()) != 9 {
		t.Errorf("%d pushes at once, %d in all", most.Load(), len(hook.all()))
	}
}

func TestWaitEndsWithItsContextAndTheHub(t *testing.T) {
	t.Parallel()
	h := New(Config{Now: time.Now, App: func(string) (App, bool) { return App{}, true }})
	if err := h.Subscribe(t.Context(), testApp, plainHook("http://127.0.0.1:1")); err != nil {
		t.Fatal(err)
	}
	if err := h.Wait(t.Context()); err != nil {
		t.Errorf("with nothing to wait for: %v", err)
	}
	if err := h.AddFault(Fault{DelayMS: 3_600_000}); err != nil {
		t.Fatal(err)
	}
	h.Send(testApp, Event{ID: "e", Payload: json.RawMessage(`{}`)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting with an ended context: %v", err)
	}
	h.Run(ctx)
	if err := h.Wait(t.Context()); !errors.Is(err, ErrEnded) {
		t.Errorf("waiting at an ended hub: %v", err)
	}
	if got := h.Events(testApp)[0].State; got != Pending {
		t.Errorf("the event is %s", got)
	}
}
