package sdktest_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	larkevent "github.com/larksuite/oapi-sdk-go/v3/event"
	"github.com/larksuite/oapi-sdk-go/v3/event/dispatcher"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// The dispatcher decrypts, verifies and decodes every type of event.
func TestDispatcherTakesEveryType(t *testing.T) {
	t.Parallel()
	for _, o := range []sandbox.Options{
		{},
		{FollowUpEvents: true, EventOptions: sandbox.EventOptions{
			EmptyFields: true, ExtraFields: true, DepartmentIDsInObject: true, FullOldStatus: true, FullOldDepartment: true, UncarriedChanges: true,
			ResurrectEvent: sandbox.ResurrectAsUpdated, UpdatedOnResign: true, DeletedFlags: true, RangeEvents: true,
		}},
	} {
		k := start(t, sandbox.Config{Options: o, Delivery: sandbox.Delivery{RetryScale: 1e-9}})
		var got inbox
		must(t, k.Subscribe(t.Context(), k.AppID(), sandbox.Subscription{
			Mode: sandbox.ModeWebhook, URL: receive(t, typed(&got)), VerificationToken: "tok", EncryptKey: "key",
		}))
		live(t, k)
		for i, end := range k.settled() {
			if end != "delivered 1" {
				e := k.Events(k.AppID())[i]
				t.Errorf("%s: %s, %+v\n%s", e.Type, end, e.Attempts, e.Event)
			}
		}
		types := got.all()
		if len(types) != len(k.Events(k.AppID())) {
			t.Errorf("%d events were handled, %d sent", len(types), len(k.Events(k.AppID())))
		}
		slices.Sort(types)
		if diff := cmp.Diff(everyType, slices.Compact(types)); diff != "" {
			t.Errorf("types mismatch (-want +got)\n%s", diff)
		}
	}
}

func TestDispatcherRefuses(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{Delivery: sandbox.Delivery{RetryScale: 1e-9}})
	var got inbox
	url := receive(t, typed(&got))
	subscribe := func(s sandbox.Subscription) error {
		s.Mode, s.URL = sandbox.ModeWebhook, url
		return k.Subscribe(t.Context(), k.AppID(), s)
	}
	for name, s := range map[string]sandbox.Subscription{
		"no key": {VerificationToken: "tok"}, "another key": {VerificationToken: "tok", EncryptKey: "other"}, "another token": {VerificationToken: "x", EncryptKey: "key"},
	} {
		if err := subscribe(s); err == nil || !strings.Contains(err.Error(), "500") {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, subscribe(sandbox.Subscription{VerificationToken: "tok", EncryptKey: "other", Unchecked: true}))
	k.hire("x")
	k.settled()
	must(t, subscribe(sandbox.Subscription{VerificationToken: "tok", EncryptKey: "key"}))
	// One field of another type poisons an event for good.
	must(t, k.AddEventFault(sandbox.EventFault{Field: "object.employee_type", Value: json.RawMessage(`"1"`)}))
	k.hire("y")
	k.hire("z")
	ends := k.settled()
	if diff := cmp.Diff([]string{"lost 5", "lost 5", "delivered 1"}, ends); diff != "" {
		t.Errorf("ends mismatch (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"contact.user.created_v3"}, got.all()); diff != "" {
		t.Errorf("handled mismatch (-want +got)\n%s", diff)
	}
}

// With a plain webhook, the SDK takes events without a signature.
func TestDispatcherWithoutKey(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	var got inbox
	url := receive(t, hired(func(name string) error { got.add(name); return nil }))
	must(t, k.Subscribe(t.Context(), k.AppID(), sandbox.Subscription{Mode: sandbox.ModeWebhook, URL: url}))
	k.hire("王伟")
	k.settled()
	if diff := cmp.Diff([]string{"王伟"}, got.all()); diff != "" {
		t.Errorf("handled mismatch (-want +got)\n%s", diff)
	}
}

// The dispatcher keeps an app_ticket, which the SDK changes for a token.
func TestStoreAppLivesOnItsTicket(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 3})
	app := sandbox.App{ID: k.AppID() + "_store", Secret: "s", Store: true}
	must(t, k.AddApp(app))
	d := dispatcher.NewEventDispatcher("tok", "key")
	d.InitConfig(larkevent.WithLogger(quiet{}))
	must(t, k.Subscribe(t.Context(), app.ID, sandbox.Subscription{Mode: sandbox.ModeWebhook, URL: receive(t, d), VerificationToken: "tok", EncryptKey: "key", EventTypes: []string{}}))
	k.settled()
	if err := k.callAsStore(app); err != nil {
		t.Error(err)
	}
}
