package push

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOptionsOfWebhooks(t *testing.T) {
	t.Parallel()
	r := newRig(t, Settings{RetryScale: instant}, Behaviour{SignWithoutKey: true, RetriesKeepSignature: true})
	hook := newWebhook(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n < 2 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	r.subscribe(plainHook(hook.URL))
	r.send(1, 1)
	r.done()
	got := hook.all()
	if len(got) != 3 || got[0].header.Get(headerSignature) != sign(got[0].header.Get(headerTimestamp), got[0].header.Get(headerNonce), "", []byte(got[0].body)) {
		t.Fatalf("pushed %+v", got)
	}
	if diff := cmp.Diff(got[0].header, got[2].header); diff != "" || got[0].body != got[2].body {
		t.Errorf("a retry differs (-first +third)\n%s", diff)
	}
}

// A subscription that ends while an event waits leaves it to the next one.
func TestASubscriptionTakesOverWhatWaits(t *testing.T) {
	t.Parallel()
	r := newRig(t, Settings{}, Behaviour{}) // a retry takes 15 s
	failed := make(chan struct{})
	first := newWebhook(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		close(failed)
	})
	r.subscribe(plainHook(first.URL))
	r.send(1, 1)
	<-failed
	second := newWebhook(t, nil)
	r.subscribe(plainHook(second.URL))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := r.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"e1 delivered 2"}, r.states()); diff != "" || len(first.all()) != 1 || len(second.all()) != 1 {
		t.Errorf("mismatch (-want +got)\n%s", diff)
	}
	r.fault(Fault{DelayMS: 3_600_000})
	r.send(2, 2)
	r.subscribe(Subscription{})
	if err := r.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if errs := r.errors("e2"); len(errs) != 5 || errs[0] != "the app is not subscribed any more" {
		t.Errorf("without a subscription the pushes end with %q", errs)
	}
}
