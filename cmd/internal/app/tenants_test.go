package app

import (
	"context"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/orgmirror/orgmirror/internal/query"
	"github.com/orgmirror/orgmirror/internal/sandbox"
	orgmirrorv1 "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// No call tells a client of one company anything of another one, whatever it asks;
// and each tells the company's own clients something, or nothing would be tested.
func TestNoQueryCrossesTenants(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	for _, m := range p.rpcs(t) {
		if slices.Contains(decide, m.path) {
			continue
		}
		for i, victim := range companies {
			stranger := companies[1-i]
			t.Run(m.path[strings.LastIndexByte(m.path, '/')+1:]+" about "+victim, func(t *testing.T) {
				t.Parallel()
				answered, tells := 0, 0
				var last proto.Message
				for _, request := range p.requests(t, m, victim) {
					own, err := p.ask(t, m, request, victim, "")
					if err == nil {
						answered++
						last = request
						if got := field(own, "tenant_key"); got != victim {
							t.Errorf("%v: the answer is about %q", request, got)
						}
						tells += len(p.told(victim, request, own, nil))
					}
					if of := p.told(stranger, request, own, err); len(of) > 0 {
						t.Errorf("%v tells %q of %s", request, of, stranger)
					}
					for _, as := range [][2]string{{stranger, ""}, {"both", stranger}} {
						answer, err := p.ask(t, m, request, as[0], as[1])
						if of := p.told(victim, request, answer, err); len(of) > 0 {
							t.Errorf("%v as %s tells %q of %s", request, as[0], of, victim)
						}
					}
					if answer, err := p.ask(t, m, request, stranger, victim); status.Code(err) != codes.PermissionDenied {
						t.Errorf("%v about a company that is not the client's: %v, %v", request, answer, err)
					}
				}
				if answered == 0 || tells == 0 && !slices.Contains(tellNobody, m.path) {
					t.Fatalf("%d requests were answered and told %d things of %s: nothing is tested; give this method requests in hints", answered, tells, victim)
				}
				p.refusesTokens(t, m, last, victim, stranger)
			})
		}
	}
}

// refusesTokens tries one company's tokens on another.
func (p *pair) refusesTokens(t *testing.T, m rpc, request proto.Message, victim, stranger string) {
	t.Helper()
	if m.input.Fields().ByName("at_least_as_fresh") != nil {
		own, err := p.ask(t, m, request, victim, "")
		must(t, err)
		request := set(request, "at_least_as_fresh", field(own, "consistency_token"))
		if _, err := p.ask(t, m, request, victim, ""); err != nil {
			t.Errorf("the company's own consistency token: %v", err)
		}
		// Where there is no such thing in the other company that is answered before.
		if _, err := p.ask(t, m, request, stranger, ""); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s's consistency token in %s: %v", victim, stranger, err)
		}
	}
	if m.input.Fields().ByName("page_token") == nil {
		return
	}
	for _, request := range p.requests(t, m, victim) {
		request = set(request, "page_size", int32(1))
		own, err := p.ask(t, m, request, victim, "")
		if err != nil || field(own, "next_page_token") == "" {
			continue
		}
		request = set(request, "page_token", field(own, "next_page_token"))
		if _, err := p.ask(t, m, request, victim, ""); err != nil {
			t.Errorf("the company's own page token: %v", err)
		}
		if _, err := p.ask(t, m, request, stranger, ""); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s's page token in %s: %v", victim, stranger, err)
		}
		return
	}
	t.Error("no request has a second page: no page token is tested")
}

