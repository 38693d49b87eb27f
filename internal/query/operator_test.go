package query_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/orgmirror/orgmirror/internal/query"
	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// crawling answers for the crawl, which this package does not know. The real one
// is asked in the tests of cmd.
type crawling struct {
	err   error
	asked []string
}

func (c *crawling) StartSweep(_ context.Context, tenant string) (query.StartedSweep, error) {
	c.asked = append(c.asked, "start "+tenant)
	return query.StartedSweep{ID: "s9", StartedAt: time.Unix(1700000000, 0), Resumed: true}, c.err
}

func (c *crawling) ApproveRemovals(_ context.Context, tenant, sweepID string) error {
	c.asked = append(c.asked, "approve "+tenant+" "+sweepID)
	return c.err
}

func (c *crawling) RejectRemovals(_ context.Context, tenant, sweepID string) error {
	c.asked = append(c.asked, "reject "+tenant+" "+sweepID)
	return c.err
}

const (
	heldSweep  = "00000000-0000-0000-0000-000000000010"
	otherSweep = "00000000-0000-0000-0000-000000000011"
	olderSweep = "00000000-0000-0000-0000-000000000012"
)

// removals are two sets of the last complete sweep, one held and one done, those
// of an older one and those of another company.
const removals = `
INSERT INTO mirror.sweep (sweep_id, tenant_key, app_id, state, started_at, completed_at) VALUES
    ('` + heldSweep + `', 't', 'app', 'complete', '2026-03-01 10:00Z', '2026-03-01 10:05Z'),
    ('` + olderSweep + `', 't', 'app', 'complete', '2026-02-01 10:00Z', '2026-02-01 10:05Z'),
    ('` + otherSweep + `', 'other', 'app', 'complete', '2026-03-02 10:00Z', '2026-03-02 10:05Z');
INSERT INTO mirror.removal_set (sweep_id, entity_kind, state, candidates, live, max_removals, decided_at, deleted) VALUES
    ('` + heldSweep + `', 'user', 'held', 3, 8, 2, NULL, 0),
    ('` + heldSweep + `', 'department', 'done', 1, 12, 20, '2026-03-01 11:00Z', 1),
    ('` + olderSweep + `', 'user', 'superseded', 3, 8, 2, NULL, 0),
    ('` + otherSweep + `', 'user', 'held', 1, 2, 0, NULL, 0);
INSERT INTO mirror.removal (sweep_id, entity_kind, entity_id, verdict, code) VALUES
    ('` + heldSweep + `', 'user', 'ou_ann', NULL, 0),
    ('` + heldSweep + `', 'user', 'ou_bob', NULL, 0),
    ('` + heldSweep + `', 'user', 'ou_unheard', NULL, 0),
    ('` + heldSweep + `', 'department', 'od-a', 'DELETED', 40004),
    ('` + otherSweep + `', 'user', 'ou_other', NULL, 0)`

func TestOperatorsOnly(t *testing.T) {
	t.Parallel()
	operator := &crawling{}
	b := setup(t, func(c *query.Config) { c.Operator = operator }, "small")
	b.exec(t, removals)
	for name, call := range map[string]func(context.Context) error{
		"StartSweep": func(ctx context.Context) error { _, err := b.sync.StartSweep(ctx, &pb.StartSweepRequest{}); return err },
		"ListHeldRemovals": func(ctx context.Context) error {
			_, err := b.sync.ListHeldRemovals(ctx, &pb.ListHeldRemovalsRequest{})
			return err
		},
		"ApproveRemovals": func(ctx context.Context) error {
			_, err := b.sync.ApproveRemovals(ctx, &pb.ApproveRemovalsRequest{SweepId: heldSweep})
			return err
		},
		"RejectRemovals": func(ctx context.Context) error {
			_, err := b.sync.RejectRemovals(ctx, &pb.RejectRemovalsRequest{SweepId: heldSweep})
			return err
		},
	} {
		for _, client := range []string{"reads", "sees"} {
			info := wantError(t, call(as(t, client)), codes.PermissionDenied, "ROLE_NOT_PERMITTED")
			if info.GetMetadata()["role"] != "operator" {
				t.Errorf("%s by %s: metadata %v", name, client, info.GetMetadata())
			}
		}
		wantError(t, call(t.Context()), codes.Unauthenticated, "CREDENTIALS_MISSING")
		if len(operator.asked) > 0 {
			t.Fatalf("%s: the crawl was asked: %v", name, operator.asked)
		}
	}
	for _, client := range []string{"runs", "all"} {
		if _, err := b.sync.StartSweep(as(t, client), &pb.StartSweepRequest{}); err != nil {
			t.Errorf("%s: %v", client, err)
		}
	}
	if _, err := b.sync.GetSyncStatus(as(t, "runs"), &pb.GetSyncStatusRequest{}); err != nil {
		t.Error(err)
	}
}

