package eventlog

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// maxPayload keeps a record within one message to the server and one value of a
// table (1 GiB), also in base64. Nothing that Feishu sends comes near.
const maxPayload = 256 << 20

// row is one record on its way into the log, and what became of it.
type row struct {
	record  directory.Record // text columns clean
	payload string           // as it is stored: JSON in UTF-8
	raw     bool             // payload is the base64 form
	answer  Appended
	err     error
}

// newRow checks and cleans a record. It runs in the producer's goroutine, so
// that the one writer has nothing to do but to write.
func (l *Log) newRow(r directory.Record) (row, error) {
	if r.TenantKey == "" {
		r.TenantKey = l.opts.TenantKey
	}
	if r.AppID == "" {
		r.AppID = l.opts.AppID
	}
	switch {
	case r.EventID == "":
		// All records without an id would be duplicates of the first one.
		return row{}, fmt.Errorf("%w: no event id", ErrInvalidRecord)
	case len(r.Payload) > maxPayload:
		return row{}, fmt.Errorf("%w: payload of %d bytes", ErrInvalidRecord, len(r.Payload))
	case l.opts.AppID != "" && r.TenantKey == l.opts.TenantKey && r.AppID != l.opts.AppID:
		return row{}, ErrForeignApp
	}
	r.TenantKey = cleanText(r.TenantKey)
	r.AppID = cleanText(r.AppID)
	r.EventID = cleanText(r.EventID)
	r.EventType = cleanText(r.EventType)
	r.Source = directory.Source(cleanText(string(r.Source)))
	r.EntityKind = directory.Kind(cleanText(string(r.EntityKind)))
	r.EntityID = cleanText(r.EntityID)
	r.CorrelationID = cleanText(r.CorrelationID)
	r.OccurredAt = cleanTime(r.OccurredAt)
	w := row{record: r}
	if utf8.Valid(r.Payload) && json.Valid(r.Payload) {
		w.payload = string(r.Payload)
	} else {
		w.keepRaw()
	}
	return w, nil
}

// keepRaw makes the payload one that any database takes: the bytes in base64.
func (w *row) keepRaw() {
	w.payload = `{"mirror.raw":"` + base64.StdEncoding.EncodeToString(w.record.Payload) + `"}`
	w.raw = true
}

// cleanText makes s storable as text: U+FFFD stands for NUL and for bytes that
// are no UTF-8, so that a cut is seen and two ids do not fall together lightly.
func cleanText(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.ReplaceAll(s, "\x00", "\uFFFD")
}

// The times that PostgreSQL, RFC 3339 and JSON all can say.
var (
	minTime = time.Date(1, time.January, 1, 0, 0, 0, 0, time.UTC)
	maxTime = time.Date(9999, time.December, 31, 23, 59, 59, 999999000, time.UTC)
)

// cleanTime brings t into the range and to the precision of the database, so
// that a broken create_time costs the time and not the record.
func cleanTime(t time.Time) time.Time {
	switch t = t.UTC().Truncate(time.Microsecond); {
	case t.Before(minTime):
		return minTime
	case t.After(maxTime):
		return maxTime
	}
	return t
}