// No operator of one company decides anything of another one.
func TestNoDecisionCrossesTenants(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	sync := orgmirrorv1.NewSyncServiceClient(p.conn)
	as := func(client, about string) context.Context {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+client+":"+pairSecret)
		if about != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, strings.ToLower(query.TenantHeader), about)
		}
		return ctx
	}
	state := func(company int) (state string) {
		must(t, p.service.db.Pool.QueryRow(t.Context(), `SELECT state FROM mirror.removal_set WHERE sweep_id = $1`, held(company)).Scan(&state))
		return state
	}
	eventually(t, "the service can ask both", func() bool {
		return p.service.tenants[0].operator.open.Load() != nil && p.service.tenants[1].operator.open.Load() != nil
	})
	for i := range companies {
		stranger := companies[1-i]
		for _, ctx := range []context.Context{as(stranger, ""), as("both", stranger)} {
			if _, err := sync.RejectRemovals(ctx, &orgmirrorv1.RejectRemovalsRequest{SweepId: held(i)}); status.Code(err) != codes.NotFound {
				t.Errorf("%s rejects what another company's sweep holds: %v", stranger, err)
			}
			if _, err := sync.ApproveRemovals(ctx, &orgmirrorv1.ApproveRemovalsRequest{SweepId: held(i)}); status.Code(err) != codes.NotFound {
				t.Errorf("%s approves what another company's sweep holds: %v", stranger, err)
			}
		}
		if got := state(i); got != "held" {
			t.Errorf("what %s holds is %s", companies[i], got)
		}
	}
	rejected, err := sync.RejectRemovals(as(companies[0], ""), &orgmirrorv1.RejectRemovalsRequest{SweepId: held(0)})
	if err != nil || rejected.GetTenantKey() != companies[0] || state(0) != "rejected" || state(1) != "held" {
		t.Errorf("rejected: %v, %v; then the one is %s and the other %s", rejected, err, state(0), state(1))
	}

	p.of[companies[1]].ClearHistory()
	started, err := sync.StartSweep(as("both", companies[0]), &orgmirrorv1.StartSweepRequest{})
	must(t, err)
	var of string
	must(t, p.service.db.Pool.QueryRow(t.Context(), `SELECT tenant_key FROM mirror.sweep WHERE sweep_id = $1`, started.GetSweepId()).Scan(&of))
	if of != companies[0] || started.GetTenantKey() != companies[0] {
		t.Errorf("the sweep is of %s", of)
	}
	eventually(t, "it is complete", func() bool {
		var state string
		must(t, p.service.db.Pool.QueryRow(t.Context(), `SELECT state FROM mirror.sweep WHERE sweep_id = $1`, started.GetSweepId()).Scan(&state))
		return state == "complete"
	})
	if asked := p.of[companies[1]].History(sandbox.HistoryFilter{Endpoint: "GET /contact/v3/departments*"}); len(asked) > 0 {
		t.Errorf("the other company's Feishu was walked: %v", asked)
	}
}

// What happens in one company changes nothing of the other: neither its tables nor
// what is asked of its Feishu. Both call the same address.
func TestTenantsAreKeptApart(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	for _, key := range companies {
		must(t, p.of[key].Subscribe(t.Context(), p.of[key].AppID(), sandbox.Subscription{
			Mode: sandbox.ModeWebhook, URL: "http://" + p.service.Addresses.Webhook + "/webhook/event",
			EncryptKey: sandbox.Secret("key " + key), VerificationToken: sandbox.Secret("token " + key),
		}))
	}
	a, b := companies[0], companies[1]
	name := func(key, userID string) string {
		answer, err := p.ask(t, rpc{"/orgmirror.v1.DirectoryService/GetUser", nil, (&orgmirrorv1.GetUserResponse{}).ProtoReflect().Descriptor()},
			&orgmirrorv1.GetUserRequest{User: userID, UserIdType: "user_id"}, "both", key)
		must(t, err)
		return answer.(*orgmirrorv1.GetUserResponse).GetUser().GetName()
	}
	// Somebody who has the same user_id as somebody of the other company.
	var open [2]string
	var userID string
	for id, u := range p.of[a].Truth().Users {
		for other, v := range p.of[b].Truth().Users {
			if u.UserID == v.UserID {
				open, userID = [2]string{id, other}, u.UserID
			}
		}
	}
	was := name(b, userID)
	p.of[b].ClearHistory()
	must(t, p.of[a].ChangeUser(open[0], func(u *sandbox.User) { u.Name = "改名甲" }))
	eventually(t, "the new name is there", func() bool { return name(a, userID) == "改名甲" })
	if is := name(b, userID); is != was {
		t.Errorf("the other company's person is called %q, was %q", is, was)
	}
	must(t, p.of[b].ChangeUser(open[1], func(u *sandbox.User) { u.Name = "改名乙" }))
	eventually(t, "the other new name is there", func() bool { return name(b, userID) == "改名乙" })
	if is := name(a, userID); is != "改名甲" {
		t.Errorf("the one company's person is called %q", is)
	}
	var foreign int
	must(t, p.service.db.Pool.QueryRow(t.Context(), `
		SELECT count(*) FROM mirror.event_log
		WHERE (tenant_key, app_id) NOT IN (($1, $2), ($3, $4))`, a, p.of[a].AppID(), b, p.of[b].AppID()).Scan(&foreign))
	if foreign != 0 {
		t.Errorf("%d records are of neither", foreign)
	}
	for _, r := range p.of[b].History(sandbox.HistoryFilter{}) {
		if r.App != "" && r.App != p.of[b].AppID() {
			t.Errorf("the other company's Feishu was asked by %q: %s", r.App, r.Endpoint)
		}
	}
	families, err := p.service.metrics.Gather()
	must(t, err)
	of := map[string][]string{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "tenant" && l.GetValue() != "" && !slices.Contains(of[l.GetValue()], f.GetName()) {
					of[l.GetValue()] = append(of[l.GetValue()], f.GetName())
				}
			}
		}
	}
	if len(of) != 2 || !slices.Equal(of[a], of[b]) || !slices.Contains(of[a], "orgmirror_users") || !slices.Contains(of[a], "orgmirror_intake_events_total") {
		t.Errorf("metrics by tenant: %v", of)
	}
}