func TestOperatorAnswers(t *testing.T) {
	t.Parallel()
	operator := &crawling{}
	b := setup(t, func(c *query.Config) { c.Operator = operator }, "small")
	b.exec(t, removals)
	ctx := as(t, "runs")

	started, err := b.sync.StartSweep(ctx, &pb.StartSweepRequest{})
	if err != nil || started.GetSweepId() != "s9" || !started.GetResumed() || started.GetStartedAt().AsTime().Unix() != 1700000000 {
		t.Errorf("%v, %v", started, err)
	}
	approved, err := b.sync.ApproveRemovals(ctx, &pb.ApproveRemovalsRequest{SweepId: heldSweep})
	if err != nil || len(approved.GetSets()) != 2 || approved.GetSets()[1].GetState() != "held" {
		t.Errorf("%v, %v", approved, err)
	}
	rejected, err := b.sync.RejectRemovals(ctx, &pb.RejectRemovalsRequest{SweepId: heldSweep})
	if err != nil || len(rejected.GetSets()) != 2 {
		t.Errorf("%v, %v", rejected, err)
	}
	if got, want := strings.Join(operator.asked, ", "), "start t, approve t "+heldSweep+", reject t "+heldSweep; got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
	for _, line := range []string{"sweep started", "removals approved", "removals rejected", `"client":"runs"`} {
		if !strings.Contains(b.logged.String(), line) {
			t.Errorf("the log does not say %q", line)
		}
	}
	for _, bad := range []string{"", "a\x00b", strings.Repeat("x", 300)} {
		_, err := b.sync.ApproveRemovals(ctx, &pb.ApproveRemovalsRequest{SweepId: bad})
		wantField(t, err, "ARGUMENT_INVALID", "sweep_id")
	}

	for _, test := range []struct {
		err    error
		code   codes.Code
		reason string
	}{
		{query.ErrNoFeishu, codes.FailedPrecondition, "FEISHU_NOT_CONFIGURED"},
		{query.ErrFeishuAway, codes.Unavailable, "FEISHU_UNAVAILABLE"},
		{query.ErrSweepRunning, codes.Aborted, "SWEEP_RUNNING"},
		{query.ErrCallsSpent, codes.ResourceExhausted, "CALL_BUDGET_SPENT"},
		{query.ErrSweepUnknown, codes.NotFound, "SWEEP_NOT_FOUND"},
		{query.ErrSuperseded, codes.FailedPrecondition, "REMOVALS_SUPERSEDED"},
		{query.ErrNothingHeld, codes.FailedPrecondition, "NOTHING_HELD"},
		{errors.New("else"), codes.Internal, "INTERNAL"},
	} {
		operator.err = fmt.Errorf("%w: because of 10.0.0.1", test.err)
		for _, call := range []func() error{
			func() error { _, err := b.sync.StartSweep(ctx, &pb.StartSweepRequest{}); return err },
			func() error {
				_, err := b.sync.ApproveRemovals(ctx, &pb.ApproveRemovalsRequest{SweepId: heldSweep})
				return err
			},
		} {
			err := call()
			info := wantError(t, err, test.code, test.reason)
			if strings.Contains(err.Error(), "10.0.0.1") {
				t.Errorf("%v shows what is for the log", err)
			}
			if test.reason == "SWEEP_RUNNING" && info.GetMetadata()["sweep_id"] != "00000000-0000-0000-0000-000000000003" {
				t.Errorf("metadata %v does not name the sweep", info.GetMetadata())
			}
		}
	}

	b = setup(t, nil)
	_, err = b.sync.StartSweep(ctx, &pb.StartSweepRequest{})
	wantError(t, err, codes.FailedPrecondition, "FEISHU_NOT_CONFIGURED")
}

