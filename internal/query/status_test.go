package query_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/orgmirror/orgmirror/internal/query"
	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

func TestGetSyncStatus(t *testing.T) {
	t.Parallel()

	get := func(t *testing.T, b *bundle) *pb.GetSyncStatusResponse {
		t.Helper()
		got, err := b.sync.GetSyncStatus(as(t, "reads"), &pb.GetSyncStatusRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}

	t.Run("counts what this company has", func(t *testing.T) {
		t.Parallel()
		b := setup(t, nil, "small")
		b.grow(t, 1)
		got := get(t, b)
		if d := got.GetStaleness().AsDuration(); d <= 0 {
			t.Errorf("staleness = %v, want some", d)
		}
		want := &pb.GetSyncStatusResponse{
			State: "complete", HeadPosition: proto.Int64(101), Position: proto.Int64(100),
			LastCompleteSweep: &pb.Sweep{SweepId: "s2"},
			RunningSweep: &pb.RunningSweep{
				SweepId: "00000000-0000-0000-0000-000000000003", ListsTotal: proto.Int64(3), ListsDone: proto.Int64(2),
				DepartmentsSeen: proto.Int64(2), UsersSeen: proto.Int64(1), Appended: proto.Int64(12), Unchanged: proto.Int64(34),
			},
			Counts:        &pb.Counts{Users: proto.Int64(8), Departments: proto.Int64(11), Memberships: proto.Int64(12)},
			ParkedRecords: proto.Int64(2), RereadQueueLength: proto.Int64(1), UnresolvedDepartments: proto.Int64(5),
			SampledEntities: proto.Int64(0), CallsThisMonth: proto.Int64(0), CallsThisMonthLimit: proto.Int64(0), TenantKey: "t",
		}
		d := cmp.Diff(want, got, protocmp.Transform(),
			protocmp.IgnoreFields(&pb.GetSyncStatusResponse{}, "consistency_token", "mirrored_at", "staleness", "upstream_confirmed_at", "next_sweep_at"),
			protocmp.IgnoreFields(&pb.Sweep{}, "started_at", "completed_at"), protocmp.IgnoreFields(&pb.RunningSweep{}, "started_at"))
		if d != "" {
			t.Errorf("status mismatch (-want +got):\n%s", d)
		}
		if next := got.GetNextSweepAt().AsTime(); !next.Equal(got.GetLastCompleteSweep().GetStartedAt().AsTime().Add(24 * time.Hour)) {
			t.Errorf("the next sweep is at %s", next)
		}
		if !got.GetUpstreamConfirmedAt().AsTime().Equal(got.GetLastCompleteSweep().GetStartedAt().AsTime()) {
			t.Errorf("upstream_confirmed_at = %v, want the last complete sweep's start %v", got.GetUpstreamConfirmedAt(), got.GetLastCompleteSweep())
		}
	})

	t.Run("an empty mirror is incomplete", func(t *testing.T) {
		t.Parallel()
		got := get(t, setup(t, nil))
		if got.GetState() != "incomplete" || got.HeadPosition == nil || got.GetLastCompleteSweep() != nil || got.GetRunningSweep() != nil || got.GetCounts().Users == nil {
			t.Errorf("status = %v", got)
		}
	})

	t.Run("a sweep given up completes nothing", func(t *testing.T) {
		t.Parallel()
		b := setup(t, nil, "small")
		b.exec(t, `UPDATE directory.sweeps SET completed_at = NULL WHERE tenant_key = 't'`)
		if got := get(t, b).GetState(); got != "incomplete" {
			t.Errorf("state = %s, want incomplete", got)
		}
	})

	t.Run("the mirror gets stale", func(t *testing.T) {
		t.Parallel()
		for _, test := range []struct {
			name     string
			interval time.Duration
			sql      string
			want     string
		}{
			{"with an old sweep", 0, `UPDATE directory.sweeps SET started_at = now() - interval '48 hours 1 minute' WHERE sweep_id = 's2'; DELETE FROM directory.sweeps WHERE sweep_id = 's1'`, "stale"},
			{"not with one a little younger", 0, `UPDATE directory.sweeps SET started_at = now() - interval '47 hours 59 minutes' WHERE sweep_id = 's2'; DELETE FROM directory.sweeps WHERE sweep_id = 's1'`, "complete"},
			{"by the interval that is set", 20 * time.Minute, ``, "stale"},
			{"not where nobody sweeps", -1, `UPDATE directory.sweeps SET started_at = now() - interval '1 year'`, "complete"},
			{"with a projector that hangs", 0, `UPDATE mirror.checkpoint SET position = 99 WHERE consumer = 'core'`, "stale"},
		} {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				b := setup(t, func(c *query.Config) { c.SweepInterval = test.interval }, "small")
				if test.sql != "" {
					b.exec(t, test.sql)
				}
				if got := get(t, b).GetState(); got != test.want {
					t.Errorf("state = %s, want %s", got, test.want)
				}
			})
		}
	})
}

