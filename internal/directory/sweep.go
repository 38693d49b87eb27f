package directory

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// SweepStarted is the payload of "mirror.sweep.started".
type SweepStarted struct {
	// Range is "all" where the app may see everybody, else "scoped".
	Range string `json:"range"`
}

// SweepCompleted is the payload of "mirror.sweep.completed".
type SweepCompleted struct {
	StartedAt   time.Time      `json:"started_at"`
	Departments int64          `json:"departments"`
	Users       int64          `json:"users"`
	Memberships int64          `json:"memberships"`
	Appended    int64          `json:"appended"`
	Candidates  map[Kind]int64 `json:"candidates,omitempty"` // entities that were there before and were not seen
	// MemberCounts are those that differ from what the log said before. They
	// change with every move somewhere below, without a record of their own.
	MemberCounts []MemberCount `json:"member_counts,omitempty"`
}

// MemberCount is how many people Feishu counts in and below a department.
type MemberCount struct {
	OpenDepartmentID   string    `json:"open_department_id"`
	At                 time.Time `json:"at"` // of the request, on Feishu's clock
	MemberCount        *int64    `json:"member_count,omitempty"`
	PrimaryMemberCount *int64    `json:"primary_member_count,omitempty"`
}

// NewSweepStarted makes a sweep's first record; at is on Feishu's clock, before
// the sweep's first request.
func NewSweepStarted(o Origin, at time.Time, s SweepStarted) (Record, error) {
	return o.sweepRecord(EventSweepStarted, "started", at, s)
}

// NewSweepCompleted makes a sweep's last record.
func NewSweepCompleted(o Origin, at time.Time, s SweepCompleted) (Record, error) {
	return o.sweepRecord(EventSweepCompleted, "completed", at, s)
}

// sweepRecord has no instant in its id: each mark exists once for a sweep,
// however often a killed walk is taken up again.
func (o Origin) sweepRecord(eventType, mark string, at time.Time, payload any) (Record, error) {
	raw, err := json.Marshal(payload)
	if err != nil {
		return Record{}, fmt.Errorf("encode %s: %w", eventType, err)
	}
	r := o.record(eventType, KindSweep, o.CorrelationID, at)
	r.EventID = fmt.Sprintf("m:%s:%s:%s", o.CorrelationID, KindSweep, mark)
	r.Payload = raw
	return r, nil
}

func decodeSweep(r Record) Decoded {
	mark := SweepMark{TenantKey: r.TenantKey, SweepID: r.EntityID, StartedAt: instant(r.OccurredAt)}
	if r.EventType == EventSweepStarted {
		return Decoded{Sweep: &mark}
	}
	var s SweepCompleted
	if err := json.Unmarshal(r.Payload, &s); err != nil {
		return parkWhole(r, KindSweep, "the payload is no sweep's end")
	}
	mark.StartedAt, mark.CompletedAt = instant(s.StartedAt), instant(r.OccurredAt)
	d := Decoded{Sweep: &mark}
	for _, c := range s.MemberCounts {
		if !isKey(c.OpenDepartmentID) {
			d.Problems = parkWhole(r, KindSweep, "a member count of no department").Problems
			continue
		}
		d.Changes = append(d.Changes, c.change(r))
	}
	return d
}

// change says nothing about existence, and is older than whatever the walk
// found beside the counts.
func (c MemberCount) change(r Record) Change {
	change := Change{
		Key:     Key{TenantKey: r.TenantKey, Kind: KindDepartment, ID: c.OpenDepartmentID},
		Time:    instant(c.At).Add(-DefaultSkewMargin),
		EventID: r.EventID,
	}
	if c.MemberCount != nil {
		change.Fields = append(change.Fields, FieldChange{Name: fieldMembers, Value: strconv.AppendInt(nil, *c.MemberCount, 10), Changed: 1})
	}
	if c.PrimaryMemberCount != nil {
		change.Fields = append(change.Fields, FieldChange{Name: fieldPrimary, Value: strconv.AppendInt(nil, *c.PrimaryMemberCount, 10), Changed: 1})
	}
	return change
}
