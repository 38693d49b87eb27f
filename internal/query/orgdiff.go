package query

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"github.com/orgmirror/orgmirror/internal/postgres"
	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// differenceKinds are the kinds of differences, in the order of their ranks from 1.
var differenceKinds = []string{
	"joined", "returned", "left", "moved", "renamed", "promoted", "demoted",
	"department_created", "department_removed", "department_moved", "department_renamed",
}

// differenceKey orders differences. Known is the position of the first page.
type differenceKey struct {
	Rank  int    `json:"r"`
	ID    string `json:"i"`
	Known int64  `json:"k"`
}

func (k differenceKey) valid() bool {
	return k.Rank > 0 && k.Rank <= len(differenceKinds) && !strings.ContainsRune(k.ID, 0) && k.Known > 0
}

// comparison is a request for differences that was found to be in order.
type comparison struct {
	terms
	paging[differenceKey]

	tenant     string
	from, to   askedMoment
	department string
	kinds      []string // nil: all
}

// The fields that tell the two moments.
var (
	fromFields = [3]string{"from", "from_recorded", "from_position"}
	toFields   = [3]string{"to", "to_recorded", "to_position"}
)

func (s *Service) comparisonOf(ctx context.Context, req *pb.DiffOrganizationRequest) (c comparison, err error) {
	c.tenant = s.company(ctx)
	if c.terms, err = idTerms(req); err != nil {
		return c, err
	}
	if c.from, err = askedMomentOf(fromFields, req.GetFrom(), req.GetFromRecorded(), req.FromPosition); err != nil {
		return c, err
	}
	if c.to, err = askedMomentOf(toFields, req.GetTo(), req.GetToRecorded(), req.ToPosition); err != nil {
		return c, err
	}
	switch {
	case c.from.axis == axisNone:
		return c, badField(reasonArgument, fromFields[0], "the first moment is missing: give one of %s", strings.Join(fromFields[:], ", "))
	case c.to.axis == axisNone:
	case c.to.axis != c.from.axis:
		return c, badField(reasonArgument, c.to.field, "the first moment is %s, so the second must be %s", c.from.field, toFields[c.from.axis-1])
	case c.from.compare(c.to) > 0:
		return c, badField(reasonArgument, c.from.field, "must not be after %s", c.to.field)
	}
	if c.department = req.GetDepartment(); c.department != "" {
		if _, err := text("department", c.department); err != nil {
			return c, err
		}
	}
	for _, kind := range req.GetKinds() {
		if !slices.Contains(differenceKinds, kind) {
			return c, badField(reasonArgument, "kinds", "must be of %s", strings.Join(differenceKinds, ", "))
		}
		c.kinds = append(c.kinds, kind)
	}
	c.paging, err = pagingOf[differenceKey](c.tenant, req)
	return c, err
}

// differences is a page of them while it is read.
type differences struct {
	now      moment // its position is what the first page knew
	from, to asOf
	found    bool // the department exists
	changes  []*pb.OrganizationChange
	keys     []differenceKey
	counts   *pb.OrganizationCounts
}

