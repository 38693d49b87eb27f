package crawl_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func TestRereadOfEmployeeTypes(t *testing.T) {
	t.Parallel()
	b := setup(t, 5, 2)
	added, err := b.sandbox.AddEmployeeType(sandbox.EmployeeType{Content: "临时"})
	must(t, err)
	r := b.rereader(t)
	ask := func() {
		b.queue(t, directory.KindEmployeeType, past(), added.EnumID, "gone==")
		must(t, r.Pass(t.Context()))
		equal(t, "queue", b.queued(t), nil)
	}
	ask()
	// One list tells of all of them.
	types := b.sandbox.Truth().EmployeeTypes
	if n := len(b.reread(t)); n != len(types) || n < 6 {
		t.Errorf("%d records of %d employee types", n, len(types))
	}
	for id, want := range types {
		got := directory.EmployeeTypeOf(b.state(t, directory.KindEmployeeType, id))
		if text(got.Content) != want.Content || text(got.EnumValue) != want.EnumValue || *got.EnumStatus != int64(want.EnumStatus) || *got.EnumType != int64(want.EnumType) {
			t.Errorf("%+v is not %+v", got, want)
		}
	}
	ask()
	if n := len(b.reread(t)); n != len(types) {
		t.Errorf("%d records after a list that says nothing new", n-len(types))
	}
	must(t, b.sandbox.ChangeEmployeeType(added.EnumID, func(e *sandbox.EmployeeType) { e.Content = "短期" }))
	ask()
	if got := directory.EmployeeTypeOf(b.state(t, directory.KindEmployeeType, added.EnumID)); text(got.Content) != "短期" {
		t.Errorf("content = %q", text(got.Content))
	}
}

func TestRereadOfCustomAttributes(t *testing.T) {
	t.Parallel()
	b := setup(t, 5, 2)
	b.sandbox.AllowOpenQuery(true)
	added, err := b.sandbox.AddCustomAttr(sandbox.CustomAttrDefinition{Type: "TEXT", I18nName: []sandbox.Text{{Locale: "zh_cn", Value: "工位"}}})
	must(t, err)
	r := b.rereader(t)
	ask := func() {
		b.queue(t, directory.KindCustomAttrSetting, past(), directory.CustomAttrSettingID)
		b.queue(t, directory.KindCustomAttribute, past(), added.ID) // one list for both
		must(t, r.Pass(t.Context()))
		equal(t, "queue", b.queued(t), nil)
	}
	ask()
	if got := directory.CustomAttributeOf(b.state(t, directory.KindCustomAttribute, added.ID)); text(got.Type) != "TEXT" || !strings.Contains(string(got.I18nName), "工位") {
		t.Errorf("%+v", got)
	}
	if n := b.asked(feishu.EndpointCustomAttrs); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}

	// An empty list proves nothing, until the company has said that it is on purpose.
	b.sandbox.AllowOpenQuery(false)
	ask()
	if s := b.state(t, directory.KindCustomAttribute, added.ID); !s.Exists() {
		t.Error("an empty list removed a definition")
	}
	b.append(t, directory.Record{
		OccurredAt: time.Now().Add(-20 * time.Second), EventID: "e-off", EventType: directory.EventCustomAttrsUpdated, Source: directory.SourceWebhook,
		EntityKind: directory.KindCustomAttrSetting, EntityID: directory.CustomAttrSettingID,
		Payload: []byte(`{"event":{"object":{"contact_field_key":[],"allow_open_query":false},"old_object":{"contact_field_key":[],"allow_open_query":true}}}`),
	})
	// The read model, which names the definitions, is the projector's.
	var ids []string
	for id := range b.sandbox.Truth().CustomAttrs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	_, err = b.pool.Exec(t.Context(), `
		INSERT INTO directory.custom_attributes (tenant_key, id, attributes, position)
		SELECT $1, id, '{}', 1 FROM unnest($2::text[]) AS id`, b.tenant(), ids)
	must(t, err)
	ask()
	for _, id := range ids {
		if reason, _ := b.state(t, directory.KindCustomAttribute, id).Gone(); reason != directory.ReasonOutOfRange {
			t.Errorf("a definition is gone for %q", reason)
		}
	}
}

