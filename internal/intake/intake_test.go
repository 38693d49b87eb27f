package intake_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/feishu/callback"
	"github.com/orgmirror/orgmirror/internal/intake"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

func nobody(context.Context) (eventlog.Owner, error) { return eventlog.Owner{}, nil }

// kept is what of a record the samples decide.
type kept struct {
	Type, Kind, ID, TenantKey, AppID string
	OccurredAt                       time.Time
}

// Every sample of an event is in the log, byte for byte but for the token, and
// with the entity that it is about.
func TestEveryKindOfEventIsStored(t *testing.T) {
	t.Parallel()
	at := time.Date(2020, 12, 23, 12, 19, 49, 0, time.UTC)
	old := time.Date(2017, 8, 8, 13, 33, 27, 717141000, time.UTC) // the database has microseconds
	user := func(typ string) kept { return kept{typ, "user", "ou_1", tenantKey, appID, at} }
	department := func(typ string) kept { return kept{typ, "department", "od-x", tenantKey, appID, at} }
	employeeType := func(typ string) kept {
		return kept{"contact.employee_type_enum." + typ, "employee_type", "exGeIjow7zIqWMy+ONkFxA==", tenantKey, appID, at}
	}
	legacy := func(typ, kind, id string) kept { return kept{typ, kind, id, tenantKey, appID, old} }
	updated := user("contact.user.updated_v3")
	want := map[string]kept{
		"user_created":              user("contact.user.created_v3"),
		"user_updated":              updated,
		"user_deleted":              user("contact.user.deleted_v3"),
		"user_deleted_bare":         {"contact.user.deleted_v3", "user", "ou_2", tenantKey, appID, at},
		"department_created":        department("contact.department.created_v3"),
		"department_updated":        department("contact.department.updated_v3"),
		"department_deleted":        department("contact.department.deleted_v3"),
		"employee_type_created":     employeeType("created_v3"),
		"employee_type_actived":     employeeType("actived_v3"),
		"employee_type_deactivated": employeeType("deactivated_v3"),
		"employee_type_updated":     employeeType("updated_v3"),
		"employee_type_deleted":     employeeType("deleted_v3"),
		"custom_attr_updated":       {"contact.custom_attr_event.updated_v3", "custom_attr_setting", "custom_attrs", tenantKey, appID, at},
		"scope_updated":             {"contact.scope.updated_v3", "scope", "", tenantKey, appID, at},
		"unknown_type":              {"contact.user_group.created_v3", "", "", tenantKey, appID, at},
		"no_id":                     updated,
		"numbers_for_strings":       {updated.Type, "user", "12345", tenantKey, appID, at},
		"seconds":                   updated,
		"microseconds":              {updated.Type, "user", "ou_1", tenantKey, appID, at.Add(123 * time.Microsecond)},
		"broken_time":               {updated.Type, "user", "ou_1", tenantKey, appID, time.Time{}},
		"no_body":                   {updated.Type, "user", "", tenantKey, appID, at},
		"body_is_a_list":            {updated.Type, "user", "", tenantKey, appID, at},
		"legacy_user_add":           legacy("user_add", "user", "ou_1"),
		"legacy_user_update":        legacy("user_update", "user", "ou_1"),
		"legacy_user_leave":         legacy("user_leave", "user", "ou_1"),
		"legacy_user_status_change": {"user_status_change", "user", "ou_1", tenantKey, appID, old.Truncate(time.Second)},
		"legacy_dept_add":           legacy("dept_add", "department", "od-x"),
		"legacy_dept_update":        legacy("dept_update", "department", "od-x"),
		"legacy_dept_delete":        legacy("dept_delete", "department", "od-x"),
		"legacy_scope_change":       legacy("contact_scope_change", "scope", ""),
		"nul_in_name":               updated,
		"lone_surrogate":            updated,
		"not_utf8":                  updated,
		"spaced":                    updated,
		"token_last":                updated,
		"token_escaped_and_twice":   updated,
		"token_alone":               {"", "", "", tenantKey, appID, time.Time{}},
		"token_empty":               updated,
		"no_token":                  updated,
		"app_ticket":                {},
		"app_ticket_v2":             {},
		"challenge":                 {},
		"encrypted":                 {},
		"no_event":                  {},
	}
	k := newKit(t, func(_ *eventlog.Options, c *intake.Config, _ *intake.WebhookConfig) {
		c.AppID, c.TenantKey = appID, tenantKey // some samples do not say whose they are
	})
	stored, notOnes := 0, 0
	for _, name := range sampleNames(t) {
		w, ok := want[name]
		if !ok {
			t.Fatalf("nothing is said about %s", name)
		}
		text := sample(t, name)
		// Samples for the long connection have no token, one has a number.
		text = []byte(strings.NewReplacer(`"token":""`, `"token":"tok"`, `"token":7`, `"token":"tok"`).Replace(string(text)))
		if name == "no_token" {
			text = []byte(strings.Replace(string(text), `"header":{`, `"header":{"token":"tok",`, 1))
		}
		status, body := k.signed(t, text)
		if w == (kept{}) {
			notOnes++
			continue
		}
		if status != http.StatusOK {
			t.Fatalf("%s: %d %s", name, status, body)
		}
		stored++
		records, err := k.log.Read(t.Context(), directory.Position(stored-1), 1)
		if err != nil || len(records) != 1 {
			t.Fatalf("%s: %d records (%v)", name, len(records), err)
		}
		r := records[0]
		got := kept{r.EventType, string(r.EntityKind), r.EntityID, r.TenantKey, r.AppID, r.OccurredAt.UTC()}
		if diff := cmp.Diff(w, got); diff != "" {
			t.Errorf("%s: mismatch (-want +got):\n%s", name, diff)
		}
		if r.Source != directory.SourceWebhook || r.SchemaVersion != directory.SchemaVersion1 {
			t.Errorf("%s: source %s, version %d", name, r.Source, r.SchemaVersion)
		}
		checkPayload(t, name, text, r.Payload)
	}
	if stored+notOnes != len(want) || len(k.records(t)) != stored {
		t.Errorf("%d stored, %d not, %d in the log, want %d in all", stored, notOnes, len(k.records(t)), len(want))
	}
	if n := k.count(t, "orgmirror_intake_events_total", "event_type", "app_ticket", "outcome", "app_ticket"); n != 2 {
		t.Errorf("%v app tickets counted, want 2", n)
	}
	if n := k.count(t, "orgmirror_intake_events_total", "event_type", "unknown", "outcome", "stored"); n != 2 {
		t.Errorf("%v events of unknown types counted, want 2", n)
	}
	if n := k.count(t, "orgmirror_intake_events_total", "event_type", "dept_add", "outcome", "stored"); n != 1 {
		t.Errorf("%v events dept_add counted, want 1", n)
	}
}

