package query

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// Operator does what asks Feishu, or decides what Feishu is asked for. The
// package never does itself: it is handed in by who wires the service.
//
// An error is one of those below, or wraps one, or the database's; what it wraps
// beside goes to the log.
type Operator interface {
	// StartSweep returns when a sweep of the company has begun.
	StartSweep(ctx context.Context, tenantKey string) (StartedSweep, error)
	// ApproveRemovals returns when the decision is stored, RejectRemovals too.
	ApproveRemovals(ctx context.Context, tenantKey, sweepID string) error
	RejectRemovals(ctx context.Context, tenantKey, sweepID string) error
}

// StartedSweep is a sweep that has begun.
type StartedSweep struct {
	ID        string
	StartedAt time.Time // on Feishu's clock
	Resumed   bool
}

// What an [Operator] answers where it does not do what it was asked for.
var (
	ErrNoFeishu     = errors.New("the service has no Feishu app: set MIRROR_FEISHU_APP_ID and MIRROR_FEISHU_APP_SECRET")
	ErrFeishuAway   = errors.New("Feishu cannot be asked at the moment; the service's log says why") //nolint:staticcheck // a name
	ErrSweepRunning = errors.New("a sweep is under way")
	ErrCallsSpent   = errors.New("this month's calls to Feishu are spent")
	ErrSweepUnknown = errors.New("no complete sweep has this id: ListHeldRemovals tells which there are")
	ErrSuperseded   = errors.New("a later sweep has looked again: ListHeldRemovals tells whom it holds")
	ErrNothingHeld  = errors.New("nothing of this sweep waits for a decision")
)

// refusals are the reasons of these errors.
var refusals = []struct {
	err    error
	reason reason
}{
	{ErrNoFeishu, reasonFeishuNotConfigured},
	{ErrFeishuAway, reasonFeishuUnavailable},
	{ErrSweepRunning, reasonSweepRunning},
	{ErrCallsSpent, reasonCallBudgetSpent},
	{ErrSweepUnknown, reasonSweepNotFound},
	{ErrSuperseded, reasonRemovalsSuperseded},
	{ErrNothingHeld, reasonNothingHeld},
}

// refused makes a failure of what an operator answered.
func refused(err error) error {
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return &failure{reason: r.reason, message: r.err.Error(), cause: err}
		}
	}
	return err
}

// mayOperate refuses callers who have not the role.
func (s *Service) mayOperate(ctx context.Context) error {
	if callOf(ctx).client.sees(RoleOperator) {
		return nil
	}
	return &failure{
		reason: reasonRoleNotPermitted, message: "this is for clients with the role " + string(RoleOperator),
		metadata: map[string]string{"role": string(RoleOperator)},
	}
}

// operatorFor is the one that was handed in, for callers who have the role.
func (s *Service) operatorFor(ctx context.Context) (Operator, error) {
	if err := s.mayOperate(ctx); err != nil {
		return nil, err
	}
	operator := s.tenant(ctx).Operator
	if operator == nil {
		return nil, refused(ErrNoFeishu)
	}
	return operator, nil
}

// StartSweep implements the RPC.
func (s *Service) StartSweep(ctx context.Context, _ *pb.StartSweepRequest) (*pb.StartSweepResponse, error) {
	operator, err := s.operatorFor(ctx)
	if err != nil {
		return nil, err
	}
	started, err := operator.StartSweep(ctx, s.company(ctx))
	switch {
	case errors.Is(err, ErrSweepRunning):
		return nil, s.sweepRunning(ctx, err)
	case err != nil:
		return nil, refused(err)
	}
	s.decided(ctx, "sweep started", started.ID)
	return &pb.StartSweepResponse{SweepId: started.ID, StartedAt: timestamppb.New(started.StartedAt), Resumed: &started.Resumed}, nil
}

// sweepRunning says which one, where that is known already.
func (s *Service) sweepRunning(ctx context.Context, cause error) error {
	f := &failure{reason: reasonSweepRunning, message: ErrSweepRunning.Error(), cause: cause}
	var id string
	if s.pool.QueryRow(ctx, selectRunningSweep, s.company(ctx)).Scan(&id) == nil {
		f.message += ": " + id
		f.metadata = map[string]string{"sweep_id": id}
	}
	return f
}

const selectRunningSweep = `
SELECT w.sweep_id::text
FROM mirror.sweep AS w
WHERE w.tenant_key = $1 AND w.state = 'running'`

// ApproveRemovals implements the RPC.
func (s *Service) ApproveRemovals(ctx context.Context, req *pb.ApproveRemovalsRequest) (*pb.ApproveRemovalsResponse, error) {
	sets, err := s.decide(ctx, "removals approved", req.GetSweepId(), Operator.ApproveRemovals)
	if err != nil {
		return nil, err
	}
	return &pb.ApproveRemovalsResponse{Sets: sets}, nil
}

// RejectRemovals implements the RPC.
func (s *Service) RejectRemovals(ctx context.Context, req *pb.RejectRemovalsRequest) (*pb.RejectRemovalsResponse, error) {
	sets, err := s.decide(ctx, "removals rejected", req.GetSweepId(), Operator.RejectRemovals)
	if err != nil {
		return nil, err
	}
	return &pb.RejectRemovalsResponse{Sets: sets}, nil
}

// decide has a decision stored, and reads what has become of the sets.
func (s *Service) decide(ctx context.Context, what, sweepID string,
	by func(operator Operator, ctx context.Context, tenantKey, sweepID string) error,
) ([]*pb.RemovalSet, error) {
	operator, err := s.operatorFor(ctx)
	if err != nil {
		return nil, err
	}
	if sweepID, err = text("sweep_id", sweepID); err != nil {
		return nil, err
	}
	tenant := s.company(ctx)
	err = by(operator, ctx, tenant, sweepID)
	switch {
	case errors.Is(err, ErrSweepRunning):
		return nil, s.sweepRunning(ctx, err)
	case err != nil:
		return nil, refused(err)
	}
	s.decided(ctx, what, sweepID)
	var raw []byte
	if err := s.pool.QueryRow(ctx, selectDecidedSets, tenant, sweepID).Scan(&raw); err != nil {
		return nil, fmt.Errorf("read what was decided: %w", err)
	}
	return removalSets(raw)
}

// decided logs who did what: afterwards somebody will ask.
func (s *Service) decided(ctx context.Context, what, sweepID string) {
	s.observer.logger.LogAttrs(ctx, slog.LevelInfo, "operator decided", slog.String("decision", what), slog.String("client", callOf(ctx).client.id),
		slog.String("tenant", s.company(ctx)), slog.String("sweep_id", sweepID))
}
