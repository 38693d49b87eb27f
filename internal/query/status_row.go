package query

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// syncRow is the one row of selectSyncStatus.
type syncRow struct {
	last, running struct {
		id                     *string
		startedAt, completedAt *time.Time
	}
	listsTotal, listsDone, departmentsSeen, usersSeen, appended, unchanged int64
	users, departments, memberships                                        int64
	parked, rereads, unresolved                                            int64

	sets        struct{ held, hidden, drift, resources []byte } // JSON
	requests    []string
	requestedAt *time.Time
	sampled     int64
	calls       int64
	channel     struct {
		events, problem    *string
		connected, red     *bool
		heardAt, checkedAt *time.Time
	}
}

func (r *syncRow) targets() []any {
	return []any{
		&r.last.id, &r.last.startedAt, &r.last.completedAt,
		&r.running.id, &r.running.startedAt, &r.appended, &r.unchanged,
		&r.listsTotal, &r.listsDone, &r.departmentsSeen, &r.usersSeen,
		&r.users, &r.departments, &r.memberships,
		&r.parked, &r.rereads, &r.unresolved,
		&r.sets.held, &r.sets.hidden, &r.sets.drift, &r.sets.resources, &r.requests, &r.requestedAt, &r.sampled, &r.calls,
		&r.channel.events, &r.channel.connected, &r.channel.red, &r.channel.problem, &r.channel.heardAt, &r.channel.checkedAt,
	}
}

// eventChannel is what the service last said of itself; nil where none did.
func (r *syncRow) eventChannel() *Channel {
	if r.channel.events == nil {
		return nil
	}
	c := &Channel{
		Events: *r.channel.events, Connected: *r.channel.connected, Red: *r.channel.red, Problem: *r.channel.problem,
		CheckedAt: *r.channel.checkedAt,
	}
	if r.channel.heardAt != nil {
		c.HeardAt = *r.channel.heardAt
	}
	return c
}

func (r *syncRow) held() (list []*pb.HeldRemovals, err error) {
	var sets []struct {
		SweepID    string `json:"sweep_id"`
		EntityKind string `json:"entity_kind"`
		Entities   int64  `json:"entities"`
		Live       int64  `json:"live"`
	}
	if err := unpack(r.sets.held, &sets); err != nil {
		return nil, fmt.Errorf("read the held removals: %w", err)
	}
	for _, s := range sets {
		list = append(list, &pb.HeldRemovals{SweepId: s.SweepID, EntityKind: s.EntityKind, Entities: &s.Entities, Live: &s.Live})
	}
	return list, nil
}

func (r *syncRow) hidden() (list []*pb.HiddenField, err error) {
	var kinds map[string][]struct{ Field, Permission string }
	if err := unpack(r.sets.hidden, &kinds); err != nil {
		return nil, fmt.Errorf("read the hidden fields: %w", err)
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		for _, f := range kinds[kind] {
			list = append(list, &pb.HiddenField{EntityKind: kind, Field: f.Field, Permission: f.Permission})
		}
	}
	return list, nil
}

func (r *syncRow) drift() (list []*pb.Drift, err error) {
	var found []struct {
		EntityKind  string    `json:"entity_kind"`
		FoundBy     string    `json:"found_by"`
		Entities    int64     `json:"entities"`
		LastFoundAt time.Time `json:"last_found_at"`
	}
	if err := unpack(r.sets.drift, &found); err != nil {
		return nil, fmt.Errorf("read the drift: %w", err)
	}
	for _, f := range found {
		list = append(list, &pb.Drift{EntityKind: f.EntityKind, FoundBy: f.FoundBy, Entities: &f.Entities, LastFoundAt: timestamppb.New(f.LastFoundAt)})
	}
	return list, nil
}

func (r *syncRow) resources() (list []*pb.Resource, held bool, err error) {
	var all []struct {
		Resource     string     `json:"resource"`
		LastPolledAt *time.Time `json:"last_polled_at"`
		Entities     int64      `json:"entities"`
		Missing      int64      `json:"missing"`
		Held         int64      `json:"held"`
		Refusals     []struct {
			Endpoint    string   `json:"endpoint"`
			Permissions []string `json:"permissions"`
			Problem     string   `json:"problem"`
		} `json:"refusals"`
	}
	if err := unpack(r.sets.resources, &all); err != nil {
		return nil, false, fmt.Errorf("read what is polled: %w", err)
	}
	for _, one := range all {
		resource := &pb.Resource{
			Resource: one.Resource, LastPolledAt: timestamp(one.LastPolledAt), Entities: &one.Entities, Missing: &one.Missing, Held: &one.Held,
		}
		for _, f := range one.Refusals {
			resource.Refusals = append(resource.Refusals, &pb.Refusal{Endpoint: f.Endpoint, Permissions: f.Permissions, Problem: f.Problem})
		}
		list, held = append(list, resource), held || one.Held > 0
	}
	return list, held, nil
}