// checkPayload compares what was stored with what was sent, to the byte.
func checkPayload(t *testing.T, name string, sent []byte, stored json.RawMessage) {
	t.Helper()
	m, err := callback.Parse(sent)
	if err != nil {
		t.Fatal(err)
	}
	e, err := m.Event()
	if err != nil {
		t.Fatal(err)
	}
	want := string(e.Payload)
	if name == "not_utf8" {
		var raw map[string][]byte
		if err := json.Unmarshal(stored, &raw); err != nil || string(raw["mirror.raw"]) != want {
			t.Errorf("%s: stored %s (%v)", name, stored, err)
		}
		return
	}
	if string(stored) != want {
		t.Errorf("%s: stored\n%s\nwant\n%s", name, stored, want)
	}
	for _, secret := range []string{`"tok"`, "secret-ticket"} {
		if strings.Contains(string(stored), secret) {
			t.Errorf("%s: %s was stored", name, secret)
		}
	}
}

// An id, a type or an entity of any length is no reason to refuse an event.
func TestLongTexts(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	long := strings.Repeat("x", 100_000)
	text := fmt.Sprintf(`{"header":{"token":"tok","event_id":%q,"event_type":%q,"app_id":%q,"tenant_key":%q},"event":{"object":{"open_id":%q}}}`,
		long, directory.EventUserUpdated, appID, tenantKey, long)
	for _, want := range []string{"success", "success"} {
		if status, body := k.signed(t, []byte(text)); status != http.StatusOK || !strings.Contains(body, want) {
			t.Fatalf("%d %s", status, body)
		}
	}
	if records := k.records(t); len(records) != 1 || records[0].EntityID != "" || records[0].EntityKind != directory.KindUser {
		t.Errorf("%d records, the first about %.20q", len(records), records[0].EntityID)
	}
}

func TestLate(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	for i, age := range []time.Duration{0, 50 * time.Second, 70 * time.Second, 6 * time.Hour} {
		if status, body := k.signed(t, event(fmt.Sprint(i), time.Now().Add(-age))); status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
	}
	if n := k.count(t, "orgmirror_intake_late_total", "source", "webhook"); n != 2 {
		t.Errorf("%v late events, want 2", n)
	}
}

func TestOwner(t *testing.T) {
	t.Parallel()
	const anonymous = `{"header":{"token":"tok","event_id":"anonymous","event_type":"x"},"event":{}}`

	t.Run("an event that does not say whose it is waits until somebody does", func(t *testing.T) {
		t.Parallel()
		k := newKit(t)
		if status, body := k.signed(t, []byte(anonymous)); status != http.StatusServiceUnavailable || k.count(t, requestsTotal, "reason", "owner_unknown") != 1 {
			t.Errorf("in an empty log: %d %s", status, body)
		}
		k.signed(t, event("1", time.Now()))
		if status, body := k.signed(t, []byte(anonymous)); status != http.StatusOK {
			t.Fatalf("later: %d %s", status, body)
		}
		if r := k.records(t)[1]; r.AppID != appID || r.TenantKey != tenantKey {
			t.Errorf("stored for %s of %s", r.AppID, r.TenantKey)
		}
	})

	t.Run("settings that contradict the log are refused at start", func(t *testing.T) {
		t.Parallel()
		k := newKit(t)
		k.signed(t, event("1", time.Now()))
		owner := func(ctx context.Context) (eventlog.Owner, error) { return eventlog.ReadOwner(ctx, k.pool) }
		for _, c := range []struct {
			config intake.Config
			want   error
		}{
			{intake.Config{AppID: "cli_2"}, eventlog.ErrForeignApp},
			{intake.Config{TenantKey: "other"}, intake.ErrSettings},
			{intake.Config{AppID: appID, TenantKey: tenantKey}, nil},
		} {
			c.config.Log, c.config.Owner = k.log, owner
			if _, err := intake.New(t.Context(), c.config); !errors.Is(err, c.want) || err != nil && c.want == nil {
				t.Errorf("%v, want %v", err, c.want)
			}
		}
	})

	t.Run("in an empty log the settings say whose events are taken", func(t *testing.T) {
		t.Parallel()
		k := kitOn(t, pgtest.DB(t), func(_ *eventlog.Options, c *intake.Config, _ *intake.WebhookConfig) { c.AppID = "cli_2" })
		if status, _ := k.signed(t, event("1", time.Now())); status != http.StatusForbidden || k.count(t, requestsTotal, "reason", "foreign_app") != 1 {
			t.Errorf("%d", status)
		}
	})
}
