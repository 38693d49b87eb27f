package query

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// The words for the state of the mirror.
const (
	stateComplete   = "complete"
	stateIncomplete = "incomplete"
	stateStale      = "stale"
	stateHeld       = "held"
	stateRed        = "red"
)

const (
	// staleAfter is how far the projector may be behind.
	staleAfter = time.Minute
	// deafAfter is for how long events may not come in where they should.
	deafAfter = 15 * time.Minute
	// silentAfter is how old what a service said of itself may be: it says so four
	// times a minute.
	silentAfter = 2 * time.Minute
)

// Channel is how it stands with Feishu's events, as the service sees it.
type Channel struct {
	Events         string // webhook, websocket or none
	Connected, Red bool
	Problem        string
	HeardAt        time.Time // zero: not yet
	CheckedAt      time.Time
}

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
	meta, err := s.read(ctx, when{fresh: fresh}, func(ctx context.Context) (moment, error) {
		now, row = moment{}, syncRow{}
		if err := s.pool.QueryRow(ctx, selectSyncStatus, s.company(ctx)).Scan(append(now.targets(), row.targets()...)...); err != nil {
			return moment{}, fmt.Errorf("read the sync status: %w", err)
		}
		return now, nil
	})
	if err != nil {
		return nil, err
	}
	held, heldErr := row.held()
	hidden, hiddenErr := row.hidden()
	drift, driftErr := row.drift()
	resources, resourceHeld, resourcesErr := row.resources()
	if err := errors.Join(heldErr, hiddenErr, driftErr, resourcesErr); err != nil {
		return nil, err
	}
	channel, tenant := row.eventChannel(), s.tenant(ctx)
	if tenant.Channel != nil {
		own := tenant.Channel()
		channel = &own
	}
	return &pb.GetSyncStatusResponse{
		State:        tenant.state(now, row, channel, len(held) > 0 || resourceHeld, meta.staleness.AsDuration()),
		HeadPosition: &now.head, LastCompleteSweep: row.lastSweep(), RunningSweep: row.runningSweep(),
		Counts:        &pb.Counts{Users: &row.users, Departments: &row.departments, Memberships: &row.memberships},
		ParkedRecords: &row.parked, RereadQueueLength: &row.rereads, UnresolvedDepartments: &row.unresolved,
		HeldRemovals: held, HiddenFields: hidden, EventChannel: channel.message(now.at),
		Drift: drift, SampledEntities: &row.sampled, NextSweepAt: tenant.nextSweep(row), SweepRequests: row.requests,
		CallsThisMonth: &row.calls, CallsThisMonthLimit: &tenant.MonthlyCalls, Resources: resources,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

// state puts it in one word: what somebody has to do something about comes first.
// With an interval of zero nobody sweeps by the clock, so no sweep is too old.
func (t Tenant) state(now moment, row syncRow, channel *Channel, held bool, staleness time.Duration) string {
	switch {
	case channel != nil && channel.Red && now.at.Sub(channel.CheckedAt) < silentAfter:
		return stateRed
	case row.last.startedAt == nil:
		return stateIncomplete
	case held:
		return stateHeld
	case staleness > staleAfter, t.SweepInterval > 0 && now.at.Sub(*row.last.startedAt) > 2*t.SweepInterval, channel.deaf(now.at):
		return stateStale
	default:
		return stateComplete
	}
}

// deaf reports whether events should have come in and could not.
func (c *Channel) deaf(now time.Time) bool {
	return c != nil && c.Events != "none" && !c.HeardAt.IsZero() && now.Sub(c.HeardAt) > deafAfter
}

func (c *Channel) message(now time.Time) *pb.EventChannel {
	if c == nil {
		return nil
	}
	m := &pb.EventChannel{
		Events: c.Events, Connected: &c.Connected, Red: &c.Red, Problem: c.Problem, CheckedAt: timestamppb.New(c.CheckedAt),
	}
	if !c.HeardAt.IsZero() {
		m.HeardAt, m.SinceHeard = timestamppb.New(c.HeardAt), durationpb.New(max(0, now.Sub(c.HeardAt)))
	}
	return m
}

// nextSweep is when one is due: at once, where something asks for it.
func (t Tenant) nextSweep(row syncRow) *timestamppb.Timestamp {
	if row.last.startedAt == nil || t.SweepInterval < 0 {
		return nil
	}
	at := row.last.startedAt.Add(t.SweepInterval)
	if row.requestedAt != nil && row.requestedAt.Before(at) {
		at = *row.requestedAt
	}
	return timestamppb.New(at)
}