// DiffOrganization implements the RPC.
func (s *Service) DiffOrganization(ctx context.Context, req *pb.DiffOrganizationRequest) (*pb.DiffOrganizationResponse, error) {
	c, err := s.comparisonOf(ctx, req)
	if err != nil {
		return nil, err
	}
	var d differences
	meta, err := s.read(ctx, c.when, func(ctx context.Context) (now moment, err error) {
		now, d, err = s.diff(ctx, c)
		return now, err
	})
	if err != nil {
		return nil, err
	}
	if !d.found {
		return nil, departmentNotFound(c.terms)
	}
	if c.after != nil {
		if meta, err = s.metaOf(ctx, d.now); err != nil {
			return nil, err
		}
	}
	n, next, err := c.cut(d.now, d.keys, func(i int) int { return proto.Size(d.changes[i]) })
	if err != nil {
		return nil, err
	}
	return &pb.DiffOrganizationResponse{
		Changes: d.changes[:n], NextPageToken: next, Counts: d.counts,
		From: organizationMoment(d.from), To: organizationMoment(d.to),
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

func organizationMoment(a asOf) *pb.OrganizationMoment {
	m := &pb.OrganizationMoment{Position: a.position}
	if a.at != endOfTime {
		m.AsOf = timestamp(&a.at.Time)
	}
	return m
}

// comparing are the settings for statements that sort and join what may be a whole
// company: each is planned for its moments, with more than loops over indexes. (The
// session's other settings stay: indexes rather than whole tables.)
const comparing = `
SET LOCAL plan_cache_mode = force_custom_plan;
SET LOCAL enable_hashjoin = on;
SET LOCAL enable_material = on`

// Every parameter must be named, also $2, which has no say in it.
const selectComparison = `WITH ` + askedDepartment + `
SELECT ` + momentColumns + `, t.id IS NOT NULL` + fromMoment + `
LEFT JOIN target AS t ON $2::text IS NOT NULL`

// diff reads a page of differences, all of it from one snapshot. The database holds
// what it compares; here there is never more than the page.
func (s *Service) diff(ctx context.Context, c comparison) (now moment, d differences, err error) {
	err = postgres.ReadGeneration(ctx, s.pool.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, comparing); err != nil {
			return fmt.Errorf("prepare to compare: %w", err)
		}
		err := tx.QueryRow(ctx, selectComparison, c.tenant, c.userIDType, c.departmentIDType, c.department).
			Scan(append(now.targets(), &d.found)...)
		if err != nil {
			return fmt.Errorf("prepare to compare: %w", err)
		}
		if d.now = now; c.after != nil {
			if err := c.check(now); err != nil {
				return err
			}
			if d.now.position = c.after.Known; d.now.position > now.position {
				return badField(reasonPageToken, "page_token", "the mirror has gone back to an earlier position: begin with the first page")
			}
		}
		if d.found = d.found || c.department == ""; !d.found {
			return nil
		}
		return d.read(ctx, tx, c)
	})
	return now, d, err
}

func (d *differences) read(ctx context.Context, tx pgx.Tx, c comparison) (err error) {
	_, start, err := readHistoryStart(ctx, tx, c.tenant)
	if err != nil {
		return err
	}
	if d.from, err = c.from.resolve(ctx, tx, d.now.position, start); err != nil {
		return err
	}
	if d.to, err = c.to.resolve(ctx, tx, d.now.position, start); err != nil {
		return err
	}
	args := []any{c.tenant, c.userIDType, c.departmentIDType, c.department, d.from.at, d.from.position, d.to.at, d.to.position}
	if c.after == nil {
		if d.counts, err = readCounts(ctx, tx, args); err != nil {
			return err
		}
	}
	return d.readPage(ctx, tx, c, args)
}

// differenceRow is a difference; the sides are the two moments.
type differenceRow struct {
	person   bool
	rank     int
	kind, id string
	answered *string // the id in the kind asked for
	reason   *string
	sides    [2]differenceSide
}

type differenceSide struct {
	here        bool
	name        *string
	departments []string
	leads       map[string]int32 // leader types by department
	parent      *string
}

func (r *differenceRow) targets() []any {
	all := []any{&r.person, &r.rank, &r.kind, &r.id, &r.answered, &r.reason}
	for i := range r.sides {
		s := &r.sides[i]
		all = append(all, &s.here, &s.name, &s.departments, &s.leads, &s.parent)
	}
	return all
}

func (d *differences) readPage(ctx context.Context, tx pgx.Tx, c comparison, args []any) error {
	var after differenceKey
	if c.after != nil {
		after = *c.after
	}
	rows, err := tx.Query(ctx, selectDifferences, append(args[:8:8], after.Rank, after.ID, c.kinds, c.limit())...)
	if err != nil {
		return fmt.Errorf("read differences: %w", err)
	}
	page, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r differenceRow, err error) {
		return r, row.Scan(r.targets()...)
	})
	if err != nil {
		return fmt.Errorf("read differences: %w", err)
	}
	names, err := readDepartmentNames(ctx, tx, args, page)
	if err != nil {
		return err
	}
	for _, row := range page {
		change := &pb.OrganizationChange{Kind: row.kind, RemovedReason: row.reason, Before: row.state(0, names), After: row.state(1, names)}
		if row.person {
			change.User = row.answered
		} else {
			change.Department = row.answered
		}
		d.changes = append(d.changes, change)
		d.keys = append(d.keys, differenceKey{Rank: row.rank, ID: row.id, Known: d.now.position})
	}
	return nil
}

// departmentAt is a department at one of the two moments.
type departmentAt struct {
	side int
	id   string
}

