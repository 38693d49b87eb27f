package projector

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// write puts a folded page into the tables and moves the checkpoint, all in one
// transaction and one pipeline.
func (p *Projector) write(ctx context.Context, f *folded) error {
	b := &batch{sql: p.into.sql}
	if p.into == nil {
		b.batch.Queue(`BEGIN`) // with the rest: the transaction takes two round trips, and not three
	}
	p.queueSettings(&b.batch, f.page.To)
	// Before the rest: its lock makes a second projector wait here, and not write.
	p.queueMove(b, f)
	if err := f.queue(b); err != nil {
		return err
	}
	if p.into == nil {
		f.queueRequests(b)
	}
	if b.err != nil {
		return b.err
	}
	var err error
	if conn, own := p.db.(*pgxpool.Conn); own {
		err = commit(ctx, conn, &b.batch)
	} else {
		err = pgx.BeginFunc(ctx, p.db, func(tx pgx.Tx) error { return tx.SendBatch(ctx, &b.batch).Close() })
	}
	if err != nil {
		return fmt.Errorf("write the page up to %d: %w", f.page.To, err)
	}
	return nil
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
	keys, keysGone, formerKeys      []searchKeyRow
	definitions                     map[directory.Kind]*definitionRows
}

func (f *folded) tables() tables {
	t := tables{definitions: map[directory.Kind]*definitionRows{}}
	for _, e := range f.entities {
		t.entity(e)
	}
	return t
}

func (t *tables) entity(e *entity) {
	t.searchKeys(e)
	switch e.state.Key.Kind {
	case directory.KindUser:
		t.user(e)
	case directory.KindDepartment:
		t.department(e)
	default:
		t.definition(e)
	}
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
	b.add(deleteSearchKeys, len(t.keysGone), t.keysGone)
	b.add(upsertSearchKeys, len(t.keys), t.keys)
	b.add(insertFormerKeys, len(t.formerKeys), t.formerKeys)
	t.queueDefinitions(b)
	b.addStates(f.entities)
	b.add(upsertSweeps, len(f.sweeps), f.sweeps)
	return b.err
}

// queueRequests adds what the page parks, and what it asks for. A generation that
// does not serve does neither: all that was done when its records were new.
func (f *folded) queueRequests(b *batch) {
	b.add(insertParked, len(f.parked), f.parked)
	rereads := f.rereadRows()
	b.add(upsertRereads, len(rereads), rereads)
	delays := f.delayRows()
	b.add(delayRereads, len(delays), delays)
	f.queueSweepRequests(b)
}

func (f *folded) rereadRows() (rows []*rereadRow) {
	for _, key := range slices.SortedFunc(maps.Keys(f.rereads), compareKeys) {
		rows = append(rows, f.rereads[key])
	}
	return rows
}

func (f *folded) delayRows() (rows []delayRow) {
	for _, key := range slices.SortedFunc(maps.Keys(f.delays), compareKeys) {
		if f.rereads[key] == nil || f.rereads[key].NotBefore.Before(f.delays[key]) {
			rows = append(rows, delayRow{TenantKey: key.TenantKey, EntityKind: key.Kind, EntityID: key.ID, NotBefore: f.delays[key]})
		}
	}
	return rows
}

// batch sends rows as one JSON parameter each.
type batch struct {
	batch pgx.Batch
	sql   func(string) string // names the generation that is written
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
	b.batch.Queue(b.sql(sql), string(raw))
}

// stateRow is an entity's state as it is stored. It travels as text: see
// upsertStates.
type stateRow struct {
	TenantKey  string         `json:"tenant_key"`
	EntityKind directory.Kind `json:"entity_kind"`
	EntityID   string         `json:"entity_id"`
	State      string         `json:"state"`
	ValidFrom  *time.Time     `json:"valid_from"`
}

// stateRows are the states that changed.
func stateRows(entities []*entity) (rows []stateRow, err error) {
	for _, e := range entities {
		if !e.touched {
			continue
		}
		state, err := e.state.MarshalJSON()
		if err != nil {
			return nil, fmt.Errorf("encode the state of a %s: %w", e.state.Key.Kind, err)
		}
		row := stateRow{TenantKey: e.state.Key.TenantKey, EntityKind: e.state.Key.Kind, EntityID: e.state.Key.ID, State: string(state)}
		if !e.validFrom.IsZero() {
			row.ValidFrom = &e.validFrom
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// addStates queues the states that changed.
func (b *batch) addStates(entities []*entity) {
	if b.err != nil {
		return
	}
	var rows []stateRow
	if rows, b.err = stateRows(entities); len(rows) == 0 {
		return
	}
	var tenants, kinds, ids, states []string
	var validFroms []*time.Time
	for _, r := range rows {
		tenants, kinds, ids = append(tenants, r.TenantKey), append(kinds, string(r.EntityKind)), append(ids, r.EntityID)
		states, validFroms = append(states, r.State), append(validFroms, r.ValidFrom)
	}
	b.batch.Queue(b.sql(upsertStates), pgx.NamedArgs{
		"tenants": tenants, "kinds": kinds, "ids": ids, "states": states, "valid_froms": validFroms,
	})
}