// unpack reads JSON of the database; none is nothing.
func unpack(raw []byte, into any) error {
	if raw == nil {
		return nil
	}
	return json.Unmarshal(raw, into)
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
     WHERE d.tenant_key = $1 AND d.removed_at IS NULL AND (d.path < '/0/' OR d.path >= '/00')),
    (SELECT json_agg(json_build_object('sweep_id', o.sweep_id, 'entity_kind', o.entity_kind, 'entities', o.candidates, 'live', o.live)
                     ORDER BY o.entity_kind)
     FROM mirror.removal_set AS o JOIN mirror.sweep AS b USING (sweep_id)
     WHERE b.tenant_key = $1 AND b.state = 'complete' AND o.state = 'held'),
    w.hidden,
    (SELECT json_agg(json_build_object('entity_kind', f.entity_kind, 'found_by', f.found_by, 'entities', f.entities, 'last_found_at', f.last_found_at)
                     ORDER BY f.entity_kind, f.found_by)
     FROM mirror.drift AS f
     WHERE f.tenant_key = $1),
    (SELECT json_agg(json_build_object('resource', o.resource, 'last_polled_at', o.last_polled_at, 'held', o.held, 'refusals', o.refusals,
                        'entities', CASE o.resource
                            WHEN 'scope' THEN (SELECT count(*) FROM directory.scopes AS e WHERE e.tenant_key = $1 AND e.removed_at IS NULL)
                            WHEN 'groups' THEN (SELECT count(*) FROM directory.groups AS e WHERE e.tenant_key = $1 AND e.removed_at IS NULL)
                            WHEN 'units' THEN (SELECT count(*) FROM directory.units AS e WHERE e.tenant_key = $1 AND e.removed_at IS NULL)
                            WHEN 'employee_types' THEN (SELECT count(*) FROM directory.employee_types AS e WHERE e.tenant_key = $1 AND e.removed_at IS NULL)
                            ELSE (SELECT count(*) FROM directory.custom_attributes AS e WHERE e.tenant_key = $1 AND e.removed_at IS NULL)
                        END,
                        'missing', (SELECT count(*) FROM mirror.poll_missing AS m
                                    WHERE m.tenant_key = $1
                                      AND m.entity_kind = ANY (CASE o.resource
                                          WHEN 'scope' THEN ARRAY['scope_node']
                                          WHEN 'groups' THEN ARRAY['group', 'group_member']
                                          WHEN 'units' THEN ARRAY['unit', 'unit_department']
                                          WHEN 'employee_types' THEN ARRAY['employee_type']
                                          ELSE ARRAY['custom_attribute']
                                      END)))
                     ORDER BY o.resource)
     FROM mirror.poll AS o
     WHERE o.tenant_key = $1),
    q.reasons, q.not_before,
    (SELECT coalesce(sum(a.entities), 0)::bigint FROM mirror.sample AS a WHERE a.tenant_key = $1),
    (SELECT coalesce(sum(n.calls), 0)::bigint FROM mirror.call_month AS n
     WHERE n.month = date_trunc('month', statement_timestamp() AT TIME ZONE 'UTC')::date
       AND (n.tenant_key = $1 -- or by the same app, when it was to find out which company it is of
            OR n.tenant_key = '' AND n.app_id IN (SELECT o.app_id FROM mirror.call_month AS o WHERE o.tenant_key = $1))),
    v.events, v.connected, v.red, v.problem, v.heard_at, v.checked_at` + fromMoment + `
LEFT JOIN LATERAL (
    SELECT s.sweep_id, s.started_at, s.completed_at
    FROM directory.sweeps AS s
    WHERE s.tenant_key = $1 AND s.completed_at IS NOT NULL
    ORDER BY s.started_at DESC
    LIMIT 1
) AS l ON true
LEFT JOIN mirror.sweep AS r ON r.tenant_key = $1 AND r.state = 'running'
LEFT JOIN LATERAL (
    SELECT s.hidden
    FROM mirror.sweep AS s
    WHERE s.tenant_key = $1 AND s.state = 'complete'
    ORDER BY s.completed_at DESC
    LIMIT 1
) AS w ON true
LEFT JOIN LATERAL (
    SELECT array_agg(a.reason ORDER BY a.reason) AS reasons, min(a.not_before) AS not_before
    FROM mirror.sweep_request AS a
    WHERE a.tenant_key = $1
) AS q ON true
LEFT JOIN mirror.service AS v ON v.tenant_key = $1`
