package sandbox_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// hook is a webhook that remembers the bodies it got, and answers challenges.
type hook struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
}

func newHook(t testing.TB) *hook {
	t.Helper()
	h := &hook{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		var c struct{ Challenge string }
		if json.Unmarshal(raw, &c) == nil && c.Challenge != "" {
			fmt.Fprintf(w, `{"challenge":%q}`, c.Challenge)
			return
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.bodies = append(h.bodies, string(raw))
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.bodies...)
}

type envelope struct {
	Schema string
	Header struct {
		EventID    string `json:"event_id"`
		EventType  string `json:"event_type"`
		CreateTime string `json:"create_time"`
		Token      string
		AppID      string `json:"app_id"`
		TenantKey  string `json:"tenant_key"`
	}
}

func TestEnvelopeOfEvents(t *testing.T) {
	t.Parallel()
	at := newClock()
	k := start(t, sandbox.Config{TenantKey: "t1", Clock: at.now})
	h := newHook(t)
	must(t, k.Subscribe(t.Context(), k.AppID(), sandbox.Subscription{Mode: sandbox.ModeWebhook, URL: h.URL, VerificationToken: "tok"}))
	k.SetClockSkew(-time.Minute)
	u := k.addUser(sandbox.User{Name: "王伟"})
	must(t, k.SetLeader(u.OpenID, k.addUser(sandbox.User{Name: "李娜"}).OpenID))
	k.settle()
	var ids []string
	for _, raw := range h.all() {
		e := decodeAs[envelope](t, []byte(raw))
		want := strconv.FormatInt(at.now().Add(-time.Minute).UnixMilli(), 10)
		if e.Schema != "2.0" || e.Header.CreateTime != want || e.Header.Token != "tok" || e.Header.AppID != k.AppID() || e.Header.TenantKey != "t1" {
			t.Errorf("header %+v, want the time %s", e.Header, want)
		}
		if len(e.Header.EventID) != 32 || strings.Contains(strings.Join(ids, " "), e.Header.EventID) {
			t.Errorf("event_id %q after %q", e.Header.EventID, ids)
		}
		ids = append(ids, e.Header.EventID)
	}
	if len(ids) != 3 {
		t.Errorf("%d events", len(ids))
	}
}

func TestEachAppHasEventsOfItsOwn(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	other := k.app(sandbox.App{ID: "cli_other"})
	for _, shared := range []bool{false, true} {
		k.options(func(o *sandbox.Options) { o.SharedEventIDs = shared })
		u := k.addUser(sandbox.User{Name: "王伟"})
		mine, theirs := k.Events(k.AppID()), k.Events(other)
		if (mine[0].ID == theirs[0].ID) != shared {
			t.Errorf("event ids %s and %s", mine[0].ID, theirs[0].ID)
		}
		a, b := k.news(k.AppID())[0].Object, k.news(other)[0].Object
		if a["open_id"] != u.OpenID || b["open_id"] == u.OpenID || !strings.HasPrefix(b["open_id"].(string), "ou_") || a["union_id"] != b["union_id"] {
			t.Errorf("open_ids %v and %v", a["open_id"], b["open_id"])
		}
		// One edit, three events: each has an id of its own also when apps share them.
		must(t, k.ChangeUser(u.OpenID, func(u *sandbox.User) { u.Name, u.Mobile, u.Email = "x", "+86"+u.UserID, u.UserID+"@x.cn" }))
		seen := map[string]bool{}
		for _, e := range k.Events(k.AppID()) {
			seen[e.ID] = true
		}
		if len(seen) != 3 {
			t.Errorf("three events have %d ids", len(seen))
		}
		k.ForgetEvents(k.AppID())
		k.ForgetEvents(other)
	}
}

func TestOrderedEventsOption(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{Delivery: sandbox.Delivery{RetryScale: 1e-9, Parallel: 3}, Options: sandbox.Options{EventOptions: sandbox.EventOptions{OrderedEvents: true}}})
	h := newHook(t)
	must(t, k.Subscribe(t.Context(), k.AppID(), sandbox.Subscription{Mode: sandbox.ModeWebhook, URL: h.URL}))
	must(t, k.AddEventFault(sandbox.EventFault{LoseAcks: 1, Count: -1}))
	for i := range 5 {
		k.addUser(sandbox.User{Name: fmt.Sprint("p", i)})
	}
	k.settle()
	var names []string
	for _, raw := range h.all() {
		names = append(names, decodeAs[struct {
			Event struct{ Object struct{ Name string } }
		}](t, []byte(raw)).Event.Object.Name)
	}
	if diff := cmp.Diff([]string{"p0", "p0", "p1", "p1", "p2", "p2", "p3", "p3", "p4", "p4"}, names); diff != "" {
		t.Errorf("mismatch (-want +got)\n%s", diff)
	}
}

