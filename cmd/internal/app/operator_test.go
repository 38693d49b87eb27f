package app

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/query"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// operated is a company whose mirror an operator asks by REST.
type operated struct {
	*company
	rest string
}

func operate(t *testing.T, c *company) operated {
	t.Helper()
	var err error
	c.cfg.APIClients, err = query.ParseClients("op:secret:operator,ann:secret:sensitive")
	must(t, err)
	s, err := OpenService(t.Context(), c.cfg, c.db, slog.New(slog.DiscardHandler))
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		must(t, <-served)
		must(t, s.Close())
	})
	return operated{c, "http://" + s.Addresses.HTTP}
}

// answered is what REST answered, as far as these tests look.
type answered struct {
	status   int
	SweepID  string `json:"sweep_id"`
	Resumed  bool
	Sets     []removalSet
	Entities []struct {
		EntityID string `json:"entity_id"`
		Name     string
		Verdict  string
	}
	NextPageToken string `json:"next_page_token"`
	Error         struct {
		Message string
		Details []struct{ Reason string }
	}
}

type removalSet struct {
	SweepID    string `json:"sweep_id"`
	EntityKind string `json:"entity_kind"`
	State      string
	Entities   string
	Resigned   string
}

func (a answered) reason() string {
	if len(a.Error.Details) == 0 {
		return ""
	}
	return a.Error.Details[0].Reason
}

func (o operated) ask(t *testing.T, client, method, path string) (a answered) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, o.rest+path, nil)
	must(t, err)
	req.SetBasicAuth(client, "secret")
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(t, err)
	a.status = res.StatusCode
	if err := json.Unmarshal(body, &a); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return a
}

// start begins a sweep, once the service has found Feishu.
func (o operated) start(t *testing.T) (a answered) {
	t.Helper()
	eventually(t, "the service can ask Feishu", func() bool {
		a = o.ask(t, "op", http.MethodPost, "/v1/sync/sweeps")
		return a.reason() != "FEISHU_UNAVAILABLE"
	})
	return a
}

func (c *company) stateOf(t *testing.T, sweepID string) (state string) {
	t.Helper()
	must(t, c.db.Pool.QueryRow(t.Context(), `SELECT state FROM mirror.sweep WHERE sweep_id = $1`, sweepID).Scan(&state))
	return state
}

