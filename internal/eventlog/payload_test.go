package eventlog_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
)

func raw(payload string) string {
	return `{"mirror.raw":"` + base64.StdEncoding.EncodeToString([]byte(payload)) + `"}`
}

func nested(depth int) string {
	return strings.Repeat("[", depth) + strings.Repeat("]", depth)
}

// Each odd payload stands between two plain ones, and all are appended in one
// call, hence in one batch: none may fail, nor make a neighbour fail.
func TestPayloads(t *testing.T) {
	t.Parallel()

	tests := []struct{ name, payload, want string }{
		{"U+0000 as an escape", `{"name":"a\u0000b"}`, `{"name":"a\u0000b"}`},
		{"a high surrogate alone", `{"name":"\ud83d"}`, `{"name":"\ud83d"}`},
		{"a low surrogate alone", `{"name":"\ude00x"}`, `{"name":"\ude00x"}`},
		{"surrogates the wrong way round", `{"name":"\ude00\ud83d"}`, `{"name":"\ude00\ud83d"}`},
		{"a number beyond float64", `{"n":1e400}`, `{"n":1e400}`},
		{"a number of 200 000 digits", strings.Repeat("9", 200_000), strings.Repeat("9", 200_000)},
		{"an exponent beyond numeric", `-0.1E-999999999999`, `-0.1E-999999999999`},
		{"blanks, order and repeated keys", "\t{ \"b\":1,\r\n\"a\":2 , \"b\":3 } ", "\t{ \"b\":1,\r\n\"a\":2 , \"b\":3 } "},
		{"beyond the BMP", `{"name":"𠮷野家"}`, `{"name":"𠮷野家"}`},
		{"a scalar", `null`, `null`},
		{"an empty key and an empty object", `{"":{}}`, `{"":{}}`},
		{"nested 1 000 deep", nested(1000), nested(1000)},

		{"nothing", ``, raw(``)},
		{"a NUL byte", "{\"a\":\"\x00\"}", raw("{\"a\":\"\x00\"}")},
		{"bytes that are no UTF-8", "{\"a\":\"\xff\xfe\"}", raw("{\"a\":\"\xff\xfe\"}")},
		{"a surrogate in UTF-8", "\"\xed\xa0\x80\"", raw("\"\xed\xa0\x80\"")},
		{"no JSON", `hello`, raw(`hello`)},
		{"two values", `{} {}`, raw(`{} {}`)},
		{"a cut answer", `{"items":[{"open_id":"ou_`, raw(`{"items":[{"open_id":"ou_`)},
		{"a byte order mark", "\xef\xbb\xbf{}", raw("\xef\xbb\xbf{}")},
		// json.Valid takes 9 999 levels, PostgreSQL's stack not always.
		{"nested 9 999 deep", nested(9_999), ""},
		{"nested 100 000 deep", nested(100_000), raw(nested(100_000))},
	}
	l, _ := newLog(t, eventlog.Options{})
	var sent []directory.Record
	for i, tt := range tests {
		plain, odd := record(fmt.Sprint("plain", i)), record(fmt.Sprint("odd", i))
		odd.Payload = json.RawMessage(tt.payload)
		sent = append(sent, plain, odd)
	}
	sent = append(sent, record("last"))
	answers := appendAll(t, l, sent...)
	stored := readAll(t, l)
	if len(stored) != len(sent) {
		t.Fatalf("%d records stored, want %d", len(stored), len(sent))
	}
	for i := range answers {
		if want := (eventlog.Appended{Position: directory.Position(i + 1)}); answers[i] != want {
			t.Errorf("record %d got %+v, want %+v", i, answers[i], want)
		}
		if i%2 == 0 && string(stored[i].Payload) != string(sent[i].Payload) {
			t.Errorf("a plain neighbour came back as %.100s", stored[i].Payload)
		}
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := string(stored[2*i+1].Payload)
			if tt.want == "" && (got == tt.payload || got == raw(tt.payload)) {
				return // either is right
			}
			if got != tt.want {
				t.Errorf("payload = %.100q, want %.100q", got, tt.want)
			}
		})
	}
}

