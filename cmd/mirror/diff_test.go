package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden reports")

// The differences of the story, in every form, as golden files.
func TestDiffReports(t *testing.T) {
	t.Parallel()
	p := storyOf(t)
	for _, test := range []struct {
		name  string
		flags diffFlags
	}{
		{"hire", diffFlags{from: "2026-03-05", to: "2026-03-15"}},
		{"leave", diffFlags{from: "2026-03-15", to: "2026-03-21"}},
		{"return", diffFlags{from: "2026-03-21", to: "2026-04-03", department: "od-sales"}},
		{"reorganisation", diffFlags{from: "2026-03-21", to: "2026-03-31"}},
		{"reorganisation_below", diffFlags{from: "2026-03-21", to: "2026-03-31", department: "od-rd"}},
		{"march", diffFlags{from: "2026-03-02", to: "2026-04-01"}},
		{"nothing", diffFlags{from: "2026-03-26", to: "2026-03-28T12:00:00+08:00"}},
		{"since_a_position", diffFlags{from: "21"}},
		{"kind", diffFlags{from: "2026-03-02", kinds: []string{"department_moved", "joined"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for format, write := range diffWriters {
				for _, size := range []int32{1000, 1} {
					req, err := test.flags.request(time.UTC)
					must(t, err)
					req.PageSize = size
					var out bytes.Buffer
					must(t, write(&out, diffPages(as(t, "reads"), p.history, req)))
					golden(t, test.name+"."+format, out.Bytes())
				}
			}
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "diff", name)
	if *update {
		must(t, os.WriteFile(path, got, 0o600))
		return
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s mismatch (-want +got):\n%s", name, d)
	}
}

// A day is told in the zone of whoever asks.
func TestDiffFlags(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("UTC+8", 8*3600)
	req, err := diffFlags{from: "2026-03-01", to: "2026-03-01T00:00:00Z"}.request(zone)
	must(t, err)
	if got := req.GetTo().AsTime().Sub(req.GetFrom().AsTime()); got != 8*time.Hour {
		t.Errorf("a day of UTC+8 begins %v before that of UTC", got)
	}
	req, err = diffFlags{from: "2026-03-01", recorded: true}.request(zone)
	must(t, err)
	if req.GetFrom() != nil || req.GetFromRecorded() == nil {
		t.Errorf("recorded: %v", req)
	}
	req, err = diffFlags{from: "7", to: "9"}.request(zone)
	must(t, err)
	if req.GetFromPosition() != 7 || req.GetToPosition() != 9 || req.From != nil {
		t.Errorf("positions: %v", req)
	}
	for _, bad := range []diffFlags{{}, {from: "yesterday"}, {from: "-1"}, {from: "2026-02-30"}, {from: "1", to: "x"}} {
		if _, err := bad.request(zone); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}