// What an operator asks by the API is done as `backfill` and the service do it.
func TestOperator(t *testing.T) {
	t.Parallel()

	t.Run("sweeps an empty mirror, and decides on what is held", func(t *testing.T) {
		t.Parallel()
		c := newCompany(t, 100, 8)
		o := operate(t, c)
		first := o.start(t)
		if first.status != http.StatusOK || first.SweepID == "" || first.Resumed {
			t.Fatalf("%+v", first)
		}
		if again := o.ask(t, "op", http.MethodPost, "/v1/sync/sweeps"); again.status == http.StatusOK && c.stateOf(t, first.SweepID) != "complete" {
			t.Errorf("a second sweep was begun: %+v", again)
		}
		eventually(t, "it is complete", func() bool { return c.stateOf(t, first.SweepID) == "complete" })
		c.settled(t)
		c.equalsSeen(t)

		for _, id := range slices.Sorted(maps.Keys(c.sandbox.Truth().Users))[:30] {
			must(t, c.sandbox.ResignUser(id))
		}
		var second answered
		eventually(t, "the one before has ended", func() bool {
			second = o.start(t)
			return second.status == http.StatusOK
		})
		eventually(t, "it is complete", func() bool { return c.stateOf(t, second.SweepID) == "complete" })
		list := o.ask(t, "op", http.MethodGet, "/v1/sync/removals?page_size=20")
		if len(list.Sets) != 1 || list.Sets[0].State != "held" || list.Sets[0].Entities != "30" || len(list.Entities) != 20 || list.NextPageToken == "" || list.Entities[0].Name == "" {
			t.Fatalf("%+v", list)
		}
		path := "/v1/sync/removals/" + second.SweepID
		for _, test := range []struct {
			client, method, path, reason string
		}{
			{"ann", http.MethodPost, path + ":approve", "ROLE_NOT_PERMITTED"},
			{"ann", http.MethodPost, "/v1/sync/sweeps", "ROLE_NOT_PERMITTED"},
			{"op", http.MethodPost, "/v1/sync/removals/nothing:approve", "SWEEP_NOT_FOUND"},
			{"op", http.MethodPost, "/v1/sync/removals/00000000-0000-0000-0000-000000000001:reject", "SWEEP_NOT_FOUND"},
			{"op", http.MethodPost, "/v1/sync/removals/" + first.SweepID + ":approve", "NOTHING_HELD"},
			{"op", http.MethodPost, "/v1/sync/removals/" + first.SweepID + ":reject", "NOTHING_HELD"},
		} {
			if got := o.ask(t, test.client, test.method, test.path); got.reason() != test.reason {
				t.Errorf("%s %s: %d %q, want %s", test.client, test.path, got.status, got.reason(), test.reason)
			}
		}
		if got := o.ask(t, "op", http.MethodPost, path+":reject"); got.status != http.StatusOK || len(got.Sets) != 1 || got.Sets[0].State != "rejected" {
			t.Fatalf("%+v", got)
		}
		if got := o.ask(t, "op", http.MethodPost, path+":approve"); got.reason() != "NOTHING_HELD" {
			t.Errorf("approval of what was rejected: %+v", got)
		}

		var third answered
		eventually(t, "the one before has ended", func() bool {
			third = o.start(t)
			return third.status == http.StatusOK
		})
		eventually(t, "it is complete", func() bool { return c.stateOf(t, third.SweepID) == "complete" })
		path = "/v1/sync/removals/" + third.SweepID
		if got := o.ask(t, "op", http.MethodPost, path+":approve"); got.status != http.StatusOK || len(got.Sets) != 1 || got.Sets[0].State == "held" {
			t.Fatalf("%+v", got)
		}
		eventually(t, "all are asked for", func() bool {
			got := o.ask(t, "op", http.MethodGet, "/v1/sync/removals?show_decided=true&page_size=1000")
			resigned := 0
			for _, e := range got.Entities {
				if e.Verdict == "RESIGNED" {
					resigned++
				}
			}
			return len(got.Sets) == 1 && got.Sets[0].State == "done" && got.Sets[0].Resigned == "30" && resigned == 30
		})
		if got := o.ask(t, "op", http.MethodPost, path+":approve"); got.status != http.StatusOK {
			t.Errorf("approved twice: %+v", got)
		}
		eventually(t, "they are gone", func() bool {
			var live int
			must(t, c.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM directory.users WHERE removed_at IS NULL`).Scan(&live))
			return live == 70
		})
	})

	t.Run("is refused while a sweep is under way", func(t *testing.T) {
		t.Parallel()
		c := newCompany(t, 60, 8)
		must(t, c.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUsersByDepartment, DelayMS: 2000, Count: -1}))
		o := operate(t, c)
		first := o.start(t)
		second := o.ask(t, "op", http.MethodPost, "/v1/sync/sweeps")
		if second.status != http.StatusConflict || second.reason() != "SWEEP_RUNNING" || !strings.Contains(second.Error.Message, first.SweepID) {
			t.Errorf("%+v", second)
		}
		c.sandbox.ClearFaults()
		eventually(t, "it is complete", func() bool { return c.stateOf(t, first.SweepID) == "complete" })
	})

	t.Run("keeps to the month's budget", func(t *testing.T) {
		t.Parallel()
		c := newCompany(t, 30, 4)
		c.cfg.FeishuMonthlyCalls = 30
		o := operate(t, c)
		eventually(t, "the budget is spent", func() bool {
			got := o.start(t)
			return got.reason() == "CALL_BUDGET_SPENT" && got.status == http.StatusTooManyRequests
		})
		var calls int
		must(t, c.db.Pool.QueryRow(t.Context(), `SELECT sum(calls) FROM mirror.call_month`).Scan(&calls))
		if calls > 30+1 { // and the one that asks whose company it is
			t.Errorf("%d calls", calls)
		}
	})

	t.Run("without an app nothing is asked, and what is held can be rejected", func(t *testing.T) {
		t.Parallel()
		c := newCompany(t, 30, 4)
		c.cfg.FeishuAppID, c.cfg.FeishuAppSecret = "", ""
		o := operate(t, c)
		if got := o.ask(t, "op", http.MethodPost, "/v1/sync/sweeps"); got.status != http.StatusBadRequest || got.reason() != "FEISHU_NOT_CONFIGURED" {
			t.Errorf("%+v", got)
		}
		if got := o.ask(t, "op", http.MethodPost, "/v1/sync/removals/00000000-0000-0000-0000-000000000001:reject"); got.reason() != "SWEEP_NOT_FOUND" {
			t.Errorf("%+v", got)
		}
	})

	t.Run("says so while Feishu does not answer", func(t *testing.T) {
		t.Parallel()
		c := newCompany(t, 30, 4)
		must(t, c.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointTenant, Code: 99991672, Status: 400, Count: -1}))
		o := operate(t, c)
		if got := o.ask(t, "op", http.MethodPost, "/v1/sync/sweeps"); got.status != http.StatusServiceUnavailable || got.reason() != "FEISHU_UNAVAILABLE" {
			t.Errorf("%+v", got)
		}
		c.sandbox.ClearFaults()
		if got := o.start(t); got.status != http.StatusOK {
			t.Errorf("%+v", got)
		}
	})
}