// What the database alone can refuse: here nesting beyond its stack, which the
// server of this test may or may not bear at 9 999 levels. A small stack settles it.
func TestPayloadThatOnlyTheDatabaseRefuses(t *testing.T) {
	t.Parallel()
	l, pool := newLog(t, eventlog.Options{})
	var database string
	if err := pool.QueryRow(t.Context(), `SELECT quote_ident(current_database())`).Scan(&database); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), `ALTER DATABASE `+database+` SET max_stack_depth = '200kB'`); err != nil {
		t.Fatal(err)
	}
	sent := records("e", 100)
	sent[37].Payload = json.RawMessage(nested(9_000))
	sent[38].EventID = sent[12].EventID // a duplicate across the halves
	answers := appendAll(t, l, sent...)
	stored := readAll(t, l)
	if len(stored) != 99 {
		t.Fatalf("%d records stored, want 99", len(stored))
	}
	if got := string(stored[37].Payload); got != raw(nested(9_000)) {
		t.Errorf("deep payload = %.60s, want it in base64", got)
	}
	if want := (eventlog.Appended{Position: 13, Duplicate: true}); answers[38] != want {
		t.Errorf("duplicate got %+v, want %+v", answers[38], want)
	}
	for i, a := range answers {
		if i != 38 && (a.Duplicate || stored[a.Position-1].EventID != sent[i].EventID) {
			t.Errorf("record %d got %+v", i, a)
		}
	}
}

// An id that no index takes can be stored in no way: its producer gets the
// error, the others of the batch do not.
func TestRecordThatCannotBeStored(t *testing.T) {
	t.Parallel()
	l, _ := newLog(t, eventlog.Options{})
	random := make([]byte, 8000)
	if _, err := rand.Read(random); err != nil {
		t.Fatal(err)
	}
	sent := records("e", 9)
	sent[4].EventID = hex.EncodeToString(random)
	answers, err := l.Append(t.Context(), sent...)
	if err == nil {
		t.Fatal("an event id of 16 000 random digits was appended")
	}
	if strings.Contains(err.Error(), sent[4].EventID[:16]) {
		t.Errorf("the error shows the record: %.200v", err)
	}
	for i, a := range answers {
		if ok := a.Position > 0; ok != (i != 4) {
			t.Errorf("record %d got %+v", i, a)
		}
	}
	if n := len(readAll(t, l)); n != 8 {
		t.Errorf("%d records stored, want 8", n)
	}
}

func TestColumnsAreCleaned(t *testing.T) {
	t.Parallel()
	l, _ := newLog(t, eventlog.Options{})
	r := record("nul\x00and\xffmore")
	r.EventType, r.EntityID, r.CorrelationID = "a\x00b", "\xc3\x28", "\x00"
	r.Source, r.EntityKind = "s\x00", "k\xfe"
	r.OccurredAt = time.Date(292_277, time.January, 1, 0, 0, 0, 0, time.UTC) // a create_time with too many digits
	early := record("early")
	early.OccurredAt = time.Time{}.Add(-time.Hour)
	appendAll(t, l, record("before"), r, early, record("after"))

	stored := readAll(t, l)
	got := stored[1]
	for column, pair := range map[string][2]string{
		"event_id":       {got.EventID, "nul\uFFFDand\uFFFDmore"},
		"event_type":     {got.EventType, "a\uFFFDb"},
		"entity_id":      {got.EntityID, "\uFFFD("},
		"correlation_id": {got.CorrelationID, "\uFFFD"},
		"source":         {string(got.Source), "s\uFFFD"},
		"entity_kind":    {string(got.EntityKind), "k\uFFFD"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s = %q, want %q", column, pair[0], pair[1])
		}
	}
	if y := got.OccurredAt.Year(); y != 9999 {
		t.Errorf("occurred_at in the year %d, want 9999", y)
	}
	if y := stored[2].OccurredAt.Year(); y != 1 {
		t.Errorf("occurred_at in the year %d, want 1", y)
	}
	// The cleaned id is the id: the same record again is a duplicate.
	if again := appendAll(t, l, r)[0]; !again.Duplicate || again.Position != 2 {
		t.Errorf("the same record again got %+v", again)
	}
}
