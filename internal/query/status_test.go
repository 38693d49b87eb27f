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
		}
		d := cmp.Diff(want, got, protocmp.Transform(),
			protocmp.IgnoreFields(&pb.GetSyncStatusResponse{}, "consistency_token", "mirrored_at", "staleness", "upstream_confirmed_at"),
			protocmp.IgnoreFields(&pb.Sweep{}, "started_at", "completed_at"), protocmp.IgnoreFields(&pb.RunningSweep{}, "started_at"))
		if d != "" {
			t.Errorf("status mismatch (-want +got):\n%s", d)
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