func TestSweepReadsDefinitions(t *testing.T) {
	t.Parallel()

	t.Run("first and again", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 5, 2)
		b.sandbox.AllowOpenQuery(true)
		added, err := b.sandbox.AddEmployeeType(sandbox.EmployeeType{Content: "临时"})
		must(t, err)
		b.backfill(t)
		truth := b.sandbox.Truth()
		if definitions(truth) < 7 {
			t.Fatalf("%d definitions", definitions(truth))
		}
		for id, want := range truth.EmployeeTypes {
			if got := directory.EmployeeTypeOf(b.state(t, directory.KindEmployeeType, id)); text(got.Content) != want.Content {
				t.Errorf("content = %q, want %q", text(got.Content), want.Content)
			}
		}
		for id := range truth.CustomAttrs {
			if !b.state(t, directory.KindCustomAttribute, id).Exists() {
				t.Error("a custom attribute is missing")
			}
		}
		must(t, b.sandbox.ChangeEmployeeType(added.EnumID, func(e *sandbox.EmployeeType) { e.Content = "短期" }))
		if sum := b.backfill(t); sum.Appended != 1 {
			t.Errorf("%d appended for one employee type that changed", sum.Appended)
		}
		if sum := b.backfill(t); sum.Appended != 0 {
			t.Errorf("%d appended, though nothing changed", sum.Appended)
		}
	})

	t.Run("an app that may not read them walks none the less", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 5, 2)
		must(t, b.sandbox.RevokePermission(feishu.EndpointEmployeeTypes))
		must(t, b.sandbox.RevokePermission(feishu.EndpointCustomAttrs))
		if sum := b.backfill(t); sum.Appended != 8 {
			t.Errorf("%d appended, want five people and three departments", sum.Appended)
		}
		b.equalsTruth(t)
	})

	t.Run("Feishu away in the end: the walk goes on from there", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 60, 6)
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointCustomAttrs, Status: 500, Count: -1}))
		if _, err := b.crawler.Backfill(t.Context()); !errors.Is(err, feishu.ErrUnavailable) {
			t.Fatalf("error = %v", err)
		}
		b.sandbox.ClearFaults()
		b.sandbox.ResetStats()
		if sum := b.backfill(t); !sum.Resumed || b.calls(feishu.EndpointUsersByDepartment) != 0 {
			t.Errorf("resumed: %v, %d lists of people read again", sum.Resumed, b.calls(feishu.EndpointUsersByDepartment))
		}
	})
}

// While the company shows custom attributes to no app, their absence clears
// nothing: neither in a sweep nor in a re-read, though others show theirs.
func TestClosedCustomAttributesAreNotCleared(t *testing.T) {
	t.Parallel()
	for _, closed := range []bool{true, false} {
		t.Run(fmt.Sprintf("closed %v", closed), func(t *testing.T) {
			t.Parallel()
			b := setup(t, 40, 4)
			b.sandbox.AllowOpenQuery(true)
			b.backfill(t)
			has := with(b.sandbox.Truth(), func(u sandbox.User) bool { return len(u.CustomAttrs) > 0 })
			if len(has) < 4 {
				t.Fatalf("%d people have custom attributes", len(has))
			}
			b.append(t, directory.Record{
				OccurredAt: time.Now().Add(-20 * time.Second), EventID: "e-switch", EventType: directory.EventCustomAttrsUpdated, Source: directory.SourceWebhook,
				EntityKind: directory.KindCustomAttrSetting, EntityID: directory.CustomAttrSettingID,
				Payload: fmt.Appendf(nil, `{"event":{"object":{"contact_field_key":[],"allow_open_query":%t},"old_object":{"contact_field_key":[],"allow_open_query":%t}}}`, !closed, closed),
			})
			// Some answers are from before, some from after the switch was turned.
			for _, id := range has[:2] {
				must(t, b.sandbox.OverrideField(sandbox.KindUser, id, "custom_attrs", json.RawMessage(`null`)))
			}
			b.queue(t, directory.KindUser, past(), has[0], has[2])
			must(t, b.rereader(t).Pass(t.Context()))
			b.backfill(t)
			for _, id := range has[:2] {
				if kept := b.state(t, directory.KindUser, id).Has("custom_attrs"); kept != closed {
					t.Errorf("kept: %v", kept)
				}
			}
		})
	}
}

func (b *bundle) append(t *testing.T, records ...directory.Record) {
	t.Helper()
	_, err := b.log.Append(t.Context(), records...)
	must(t, err)
}
