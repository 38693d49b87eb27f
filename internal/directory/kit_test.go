package directory_test

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// The people and departments of the tests. Times are seconds after epoch.
var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func at(seconds float64) time.Time {
	return epoch.Add(time.Duration(seconds * float64(time.Second)))
}

var (
	zhang = directory.Key{TenantKey: "t", Kind: directory.KindUser, ID: "ou_1"}
	sales = directory.Key{TenantKey: "t", Kind: directory.KindDepartment, ID: "od-1"}
)

// tb is what testing and rapid have in common.
type tb interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// event is a Feishu event that arrived as soon as it happened. Its id comes
// from what it says, so two events that say the same are one.
func event(eventType string, seconds float64, object, old string) directory.Record {
	body := `{"object":` + object
	if old != "" {
		body += `,"old_object":` + old
	}
	payload := fmt.Sprintf(`{"schema":"2.0","header":{"event_type":%q},"event":%s}}`, eventType, body)
	return directory.Record{
		RecordedAt: at(seconds + 1),
		OccurredAt: at(seconds),
		TenantKey:  "t",
		EventID:    fmt.Sprintf("%08x", crc32.ChecksumIEEE(fmt.Appendf(nil, "%v%s", seconds, payload))),
		EventType:  eventType,
		Source:     directory.SourceWebhook,
		Payload:    json.RawMessage(payload),
	}
}

// created, updated and deleted are events of the kind whose id the object has.
func created(seconds float64, object string) directory.Record {
	return event(eventType(object, "created"), seconds, object, "")
}

func updated(seconds float64, object, old string) directory.Record {
	return event(eventType(object, "updated"), seconds, object, old)
}

func deleted(seconds float64, object, old string) directory.Record {
	return event(eventType(object, "deleted"), seconds, object, old)
}

func eventType(object, verb string) string {
	return "contact." + string(kindOf(object)) + "." + verb + "_v3"
}

func kindOf(object string) directory.Kind {
	if strings.Contains(object, "open_department_id") {
		return directory.KindDepartment
	}
	return directory.KindUser
}

// listed is an object found in a list, asked for at that second.
func listed(seconds float64, object string, empty ...string) directory.Record {
	return observation(seconds, directory.Observation{Object: json.RawMessage(object), Empty: empty, Listed: true})
}

// answered is an object that GET or batch gave.
func answered(seconds float64, object string, empty ...string) directory.Record {
	return observation(seconds, directory.Observation{Object: json.RawMessage(object), Empty: empty})
}

func observation(seconds float64, o directory.Observation) directory.Record {
	o.SkewMarginMS = directory.DefaultSkewMargin.Milliseconds()
	kind := kindOf(string(o.Object))
	id, err := directory.ObjectID(kind, o.Object)
	if err != nil {
		panic(err)
	}
	origin := directory.Origin{TenantKey: "t", Source: directory.SourceBackfill, CorrelationID: "s1"}
	r, err := directory.NewObservation(origin, kind, id, at(seconds), o)
	if err != nil {
		panic(err)
	}
	r.RecordedAt = r.OccurredAt
	return r
}

// missing is the proof that an entity is gone.
func missing(seconds float64, key directory.Key, reason directory.Reason) directory.Record {
	payload, err := json.Marshal(directory.Missing{Reason: reason})
	if err != nil {
		panic(err)
	}
	return directory.Record{
		RecordedAt: at(seconds), OccurredAt: at(seconds),
		TenantKey: "t", EventID: fmt.Sprintf("m:%s:%v", reason, seconds),
		EventType:  directory.EventType(key.Kind, "missing"),
		EntityKind: key.Kind, EntityID: key.ID,
		Payload: payload,
	}
}

// fold applies records to one entity and collects the hints.
func fold(t tb, key directory.Key, records ...directory.Record) (*directory.State, []directory.Hint) {
	t.Helper()
	state := directory.NewState(key)
	return state, foldInto(t, state, records...)
}

func foldInto(t tb, state *directory.State, records ...directory.Record) []directory.Hint {
	t.Helper()
	var hints []directory.Hint
	for _, r := range records {
		for _, c := range directory.Decode(r).Changes {
			if c.Key == state.Key {
				hints = append(hints, state.Apply(c).Hints...)
			}
		}
	}
	slices.Sort(hints)
	return slices.Compact(hints)
}

func marshal(t tb, state *directory.State) string {
	t.Helper()
	raw, err := state.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// permutations yields every order of the records.
func permutations(records []directory.Record, yield func([]directory.Record)) {
	if len(records) < 2 {
		yield(records)
		return
	}
	for i := range records {
		rest := slices.Concat(records[:i], records[i+1:])
		permutations(rest, func(p []directory.Record) { yield(slices.Concat(records[i:i+1], p)) })
	}
}

// life is what the read model shows of an entity.
func life(state *directory.State) directory.Life {
	if state.Key.Kind == directory.KindUser {
		return directory.UserOf(state).Life
	}
	return directory.DepartmentOf(state).Life
}

// decodeJSON makes JSON comparable.
func decodeJSON(t tb, raw string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(raw), &v); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return v
}

// rule is a rule of the fold, as records and what they come to.
type rule struct {
	name    string
	records []directory.Record
	want    string           // the attributes
	gone    directory.Reason // and whether it is gone
	hints   []directory.Hint // what the records ask for, in the order given
}

// check folds a rule's records in every order; each must come to the same.
func (r rule) check(t *testing.T, key directory.Key) {
	t.Helper()
	state, hints := fold(t, key, r.records...)
	if diff := cmp.Diff(r.hints, hints); diff != "" {
		t.Errorf("hints (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(decodeJSON(t, r.want), decodeJSON(t, string(life(state).Attributes))); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	if got := life(state).RemovedReason; got != r.gone {
		t.Errorf("gone = %q, want %q", got, r.gone)
	}
	want := marshal(t, state)
	permutations(r.records, func(records []directory.Record) {
		state, _ := fold(t, key, records...)
		if got := marshal(t, state); got != want {
			t.Fatalf("another order gives\n%s\nand not\n%s", got, want)
		}
	})
}

func checkRules(t *testing.T, key directory.Key, rules []rule) {
	t.Helper()
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			r.check(t, key)
		})
	}
}