// state is how it was at one moment; nil for whom or what was not there.
func (r differenceRow) state(side int, names map[departmentAt]*pb.DepartmentReference) *pb.OrganizationState {
	was := r.sides[side]
	if !was.here {
		return nil
	}
	state := &pb.OrganizationState{Name: was.name}
	for _, id := range was.departments {
		state.Departments = append(state.Departments, names[departmentAt{side, id}])
	}
	for _, id := range slices.Sorted(maps.Keys(was.leads)) {
		state.Leads = append(state.Leads, &pb.Leadership{Department: names[departmentAt{side, id}], LeaderType: was.leads[id]})
	}
	if was.parent != nil {
		state.Parent = names[departmentAt{side, *was.parent}]
	}
	return state
}

// readDepartmentNames names every department that the rows mention.
func readDepartmentNames(ctx context.Context, tx pgx.Tx, args []any, page []differenceRow) (map[departmentAt]*pb.DepartmentReference, error) {
	names := map[departmentAt]*pb.DepartmentReference{}
	for _, row := range page {
		for i, s := range row.sides {
			mentioned := slices.AppendSeq(slices.Clone(s.departments), maps.Keys(s.leads))
			if s.parent != nil {
				mentioned = append(mentioned, *s.parent)
			}
			for _, id := range mentioned {
				names[departmentAt{i, id}] = nil
			}
		}
	}
	var (
		sides []int
		ids   []string
	)
	for at := range names {
		sides, ids = append(sides, at.side), append(ids, at.id)
	}
	rows, err := tx.Query(ctx, selectDepartmentNames, slices.Concat(args[:1], args[2:3], args[4:8], []any{sides, ids})...)
	if err != nil {
		return nil, fmt.Errorf("name departments: %w", err)
	}
	var (
		at       departmentAt
		answered string
		name     *string
	)
	_, err = pgx.ForEachRow(rows, []any{&at.side, &at.id, &answered, &name}, func() error {
		names[at] = &pb.DepartmentReference{Department: answered, Name: name}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("name departments: %w", err)
	}
	return names, nil
}

// readCounts counts everything that differs, and what there was.
func readCounts(ctx context.Context, tx pgx.Tx, args []any) (*pb.OrganizationCounts, error) {
	var (
		counts pb.OrganizationCounts
		both   *int64 // who was there at both moments, of a department
	)
	// A whole company is read whole. Not so the rest.
	if _, err := tx.Exec(ctx, `SET LOCAL enable_seqscan = on`); err != nil {
		return nil, fmt.Errorf("prepare to count: %w", err)
	}
	err := tx.QueryRow(ctx, selectHeadcounts, args...).
		Scan(&counts.PeopleBefore, &counts.PeopleAfter, &both, &counts.DepartmentsBefore, &counts.DepartmentsAfter)
	if err != nil {
		return nil, fmt.Errorf("count people and departments: %w", err)
	}
	if _, err := tx.Exec(ctx, `SET LOCAL enable_seqscan = off`); err != nil {
		return nil, fmt.Errorf("prepare to count: %w", err)
	}
	of := map[string]**int64{
		"joined": &counts.Joined, "returned": &counts.Returned, "left": &counts.Left, "moved": &counts.Moved,
		"renamed": &counts.Renamed, "promoted": &counts.Promoted, "demoted": &counts.Demoted,
		"department_created": &counts.DepartmentsCreated, "department_removed": &counts.DepartmentsRemoved,
		"department_moved": &counts.DepartmentsMoved, "department_renamed": &counts.DepartmentsRenamed,
	}
	for _, n := range of {
		*n = new(int64)
	}
	rows, err := tx.Query(ctx, selectDifferenceCounts, args...)
	if err != nil {
		return nil, fmt.Errorf("count differences: %w", err)
	}
	var (
		kind  string
		count int64
	)
	if _, err := pgx.ForEachRow(rows, []any{&kind, &count}, func() error {
		**of[kind] = count
		return nil
	}); err != nil {
		return nil, fmt.Errorf("count differences: %w", err)
	}
	counts.MovedIn, counts.MovedOut = new(int64), new(int64)
	if both != nil {
		*counts.MovedIn = counts.GetPeopleAfter() - *both - counts.GetJoined() - counts.GetReturned()
		*counts.MovedOut = counts.GetPeopleBefore() - *both - counts.GetLeft()
	}
	return &counts, nil
}