// An app of the marketplace gets its ticket as an event of the old kind, and a
// token for it.
func TestAppTicket(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	app := k.app(sandbox.App{ID: "cli_store", Store: true, Permissions: []string{}})
	h := newHook(t)
	must(t, k.Subscribe(t.Context(), app, sandbox.Subscription{Mode: sandbox.ModeWebhook, URL: h.URL, VerificationToken: "tok", EventTypes: []string{}}))
	r := k.send(http.MethodPost, "/open-apis/auth/v3/app_ticket/resend", "", `{"app_id":"cli_store","app_secret":"secret"}`)
	r.wantCode(t, 200, 0)
	k.addUser(sandbox.User{Name: "x"}) // for which the app has no permission
	k.settle()
	bodies := h.all()
	if len(bodies) != 2 { // one on subscribing, one that was asked for
		t.Fatalf("%d events: %q", len(bodies), bodies)
	}
	e := decodeAs[struct {
		TS, UUID, Token, Type, Schema string
		Event                         struct {
			AppID  string `json:"app_id"`
			Ticket string `json:"app_ticket"`
			Type   string
		}
	}](t, []byte(bodies[1]))
	if seconds, _, ok := strings.Cut(e.TS, "."); !ok || len(seconds) != 10 || len(e.UUID) != 32 || e.Token != "tok" || e.Type != "event_callback" || e.Schema != "" || e.Event.Type != "app_ticket" || e.Event.AppID != app {
		t.Errorf("%s", bodies[1])
	}
	token := k.send(http.MethodPost, "/open-apis/auth/v3/app_access_token", "", fmt.Sprintf(`{"app_id":"cli_store","app_secret":"secret","app_ticket":%q}`, e.Event.Ticket))
	if token.Code != 0 || token.App == "" {
		t.Errorf("the ticket is worth %s", token.raw)
	}
}

func TestEventControls(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	h := newHook(t)
	app := k.AppID()
	k.wantControl("PUT", "/subscriptions/nobody", `{}`, 404)
	k.wantControl("PUT", "/subscriptions/"+app, `{"mode":"webhook"}`, 400)
	k.wantControl("PUT", "/subscriptions/"+app, `{"mode":"webhook","url":"`+h.URL+`","encrypt_key":"kk"}`, 400) // it cannot read the challenge
	k.wantControl("PUT", "/subscriptions/"+app, `{"mode":"webhook","url":"`+h.URL+`","verification_token":"tok","encrypt_key":"kk","unchecked":true}`, 200)
	if got := k.wantControl("GET", "/subscriptions", "", 200); strings.Contains(got, "kk") || strings.Contains(got, "tok\"") {
		t.Errorf("secrets are shown: %s", got)
	}
	k.wantControl("PUT", "/subscriptions/"+app, `{"mode":"webhook","url":"`+h.URL+`"}`, 200)

	k.wantControl("POST", "/event_faults", `{"lose":true,"loose":1}`, 400)
	k.wantControl("POST", "/event_faults", `{}`, 400)
	k.wantControl("POST", "/event_faults", `{"event_type":"contact.user.created_v3","field":"object.gender","value":"male"}`, 200)
	k.wantControl("POST", "/event_faults", `{"delay_ms":3600000,"count":1}`, 200)
	k.wantControl("PATCH", "/delivery", `{"retry_scale":0.001,"client_config":{"PingInterval":5}}`, 200)
	k.wantControl("PATCH", "/delivery", `{"retry":0.001}`, 400)
	const delivery = `{"retry_scale":0.001,"deadline_ms":0,"parallel":0,"chunk_bytes":0,"history":0,"client_config":{"ReconnectCount":-1,"ReconnectInterval":120,"ReconnectNonce":30,"PingInterval":5}}`
	if got := k.wantControl("GET", "/delivery", "", 200); got != delivery {
		t.Errorf("delivery %s", got)
	}
	k.wantControl("POST", "/users", `{"name":"王伟","gender":1}`, 200)
	k.wantControl("POST", "/users", `{"name":"李娜"}`, 200)
	if got := k.wantControl("GET", "/event_faults", "", 200); got != "[]" {
		t.Errorf("faults %s", got)
	}
	k.wantControl("POST", "/events/wait?timeout_ms=20", "", 400)
	k.wantControl("POST", "/events/flush", "", 200)
	k.wantControl("POST", "/events/wait", "", 200)
	events := decodeAs[[]struct {
		State    string
		Attempts []object
		Event    struct{ Object object }
	}](t, []byte(k.wantControl("GET", "/events?app_id="+app, "", 200)))
	if len(events) != 2 || events[0].State != "delivered" || len(events[0].Attempts) != 1 || events[0].Event.Object["gender"] != "male" || len(h.all()) != 3 { // with the challenge that was not read
		t.Errorf("history %+v, pushed %d", events, len(h.all()))
	}
	k.wantControl("DELETE", "/events", "", 200)
	if got := k.wantControl("GET", "/events", "", 200); got != "[]" {
		t.Errorf("history %s", got)
	}
	k.wantControl("POST", "/event_faults", `{"lose":true,"count":-1}`, 200)
	k.wantControl("DELETE", "/event_faults", "", 200)
	k.wantControl("DELETE", "/subscriptions/"+app, "", 200)
	k.wantControl("POST", "/users", `{"name":"孙丽"}`, 200)
	if got := k.Events(app); len(got) != 1 || got[0].State != sandbox.EventUnsubscribed {
		t.Errorf("history %+v", got)
	}
	if got := k.wantControl("GET", "/connections/"+app, "", 200) + k.wantControl("POST", "/connections/"+app+"/dropped", "", 200); got != `{"connections":0}{"connections":0}` {
		t.Errorf("connections %s", got)
	}
	k.wantControl("POST", "/connections/"+app+"/burnt", "", 400)
}

