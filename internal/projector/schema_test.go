package projector_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/projector"
)

var update = flag.Bool("update", false, "write what today's projector makes of the golden logs")

// TestOldLogsRebuild projects and rebuilds the golden log of each schema version,
// and compares the tables with what they were when the version was new.
func TestOldLogsRebuild(t *testing.T) {
	t.Parallel()
	for version := 1; version <= directory.SchemaVersion; version++ {
		b := setup(t)
		b.append(t, goldenLog(t, version)...)
		b.project(t, 5)
		path := filepath.Join("testdata", "schema_"+strconv.Itoa(version)+".json")
		got, err := json.MarshalIndent(contents(t, b.pool), "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(path, append(got, '\n'), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
			t.Errorf("version %d (-golden +now):\n%s", version, diff)
		}
		if result, err := b.projector.Rebuild(t.Context(), projector.RebuildOptions{}); err != nil {
			t.Errorf("version %d: %v: %+v", version, err, result)
		}
	}
}

// goldenLog are the records that package directory keeps of a version.
func goldenLog(t *testing.T, version int) (records []directory.Record) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "directory", "testdata", "schema", strconv.Itoa(version), "records.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []struct {
		EventType     string           `json:"event_type"`
		OccurredAt    time.Time        `json:"occurred_at"`
		EventID       string           `json:"event_id"`
		SchemaVersion int              `json:"schema_version"`
		Source        directory.Source `json:"source"`
		EntityKind    directory.Kind   `json:"entity_kind"`
		EntityID      string           `json:"entity_id"`
		CorrelationID string           `json:"correlation_id"`
		Payload       json.RawMessage  `json:"payload"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	for _, g := range list {
		records = append(records, directory.Record{
			OccurredAt: g.OccurredAt, EventID: g.EventID, EventType: g.EventType, SchemaVersion: g.SchemaVersion, Source: g.Source,
			EntityKind: g.EntityKind, EntityID: g.EntityID, CorrelationID: g.CorrelationID, Payload: g.Payload,
		})
	}
	return records
}
