package callback_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/feishu/callback"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// message reads a sample.
func message(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "messages", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func messages(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/messages/*.json")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d samples (%v)", len(files), err)
	}
	all := map[string][]byte{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		all[name] = message(t, name)
	}
	return all
}

func TestEvent(t *testing.T) {
	t.Parallel()
	type event struct {
		ID, Type, TenantKey, AppID, Token string
		CreatedAt                         time.Time
		Legacy                            bool
		OpenID                            string
	}
	const app, tenant = "cli_1", "2ca1d211f64f6438"
	at := time.Date(2020, 12, 23, 12, 19, 49, 0, time.UTC)
	old := time.Date(2017, 8, 8, 13, 33, 27, 717141900, time.UTC)
	cases := map[string]event{
		"token_last":          {ID: "a4", Type: "contact.user.updated_v3", TenantKey: tenant, AppID: app, Token: "tok", CreatedAt: at, OpenID: "ou_1"},
		"spaced":              {ID: "a3", Type: "contact.user.updated_v3", TenantKey: tenant, AppID: app, Token: "tok", CreatedAt: at, OpenID: "ou_1"},
		"numbers_for_strings": {ID: "987654321", Type: "contact.user.updated_v3", TenantKey: tenant, AppID: app, Token: "7", CreatedAt: at, OpenID: "12345"},
		"not_utf8":            {ID: "a2", Type: "contact.user.updated_v3", TenantKey: tenant, AppID: app, Token: "tok", CreatedAt: at, OpenID: "ou_1"},
		"app_ticket":          {ID: "bc447199585340d1f3728d26b1c0297a", Type: "app_ticket", AppID: app, Token: "tok", CreatedAt: old, Legacy: true},
		"legacy_user_add":     {ID: "41b5f371157e3d5341b38b20396e77ea", Type: "user_add", TenantKey: tenant, AppID: app, Token: "tok", CreatedAt: old, Legacy: true},
		"legacy_scope_change": {ID: "f41d8cd98f00b204e9800998ecf84270", Type: "contact_scope_change", TenantKey: tenant, AppID: app, Token: "tok", CreatedAt: old, Legacy: true},
	}
	for name, want := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := callback.Parse(message(t, name))
			if err != nil {
				t.Fatal(err)
			}
			e, err := m.Event()
			if err != nil {
				t.Fatal(err)
			}
			got := event{e.ID, e.Type, e.TenantKey, e.AppID, m.Token(), e.CreatedAt, e.Legacy, e.Find("object", "open_id")}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("mismatch (-want +got):\n%s", diff)
			}
		})
	}

	for name, want := range map[string]time.Time{
		"seconds": at, "microseconds": at.Add(123 * time.Microsecond), "broken_time": {},
	} {
		m, err := callback.Parse(message(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if e, err := m.Event(); err != nil || !e.CreatedAt.Equal(want) {
			t.Errorf("%s: %s (%v), want %s", name, e.CreatedAt, err, want)
		}
	}
}

// An event without an id of its own is known by its text, whatever its token.
func TestEventWithoutID(t *testing.T) {
	t.Parallel()
	id := func(text string) string {
		m, err := callback.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		e, err := m.Event()
		if err != nil {
			t.Fatal(err)
		}
		return e.ID
	}
	one := id(`{"header":{"event_type":"x","token":"a"},"event":{"n":1}}`)
	if again := id(`{"header":{"event_type":"x","token":"b"},"event":{"n":1}}`); again != one || !strings.HasPrefix(one, "sha256:") {
		t.Errorf("ids %s and %s, want one", one, again)
	}
	if other := id(`{"header":{"event_type":"x","token":"a"},"event":{"n":2}}`); other == one {
		t.Error("two events have one id")
	}
	if long := id(`{"header":{"event_id":"` + strings.Repeat("x", 3000) + `"},"event":{}}`); !strings.HasPrefix(long, "sha256:") {
		t.Errorf("an id of %d bytes fits no index", len(long))
	}
}

func TestWithoutTokenKeepsTheRest(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"header":{"token":"tok","event_id":"1"},"event":{}}`:              `{"header":{"event_id":"1"},"event":{}}`,
		`{"header":{"event_id":"1","token":"tok"},"event":{}}`:              `{"header":{"event_id":"1"},"event":{}}`,
		`{"header":{"event_id":"1","token":"tok","a":[]},"event":{}}`:       `{"header":{"event_id":"1","a":[]},"event":{}}`,
		`{"header":{"token":"tok"},"event":{}}`:                             `{"header":{},"event":{}}`,
		`{"token":"tok","header":{"event_id":"1"}, "event": {} }`:           `{"header":{"event_id":"1"}, "event": {} }`,
		`{"uuid":"1","event":{"token":"kept"} , "token" : "tok" }`:          `{"uuid":"1","event":{"token":"kept"} }`,
		`{"token":1,"token":2,"header":{"token":3,"token":4,"event_id":5}}`: `{"header":{"event_id":5}}`,
		`{ "token" : "t" , "event" : {"x":1} }`:                             `{ "event" : {"x":1} }`,
	} {
		m, err := callback.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		e, err := m.Event()
		if err != nil {
			t.Fatal(err)
		}
		if got := string(e.Payload); got != want {
			t.Errorf("%s\n gives %s\n want %s", text, got, want)
		}
	}
}

func TestWhatIsNoEvent(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		``: callback.ErrNotJSON, `nonsense`: callback.ErrNotJSON, `[]`: callback.ErrNotJSON, `null`: callback.ErrNotJSON,
		`"x"`: callback.ErrNotJSON, `{}{}`: callback.ErrNotJSON, `{"a":`: callback.ErrNotJSON,
		`{}`: callback.ErrNoEvent, `{"header":null,"event":null}`: callback.ErrNoEvent, `{"header":[],"event":7}`: callback.ErrNoEvent,
		`{"encrypt":"x"}`: callback.ErrNoEvent,
	} {
		m, err := callback.Parse([]byte(text))
		if err == nil {
			_, err = m.Event()
		}
		if err != want { //nolint:errorlint // they are returned as they are
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
}

// FuzzParse: whatever comes in, nothing panics, and what is handed out is what
// came, less the token.
func FuzzParse(f *testing.F) {
	for _, text := range messages(f) {
		f.Add(text)
	}
	for _, text := range rendered(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := callback.Parse(text)
		if err != nil {
			return
		}
		m.Challenge()
		m.Encrypted()
		e, err := m.Event()
		if err != nil {
			return
		}
		e.Find("object", "open_id")
		e.Find("open_id")
		if e.ID == "" || len(e.ID) > 200 {
			t.Errorf("id %q", e.ID)
		}
		was, is := generic(t, text), generic(t, e.Payload)
		delete(was, "token")
		if header, ok := was["header"].(map[string]any); ok {
			delete(header, "token")
		}
		if diff := cmp.Diff(was, is); diff != "" {
			t.Errorf("the payload differs (-was +is):\n%s", diff)
		}
	})
}

// rendered are messages with what the sandbox tells of a company's life.
func rendered(t testing.TB) (texts [][]byte) {
	t.Helper()
	server, err := sandbox.Start(t.Context(), sandbox.Config{People: 30, Departments: 8, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	server.LiveOnce(60)
	for _, e := range server.Events(server.AppID()) {
		text, err := json.Marshal(map[string]any{
			"schema": "2.0",
			"header": map[string]any{
				"event_id": e.ID, "event_type": e.Type, "create_time": strconv.FormatInt(e.Created.UnixMilli(), 10), "token": "v3rification",
				"app_id": server.AppID(), "tenant_key": "t",
			},
			"event": e.Event,
		})
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	if err := server.Close(); err != nil || len(texts) < 60 {
		t.Fatalf("%d events (%v)", len(texts), err)
	}
	return texts
}

func generic(t *testing.T, text []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return v
}