func TestEventOptionsAsJSON(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	k.wantControl("PATCH", "/options", `{"resurrect_event":"updated","root_parent":"empty","moves_across_range":"none","no_quick_retry":true,"empty_fields":true}`, 200)
	o := k.Options()
	if o.ResurrectEvent != "updated" || o.RootParent != "empty" || o.MovesAcrossRange != "none" || !o.NoQuickRetry || !o.EmptyFields {
		t.Errorf("options %+v", o)
	}
	for _, bad := range []string{`{"resurrect_event":"deleted"}`, `{"root_parent":"0"}`, `{"moves_across_range":"x"}`, `{"empty":true}`} {
		k.wantControl("PATCH", "/options", bad, 400)
	}
	if again := k.Options(); again != o {
		t.Errorf("a refused change has changed something: %+v", again)
	}
	k.wantControl("PATCH", "/options", `{"resurrect_event":"","root_parent":"absent","moves_across_range":"created_deleted"}`, 200)

	// Those about delivery are in force at once.
	k.wantControl("PATCH", "/options", `{"lose_without_clients":true}`, 200)
	k.wantControl("PUT", "/subscriptions/"+k.AppID(), `{"mode":"long_connection","unchecked":true}`, 200)
	k.addUser(sandbox.User{Name: "王伟"})
	k.settle()
	if e := k.Events(k.AppID())[0]; e.State != sandbox.EventLost || len(e.Attempts) != 1 {
		t.Errorf("without a client, the event is %+v", e)
	}
}

// The endpoint discovery stands on the port of the contact service, also for a
// base URL that ends in a slash.
func TestDiscoveryIsBesideTheContactService(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	for _, path := range []string{"/callback/ws/endpoint", "//callback/ws/endpoint"} {
		r := k.send(http.MethodPost, path, "", fmt.Sprintf(`{"AppID":%q,"AppSecret":%q}`, k.AppID(), k.AppSecret()))
		if r.status != 200 || r.Code != 0 || !strings.Contains(r.raw, "ws://"+strings.TrimPrefix(k.URL(), "http://")+"/ws/v2?") {
			t.Errorf("%s: %s", path, r.raw)
		}
	}
	if r := k.send(http.MethodPost, "/callback/ws/endpoint", "", `{"AppID":"cli_x","AppSecret":"x"}`); r.Code != 1000040346 {
		t.Errorf("%s", r.raw)
	}
	if r := k.send(http.MethodGet, "/ws/v2", "", ""); r.status != 400 || r.header.Get("Handshake-Status") != "514" {
		t.Errorf("HTTP %d %v", r.status, r.header)
	}
}
