package projector_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// life makes records of a small company that never rests: people come, move,
// are renamed and leave, departments are moved and deleted, in events and
// observations, some of them late.
type life struct {
	random *rand.Rand
	now    time.Time
	n      int
}

func newLife(seed uint64) *life {
	return &life{random: rand.New(rand.NewPCG(seed, 1)), now: begin}
}

// live lets a life go on for a while, and projects it in pages of some size.
func (b *bundle) live(t *testing.T, l *life, random *rand.Rand) {
	t.Helper()
	records := make([]directory.Record, 1+random.IntN(400))
	for i := range records {
		records[i] = l.next()
	}
	b.append(t, records...)
	b.project(t, 1+random.IntN(200))
}

func (l *life) next() directory.Record {
	l.n++
	l.now = l.now.Add(time.Duration(l.random.IntN(5000)) * time.Millisecond)
	at := l.now
	if l.random.IntN(10) == 0 {
		at = at.Add(-time.Duration(l.random.IntN(300)) * time.Second)
	}
	r := directory.Record{
		OccurredAt: at, TenantKey: tenant, AppID: "cli_1", EventID: fmt.Sprintf("life-%06d", l.n), SchemaVersion: directory.SchemaVersion1,
	}
	switch l.random.IntN(8) {
	case 0, 1:
		l.department(&r)
	case 2:
		l.polled(&r)
	default:
		l.user(&r)
	}
	return r
}

// polled is about a group, a unit, what joins them to others, or a node of the scope.
func (l *life) polled(r *directory.Record) {
	group, unit := l.pick("g", 4), l.pick("BU", 3)
	switch l.random.IntN(6) {
	case 0:
		r.EntityKind, r.EntityID = directory.KindGroup, group
		r.Payload = marshal(map[string]any{"id": group, "name": l.pick("group", 1000), "type": 1 + l.random.IntN(2), "member_user_count": l.random.IntN(9)})
	case 1:
		r.EntityKind, r.EntityID = directory.KindGroupMember, directory.LinkID(group, directory.LinkUser, l.pick("ou_", 30))
	case 2:
		r.EntityKind, r.EntityID = directory.KindGroupMember, directory.LinkID(group, directory.LinkDepartment, l.pick("od-", 12))
	case 3:
		r.EntityKind, r.EntityID = directory.KindUnit, unit
		r.Payload = marshal(map[string]any{"unit_id": unit, "name": l.pick("unit", 1000), "unit_type": "x"})
	case 4:
		r.EntityKind, r.EntityID = directory.KindUnitDepartment, directory.LinkID(unit, l.pick("od-", 12))
	default:
		r.EntityKind, r.EntityID = directory.KindScopeNode, directory.LinkID(directory.LinkGroup, group)
	}
	r.Source = directory.SourcePoll
	if l.random.IntN(3) == 0 {
		r.EventType, r.Payload = directory.EventType(r.EntityKind, "missing"), marshal(directory.Missing{Reason: directory.ReasonDeleted})
		return
	}
	if r.Payload == nil {
		r.Payload = directory.LinkObject(r.EntityKind, r.EntityID)
	}
	obs := directory.Observation{Object: r.Payload, Listed: true, SkewMarginMS: 10_000}
	r.EventType, r.Payload = directory.EventType(r.EntityKind, "observed"), marshal(obs)
}

func (l *life) pick(prefix string, n int) string {
	return fmt.Sprintf("%s%d", prefix, l.random.IntN(n))
}

// name is one of few, so that names come back, and share keys and parts of them.
func (l *life) name() string {
	n := l.random.IntN(1000)
	switch n % 4 {
	case 0:
		return fmt.Sprintf("张三%d", n%16)
	case 1:
		return fmt.Sprintf("%d 三", n%16)
	default:
		return fmt.Sprintf("Ann %d Lee", n%16)
	}
}

func (l *life) user(r *directory.Record) {
	r.EntityKind, r.EntityID = directory.KindUser, l.pick("ou_", 30)
	object := map[string]any{"open_id": r.EntityID, "name": l.name()}
	departments := []any{}
	for d := range 1 + l.random.IntN(3) {
		departments = append(departments, map[string]any{
			"department_id": fmt.Sprintf("od-%d", (l.random.IntN(4)*3+d)%12), "user_order": l.random.IntN(9), "department_order": d, "is_primary_dept": d == 0,
		})
	}
	object["orders"] = departments
	l.finish(r, object, map[string]any{"name": "x", "orders": []any{}}, [3]string{
		directory.EventUserCreated, directory.EventUserUpdated, directory.EventUserDeleted,
	})
}

func (l *life) department(r *directory.Record) {
	r.EntityKind, r.EntityID = directory.KindDepartment, l.pick("od-", 12)
	object := map[string]any{
		"open_department_id": r.EntityID, "name": l.name(), "order": fmt.Sprint(l.random.IntN(100)),
		"parent_department_id": []string{"0", l.pick("od-", 12)}[l.random.IntN(2)], // cycles and self-parents too
		"leaders":              []any{map[string]any{"leaderType": 1, "leaderID": l.pick("ou_", 30)}, map[string]any{"leaderType": 2, "leaderID": l.pick("ou_", 30)}},
	}
	l.finish(r, object, map[string]any{"parent_department_id": "0"}, [3]string{
		directory.EventDepartmentCreated, directory.EventDepartmentUpdated, directory.EventDepartmentDeleted,
	})
}

// finish makes an event or an observation of the object.
func (l *life) finish(r *directory.Record, object, old map[string]any, events [3]string) {
	kind := l.random.IntN(8)
	if kind >= 5 {
		object["status"] = map[string]any{"is_resigned": false, "is_deleted": false}
		obs := directory.Observation{Object: marshal(object), Listed: kind == 7, SkewMarginMS: 10_000}
		r.EventType, r.Source, r.Payload = directory.EventType(r.EntityKind, "observed"), directory.SourceBackfill, marshal(obs)
		return
	}
	r.Source = directory.SourceWebhook
	r.EventType = events[[]int{0, 1, 1, 1, 2}[kind]]
	r.Payload = marshal(map[string]any{"event": map[string]any{"object": object, "old_object": old}})
}

func marshal(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}