const completeSweep = `
INSERT INTO mirror.sweep (sweep_id, tenant_key, app_id, state, started_at, completed_at, hidden)
VALUES ('00000000-0000-0000-0000-000000000001', 't', 'app', 'complete', now() - interval '1 hour', now() - interval '50 minutes',
        '{"user": [{"field": "mobile", "permission": "contact:user.phone:readonly"}], "department": []}'),
       ('00000000-0000-0000-0000-000000000005', 't', 'app', 'complete', now() - interval '3 hours', now() - interval '2 hours',
        '{"user": [{"field": "email", "permission": "p"}]}');
INSERT INTO mirror.removal_set (sweep_id, entity_kind, state, candidates, live, max_removals)
VALUES ('00000000-0000-0000-0000-000000000001', 'user', 'held', 30, 100, 20),
       ('00000000-0000-0000-0000-000000000001', 'department', 'done', 2, 10, 20),
       ('00000000-0000-0000-0000-000000000005', 'user', 'superseded', 31, 100, 20);`

const service = `
INSERT INTO mirror.service (tenant_key, began_at, checked_at, heard_at, events, connected, red, problem)
VALUES ('t', now(), now(), now() - interval '3 minutes', 'websocket', true, false, '')`

func TestSyncStatusTellsWhatWaitsForSomebody(t *testing.T) {
	t.Parallel()
	get := func(t *testing.T, b *bundle) *pb.GetSyncStatusResponse {
		t.Helper()
		got, err := b.sync.GetSyncStatus(as(t, "reads"), &pb.GetSyncStatusRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}

	t.Run("held, hidden, drift, calls and what asks for a sweep", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(c *query.Config) { c.MonthlyCalls = 9000 }, "small")
		b.exec(t, completeSweep)
		b.exec(t, service)
		b.exec(t, `INSERT INTO mirror.drift VALUES ('t', 'user', 'sweep', 3, now()), ('t', 'user', 'sample', 1, now()), ('other', 'user', 'sweep', 9, now())`)
		b.exec(t, `INSERT INTO mirror.sample VALUES ('t', 'user', 'x', now(), 100), ('t', 'department', 'x', now(), 50)`)
		b.exec(t, `INSERT INTO mirror.sweep_request VALUES ('t', 'scope', now(), 7), ('t', 'down', now() - interval '1 minute', 0)`)
		b.exec(t, `INSERT INTO mirror.call_month VALUES ('app', 't', date_trunc('month', now() AT TIME ZONE 'UTC'), 77), ('app', '', date_trunc('month', now() AT TIME ZONE 'UTC'), 3), ('app', 't', '2020-01-01', 500),
			('another', 'other', date_trunc('month', now() AT TIME ZONE 'UTC'), 1000), ('another', '', date_trunc('month', now() AT TIME ZONE 'UTC'), 100)`)
		got := get(t, b)
		want := &pb.GetSyncStatusResponse{
			State:        "held",
			HeldRemovals: []*pb.HeldRemovals{{SweepId: "00000000-0000-0000-0000-000000000001", EntityKind: "user", Entities: proto.Int64(30), Live: proto.Int64(100)}},
			HiddenFields: []*pb.HiddenField{{EntityKind: "user", Field: "mobile", Permission: "contact:user.phone:readonly"}},
			EventChannel: &pb.EventChannel{Events: "websocket", Connected: proto.Bool(true), Red: proto.Bool(false)},
			Drift: []*pb.Drift{
				{EntityKind: "user", FoundBy: "sample", Entities: proto.Int64(1)}, {EntityKind: "user", FoundBy: "sweep", Entities: proto.Int64(3)},
			},
			SampledEntities: proto.Int64(150), SweepRequests: []string{"down", "scope"},
			CallsThisMonth: proto.Int64(80), CallsThisMonthLimit: proto.Int64(9000), TenantKey: "t",
		}
		if got.GetNextSweepAt().AsTime().After(time.Now()) {
			t.Errorf("the next sweep is at %v, though something asks for it", got.GetNextSweepAt())
		}
		if since := got.GetEventChannel().GetSinceHeard().AsDuration(); since < 3*time.Minute || since > 10*time.Minute {
			t.Errorf("heard %s ago", since)
		}
		d := cmp.Diff(want, got, protocmp.Transform(),
			protocmp.IgnoreFields(&pb.GetSyncStatusResponse{}, "head_position", "last_complete_sweep", "running_sweep", "counts", "parked_records",
				"reread_queue_length", "unresolved_departments", "next_sweep_at", "position", "consistency_token", "mirrored_at", "staleness", "upstream_confirmed_at"),
			protocmp.IgnoreFields(&pb.Drift{}, "last_found_at"),
			protocmp.IgnoreFields(&pb.EventChannel{}, "heard_at", "since_heard", "checked_at"))
		if d != "" {
			t.Errorf("status mismatch (-want +got):\n%s", d)
		}
	})

	t.Run("the word", func(t *testing.T) {
		t.Parallel()
		for _, test := range []struct {
			name string
			sql  string
			own  *query.Channel
			want string
		}{
			{"a set that was decided", `UPDATE mirror.removal_set SET state = 'rejected'`, nil, "complete"},
			{"red before held", `UPDATE mirror.service SET red = true`, nil, "red"},
			{"red, of a service that has ended", `UPDATE mirror.service SET red = true, checked_at = now() - interval '3 minutes'`, nil, "held"},
			{"red before incomplete", `UPDATE mirror.service SET red = true; UPDATE directory.sweeps SET completed_at = NULL`, nil, "red"},
			{"red, as the process itself knows", ``, &query.Channel{Events: "websocket", Red: true, CheckedAt: time.Now()}, "red"},
			{"held before stale", `UPDATE mirror.service SET heard_at = now() - interval '1 hour'`, nil, "held"},
			{"deaf", `DELETE FROM mirror.removal_set; UPDATE mirror.service SET heard_at = now() - interval '16 minutes'`, nil, "stale"},
			{"not deaf yet", `DELETE FROM mirror.removal_set; UPDATE mirror.service SET heard_at = now() - interval '14 minutes'`, nil, "complete"},
			{"nobody wants to hear", `DELETE FROM mirror.removal_set; UPDATE mirror.service SET events = 'none', heard_at = now() - interval '1 day'`, nil, "complete"},
			{"no service", `DELETE FROM mirror.removal_set; DELETE FROM mirror.service`, nil, "complete"},
		} {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				b := setup(t, func(c *query.Config) {
					if test.own != nil {
						c.Channel = func() query.Channel { return *test.own }
					}
				}, "small")
				b.exec(t, completeSweep)
				b.exec(t, service)
				if test.sql != "" {
					b.exec(t, test.sql)
				}
				if got := get(t, b).GetState(); got != test.want {
					t.Errorf("state = %s, want %s", got, test.want)
				}
			})
		}
	})

	t.Run("nobody sweeps by the clock", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(c *query.Config) { c.SweepInterval = -1 }, "small")
		if got := get(t, b).GetNextSweepAt(); got != nil {
			t.Errorf("the next sweep is at %v", got)
		}
	})
}
