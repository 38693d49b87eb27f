package projector

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
)

// write puts a folded page into the tables and moves the checkpoint, all in one
// transaction and one pipeline.
func (p *Projector) write(ctx context.Context, f *folded) error {
	b := &batch{}
	// Plans kept from when the tables were empty would read all of them.
	b.batch.Queue(`SET LOCAL plan_cache_mode = force_custom_plan`)
	// Before the rest: its lock makes a second projector wait here, and not write.
	eventlog.QueueMoveCheckpoint(&b.batch, Consumer, f.page.From, f.page.To)
	if err := f.queue(b); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error {
		if err := tx.SendBatch(ctx, &b.batch).Close(); err != nil {
			return fmt.Errorf("write the page up to %d: %w", f.page.To, err)
		}
		return nil
	})
}

// tables collects a page's rows, table by table.
type tables struct {
	users, userVersions             []userRow
	departments, departmentVersions []departmentRow
	members, memberVersions         []membershipRow
	leaders, leaderVersions         []leaderRow
	userEnds, departmentEnds        []endingRow
	memberEnds, leaderEnds          []endingRow
	membersGone, leadersGone        []endingRow
	definitions                     map[directory.Kind]*definitionRows
	rereads                         []*rereadRow
	delays                          []delayRow
}

func (f *folded) tables() tables {
	t := tables{definitions: map[directory.Kind]*definitionRows{}}
	for _, e := range f.entities {
		switch e.state.Key.Kind {
		case directory.KindUser:
			t.user(e)
		case directory.KindDepartment:
			t.department(e)
		default:
			t.definition(e)
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(f.delays), compareKeys) {
		if f.rereads[key] == nil || f.rereads[key].NotBefore.Before(f.delays[key]) {
			t.delays = append(t.delays, delayRow{TenantKey: key.TenantKey, EntityKind: key.Kind, EntityID: key.ID, NotBefore: f.delays[key]})
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(f.rereads), compareKeys) {
		t.rereads = append(t.rereads, f.rereads[key])
	}
	return t
}

func (t *tables) user(e *entity) {
	key := e.state.Key
	if e.row {
		row := newUserRow(key.TenantKey, directory.UserOf(e.state))
		row.Position = e.position
		t.users = append(t.users, row)
	}
	if e.closed != nil {
		t.userEnds = append(t.userEnds, e.closed.row(key.TenantKey, "", key.ID))
	}
	for _, v := range e.versions {
		row := newUserRow(key.TenantKey, v.user)
		a := v.ages()
		row.ages = &a
		t.userVersions = append(t.userVersions, row)
	}
	for _, s := range e.edges.spans {
		if s.to == 0 {
			continue
		}
		row := newMembershipRow(key, s.other, s.edge)
		row.Position = s.from
		if s.to == lasting {
			t.members = append(t.members, row)
		}
		a := s.ages()
		row.ages = &a
		t.memberVersions = append(t.memberVersions, row)
	}
	for other, end := range e.edges.closed {
		row := end.row(key.TenantKey, other, key.ID)
		t.memberEnds = append(t.memberEnds, row)
		if _, back := e.edges.open[other]; !back {
			t.membersGone = append(t.membersGone, row)
		}
	}
}

func (t *tables) department(e *entity) {
	key := e.state.Key
	if e.row {
		row := newDepartmentRow(key.TenantKey, directory.DepartmentOf(e.state), e.place)
		row.Position = e.position
		t.departments = append(t.departments, row)
	}
	if e.closed != nil {
		t.departmentEnds = append(t.departmentEnds, e.closed.row(key.TenantKey, key.ID, ""))
	}
	for _, v := range e.versions {
		row := newDepartmentRow(key.TenantKey, v.department, directory.Place{})
		a := v.ages()
		row.ages = &a
		t.departmentVersions = append(t.departmentVersions, row)
	}
	for _, s := range e.edges.spans {
		if s.to == 0 {
			continue
		}
		row := newLeaderRow(key, s.other, s.edge)
		row.Position = s.from
		if s.to == lasting {
			t.leaders = append(t.leaders, row)
		}
		a := s.ages()
		row.ages = &a
		t.leaderVersions = append(t.leaderVersions, row)
	}
	for other, end := range e.edges.closed {
		row := end.row(key.TenantKey, key.ID, other)
		t.leaderEnds = append(t.leaderEnds, row)
		if _, back := e.edges.open[other]; !back {
			t.leadersGone = append(t.leadersGone, row)
		}
	}
}

func (e ending) row(tenant, department, user string) endingRow {
	return endingRow{TenantKey: tenant, OpenDepartmentID: department, OpenID: user, ToPosition: e.position, ValidTo: timestamp(e.at)}
}

// queue adds one statement a table, none where there is nothing to write. Ends
// come before beginnings: an entity has one open version.
func (f *folded) queue(b *batch) error {
	t := f.tables()
	b.add(endUserVersions, len(t.userEnds), t.userEnds)
	b.add(endDepartmentVersions, len(t.departmentEnds), t.departmentEnds)
	b.add(endMembershipVersions, len(t.memberEnds), t.memberEnds)
	b.add(endLeaderVersions, len(t.leaderEnds), t.leaderEnds)
	b.add(insertUserVersions, len(t.userVersions), t.userVersions)
	b.add(insertDepartmentVersions, len(t.departmentVersions), t.departmentVersions)
	b.add(insertMembershipVersions, len(t.memberVersions), t.memberVersions)
	b.add(insertLeaderVersions, len(t.leaderVersions), t.leaderVersions)
	b.add(deleteMemberships, len(t.membersGone), t.membersGone)
	b.add(deleteLeaders, len(t.leadersGone), t.leadersGone)
	b.add(upsertUsers, len(t.users), t.users)
	b.add(upsertDepartments, len(t.departments), t.departments)
	b.add(updatePlaces, len(f.places), f.places)
	b.add(upsertMemberships, len(t.members), t.members)
	b.add(upsertLeaders, len(t.leaders), t.leaders)
	t.queueDefinitions(b)
	b.addStates(f.entities)
	b.add(upsertSweeps, len(f.sweeps), f.sweeps)
	b.add(insertParked, len(f.parked), f.parked)
	b.add(upsertRereads, len(t.rereads), t.rereads)
	b.add(delayRereads, len(t.delays), t.delays)
	f.queueSweepRequests(b)
	return b.err
}

// batch sends rows as one JSON parameter each.
type batch struct {
	batch pgx.Batch
	err   error
}

func (b *batch) add(sql string, n int, rows any) {
	if n == 0 || b.err != nil {
		return
	}
	raw, err := json.Marshal(rows)
	if err != nil {
		b.err = fmt.Errorf("encode %d rows: %w", n, err)
		return
	}
	b.batch.Queue(sql, string(raw))
}

// addStates queues the states that changed.
func (b *batch) addStates(entities []*entity) {
	var tenants, kinds, ids, states []string
	var validFroms []*time.Time
	for _, e := range entities {
		if !e.touched || b.err != nil {
			continue
		}
		state, err := e.state.MarshalJSON()
		if err != nil {
			b.err = fmt.Errorf("encode the state of a %s: %w", e.state.Key.Kind, err)
			return
		}
		var validFrom *time.Time
		if !e.validFrom.IsZero() {
			validFrom = &e.validFrom
		}
		tenants, kinds, ids = append(tenants, e.state.Key.TenantKey), append(kinds, string(e.state.Key.Kind)), append(ids, e.state.Key.ID)
		states, validFroms = append(states, string(state)), append(validFroms, validFrom)
	}
	if len(ids) > 0 {
		b.batch.Queue(upsertStates, pgx.NamedArgs{
			"tenants": tenants, "kinds": kinds, "ids": ids, "states": states, "valid_froms": validFroms,
		})
	}
}
