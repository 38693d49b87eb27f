package query

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// The words for the state of the mirror.
const (
	stateComplete   = "complete"
	stateIncomplete = "incomplete"
	stateStale      = "stale"
)

// staleAfter is how far the projector may be behind.
const staleAfter = time.Minute

// GetSyncStatus implements the RPC.
func (s *Service) GetSyncStatus(ctx context.Context, req *pb.GetSyncStatusRequest) (*pb.GetSyncStatusResponse, error) {
	fresh, err := parseFreshness(req.GetAtLeastAsFresh())
	if err != nil {
		return nil, err
	}
	var (
		now moment
		row syncRow
	)
	meta, err := s.read(ctx, fresh, func(ctx context.Context) (moment, error) {
		now, row = moment{}, syncRow{}
		if err := s.pool.QueryRow(ctx, selectSyncStatus, s.company(ctx)).Scan(append(now.targets(), row.targets()...)...); err != nil {
			return moment{}, fmt.Errorf("read the sync status: %w", err)
		}
		return now, nil
	})
	if err != nil {
		return nil, err
	}
	return &pb.GetSyncStatusResponse{
		State:        s.state(now, row, meta.staleness.AsDuration()),
		HeadPosition: &now.head, LastCompleteSweep: row.lastSweep(), RunningSweep: row.runningSweep(),
		Counts:        &pb.Counts{Users: &row.users, Departments: &row.departments, Memberships: &row.memberships},
		ParkedRecords: &row.parked, RereadQueueLength: &row.rereads, UnresolvedDepartments: &row.unresolved,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

// state puts it in one word. With an interval of zero nobody sweeps by the clock,
// so no sweep is too old.
func (s *Service) state(now moment, row syncRow, staleness time.Duration) string {
	switch {
	case row.last.startedAt == nil:
		return stateIncomplete
	case staleness > staleAfter, s.sweepInterval > 0 && now.at.Sub(*row.last.startedAt) > 2*s.sweepInterval:
		return stateStale
	default:
		return stateComplete
	}
}

// syncRow is the one row of selectSyncStatus.
type syncRow struct {
	last, running struct {
		id                     *string
		startedAt, completedAt *time.Time
	}
	listsTotal, listsDone, departmentsSeen, usersSeen, appended, unchanged int64
	users, departments, memberships                                        int64
	parked, rereads, unresolved                                            int64
}

func (r *syncRow) targets() []any {
	return []any{
		&r.last.id, &r.last.startedAt, &r.last.completedAt,
		&r.running.id, &r.running.startedAt, &r.appended, &r.unchanged,
		&r.listsTotal, &r.listsDone, &r.departmentsSeen, &r.usersSeen,
		&r.users, &r.departments, &r.memberships,
		&r.parked, &r.rereads, &r.unresolved,
	}
}

func (r *syncRow) lastSweep() *pb.Sweep {
	if r.last.id == nil {
		return nil
	}
	return &pb.Sweep{SweepId: *r.last.id, StartedAt: timestamp(r.last.startedAt), CompletedAt: timestamp(r.last.completedAt)}
}

func (r *syncRow) runningSweep() *pb.RunningSweep {
	if r.running.id == nil {
		return nil
	}
	return &pb.RunningSweep{
		SweepId: *r.running.id, StartedAt: timestamppb.New(*r.running.startedAt),
		ListsTotal: &r.listsTotal, ListsDone: &r.listsDone,
		DepartmentsSeen: &r.departmentsSeen, UsersSeen: &r.usersSeen,
		Appended: &r.appended, Unchanged: &r.unchanged,
	}
}

// A department is unresolved where its path does not come down from the root.
const selectSyncStatus = `SELECT ` + momentColumns + `,
    l.sweep_id, l.started_at, l.completed_at,
    r.sweep_id::text, r.started_at, coalesce(r.appended, 0), coalesce(r.unchanged, 0),
    (SELECT count(*) FROM mirror.sweep_task AS t WHERE t.sweep_id = r.sweep_id),
    (SELECT count(*) FROM mirror.sweep_task AS t WHERE t.sweep_id = r.sweep_id AND t.done),
    (SELECT count(*) FROM mirror.sweep_seen AS e WHERE e.sweep_id = r.sweep_id AND e.entity_kind = 'department'),
    (SELECT count(*) FROM mirror.sweep_seen AS e WHERE e.sweep_id = r.sweep_id AND e.entity_kind = 'user'),
    (SELECT count(*) FROM directory.users AS u WHERE u.tenant_key = $1 AND u.removed_at IS NULL),
    (SELECT count(*) FROM directory.departments AS d
     WHERE d.tenant_key = $1 AND d.removed_at IS NULL AND d.open_department_id <> '0'),
    (SELECT count(*) FROM directory.memberships AS m WHERE m.tenant_key = $1),
    (SELECT count(*) FROM mirror.event_log_parked AS p WHERE p.tenant_key = $1),
    (SELECT count(*) FROM mirror.reread_queue AS q WHERE q.tenant_key = $1),
    (SELECT count(*) FROM directory.departments AS d
     WHERE d.tenant_key = $1 AND d.removed_at IS NULL AND (d.path < '/0/' OR d.path >= '/00'))` + fromMoment + `
LEFT JOIN LATERAL (
    SELECT s.sweep_id, s.started_at, s.completed_at
    FROM directory.sweeps AS s
    WHERE s.tenant_key = $1 AND s.completed_at IS NOT NULL
    ORDER BY s.started_at DESC
    LIMIT 1
) AS l ON true
LEFT JOIN mirror.sweep AS r ON r.tenant_key = $1 AND r.state = 'running'`
