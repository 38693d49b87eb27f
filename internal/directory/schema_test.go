package directory_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// testdata/schema has a folder for each version of the payloads, with a log of it:
//
//	records.json  records as they were appended, one of each type at least; a later
//	              version adds a folder and leaves the older ones alone
//	decoded.json  what each says, in the terms of today
//	states.json   what each entity is when all are folded
//
// The first must stay for ever as it is. The others change where the fold changes
// its mind about old records, which is a change for users: -update writes them.
var update = flag.Bool("update", false, "write what today's fold makes of the golden records")

// goldenRecord is a record with the names of the log's columns.
type goldenRecord struct {
	EventType     string           `json:"event_type"`
	OccurredAt    time.Time        `json:"occurred_at"`
	RecordedAt    time.Time        `json:"recorded_at"`
	TenantKey     string           `json:"tenant_key"`
	AppID         string           `json:"app_id"`
	EventID       string           `json:"event_id"`
	SchemaVersion int              `json:"schema_version"`
	Source        directory.Source `json:"source"`
	EntityKind    directory.Kind   `json:"entity_kind"`
	EntityID      string           `json:"entity_id"`
	CorrelationID string           `json:"correlation_id"`
	Payload       json.RawMessage  `json:"payload"`
}

func goldenRecords(t *testing.T, version int) (records []directory.Record) {
	t.Helper()
	raw, err := os.ReadFile(goldenPath(version, "records.json"))
	if err != nil {
		t.Fatalf("%v: a version without golden records", err)
	}
	var list []goldenRecord
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	for i, g := range list {
		if g.SchemaVersion != version {
			t.Errorf("record %d of version %d says version %d", i, version, g.SchemaVersion)
		}
		records = append(records, directory.Record{
			Position: directory.Position(i + 1), RecordedAt: g.RecordedAt, OccurredAt: g.OccurredAt, TenantKey: g.TenantKey, AppID: g.AppID,
			EventID: g.EventID, EventType: g.EventType, SchemaVersion: g.SchemaVersion, Source: g.Source,
			EntityKind: g.EntityKind, EntityID: g.EntityID, CorrelationID: g.CorrelationID, Payload: g.Payload,
		})
	}
	return records
}

func goldenPath(version int, name string) string {
	return filepath.Join("testdata", "schema", strconv.Itoa(version), name)
}

// said is what a record says that the read model shows; hints ask, and show nothing.
type said struct {
	Type     string
	Changes  []directory.Change    `json:",omitempty"`
	Problems []directory.Problem   `json:",omitempty"`
	Sweep    *directory.SweepMark  `json:",omitempty"`
	AskSweep directory.SweepReason `json:",omitempty"`
}

func TestOldRecordsSayWhatTheySaid(t *testing.T) {
	t.Parallel()
	for version := 1; version <= directory.SchemaVersion; version++ {
		var decoded []said
		states := map[string]json.RawMessage{}
		known := map[directory.Key]*directory.State{}
		var types []string
		for _, r := range goldenRecords(t, version) {
			d := directory.Decode(r)
			types = append(types, r.EventType)
			for i := range d.Changes {
				c := &d.Changes[i]
				if known[c.Key] == nil {
					known[c.Key] = directory.NewState(c.Key)
				}
				known[c.Key].Apply(*c)
				c.Hints = nil
			}
			decoded = append(decoded, said{r.EventType, d.Changes, d.Problems, d.Sweep, d.AskSweep})
		}
		for key, s := range known {
			states[string(key.Kind)+" "+key.ID] = json.RawMessage(marshal(t, s))
		}
		golden(t, goldenPath(version, "decoded.json"), decoded)
		golden(t, goldenPath(version, "states.json"), states)
		for _, eventType := range sampleTypes {
			if !slices.Contains(types, eventType) {
				t.Errorf("version %d has no golden record of %s: add one to %s", version, eventType, goldenPath(version, "records.json"))
			}
		}
	}
}

func golden(t *testing.T, path string, value any) {
	t.Helper()
	got, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s (-golden +now):\n%s", path, cmp.Diff(string(want), string(got)))
	}
}

func TestUpcast(t *testing.T) {
	t.Parallel()
	// Two steps as there may be some day: a field renamed, then wrapped.
	renamed := func(r directory.Record) (directory.Record, error) {
		if bytes.Contains(r.Payload, []byte("broken")) {
			return r, errors.New("no object")
		}
		r.Payload = bytes.Replace(r.Payload, []byte(`"old"`), []byte(`"object"`), 1)
		return r, nil
	}
	wrapped := func(r directory.Record) (directory.Record, error) {
		r.Payload = append(append([]byte(`{"event":`), r.Payload...), '}')
		return r, nil
	}
	cases := []struct {
		name    string
		version int
		payload string
		want    string
		err     string
	}{
		{"without a version, which is the first", 0, `{"old":1}`, `{"event":{"object":1}}`, ""},
		{"the first", 1, `{"old":1}`, `{"event":{"object":1}}`, ""},
		{"the second", 2, `{"object":1}`, `{"event":{"object":1}}`, ""},
		{"this program's own", 3, `{"event":{"object":1}}`, `{"event":{"object":1}}`, ""},
		{"one of a newer program", 4, `{}`, "", "schema version 4 is newer than this program reads (up to 3)"},
		{"one that cannot be brought up", 1, `{"broken":1}`, "", "bring schema version 1 to 2: no object"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := directory.UpcastWith(directory.Record{SchemaVersion: c.version, Payload: json.RawMessage(c.payload)}, renamed, wrapped)
			if c.err != "" {
				if err == nil || err.Error() != c.err {
					t.Errorf("err = %v, want %s", err, c.err)
				}
				return
			}
			if err != nil || string(got.Payload) != c.want || got.SchemaVersion != 3 {
				t.Errorf("got version %d %s: %v", got.SchemaVersion, got.Payload, err)
			}
		})
	}
	if got, want := directory.Upcasters(), directory.SchemaVersion-directory.SchemaVersion1; got != want {
		t.Errorf("%d steps lead to version %d, want %d", got, directory.SchemaVersion, want)
	}
}

// A record that a newer program wrote is told of, and read by nobody's guess.
func TestDecodeOfANewerVersion(t *testing.T) {
	t.Parallel()
	r := listed(1, `{"open_id":"ou_1","name":"a"}`)
	r.SchemaVersion = directory.SchemaVersion + 1
	d := directory.Decode(r)
	if len(d.Changes) != 0 || len(d.Problems) != 1 || d.Problems[0].Key.Kind != directory.KindUser {
		t.Errorf("decoded %+v", d)
	}
	r.EventType = "im.message.receive_v1"
	if d := directory.Decode(r); len(d.Problems) != 0 {
		t.Errorf("of a type that nobody reads: %+v", d)
	}
}