func TestListHeldRemovals(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small")
	b.exec(t, removals)
	list := func(req *pb.ListHeldRemovalsRequest) (*pb.ListHeldRemovalsResponse, string) {
		t.Helper()
		got, err := b.sync.ListHeldRemovals(as(t, "runs"), req)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, e := range got.GetEntities() {
			ids = append(ids, e.GetEntityId())
		}
		return got, strings.Join(ids, " ")
	}

	got, ids := list(&pb.ListHeldRemovalsRequest{})
	if ids != "ou_ann ou_bob ou_unheard" || got.GetPosition() != 100 || got.GetConsistencyToken() == "" || got.GetNextPageToken() != "" {
		t.Errorf("%s in %v", ids, got)
	}
	if len(got.GetSets()) != 1 {
		t.Fatalf("sets: %v", got.GetSets())
	}
	set := got.GetSets()[0]
	if set.GetSweepId() != heldSweep || set.GetEntityKind() != "user" || set.GetState() != "held" || set.GetEntities() != 3 || set.GetLive() != 8 ||
		set.GetMaxRemovals() != 2 || set.GetDecidedAt() != nil || set.GetCompletedAt().AsTime().Format(time.TimeOnly) != "10:05:00" {
		t.Errorf("set: %v", set)
	}
	if e := got.GetEntities()[0]; e.GetName() == "" || e.GetVerdict() != "" || e.Code != nil || e.GetSweepId() != heldSweep {
		t.Errorf("entity: %v", e)
	}
	if e := got.GetEntities()[2]; e.GetName() != "" {
		t.Errorf("entity: %v", e)
	}

	got, ids = list(&pb.ListHeldRemovalsRequest{ShowDecided: true})
	if ids != "od-a ou_ann ou_bob ou_unheard" || len(got.GetSets()) != 2 || got.GetSets()[0].GetDeleted() != 1 ||
		got.GetEntities()[0].GetVerdict() != "DELETED" || got.GetEntities()[0].GetCode() != 40004 {
		t.Errorf("%s in %v", ids, got)
	}

	var pages []string
	for token, more := "", true; more; more = token != "" {
		got, ids := list(&pb.ListHeldRemovalsRequest{ShowDecided: true, PageSize: 2, PageToken: token})
		if len(got.GetSets()) != 2 {
			t.Errorf("a page without the sets: %v", got)
		}
		pages, token = append(pages, ids), got.GetNextPageToken()
	}
	if all := strings.Join(pages, ", "); all != "od-a ou_ann, ou_bob ou_unheard" {
		t.Errorf("pages: %s", all)
	}
	first, _ := list(&pb.ListHeldRemovalsRequest{PageSize: 1})
	_, err := b.sync.ListHeldRemovals(as(t, "runs"), &pb.ListHeldRemovalsRequest{ShowDecided: true, PageToken: first.GetNextPageToken()})
	wantField(t, err, "PAGE_TOKEN_MISMATCH", "page_token")
	_, err = b.sync.ListHeldRemovals(as(t, "runs"), &pb.ListHeldRemovalsRequest{PageSize: -1})
	wantField(t, err, "ARGUMENT_INVALID", "page_size")
	_, err = b.sync.ListHeldRemovals(as(t, "runs"), &pb.ListHeldRemovalsRequest{AtLeastAsFresh: "x"})
	wantField(t, err, "CONSISTENCY_TOKEN_INVALID", "at_least_as_fresh")

	b = setup(t, nil)
	if got, ids := list(&pb.ListHeldRemovalsRequest{}); ids != "" || len(got.GetSets()) != 0 {
		t.Errorf("of an empty mirror: %v", got)
	}
}
