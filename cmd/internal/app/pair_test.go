package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/query"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// pair is one service with two companies, whose ids overlap where Feishu's can.
type pair struct {
	service *Service
	conn    *grpc.ClientConn
	of      map[string]*sandbox.Server // by tenant_key
	texts   map[string]map[string]bool // texts that only this company has
	begun   int64                      // a position of the log when both had been walked once
}

// companies are the two tenants.
var companies = []string{"tenant_a", "tenant_b"}

const pairSecret = "0123456789abcdefghijklmnopqrstuv"

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{of: map[string]*sandbox.Server{}, texts: map[string]map[string]bool{}}
	rates, err := crawl.ParseRates("off")
	must(t, err)
	cfg := config.Config{HTTPListen: "127.0.0.1:0", GRPCListen: "127.0.0.1:0", MetricsListen: "127.0.0.1:0", WebhookListen: "127.0.0.1:0"}
	for i, key := range companies {
		server, err := sandbox.Start(t.Context(), sandbox.Config{
			People: 40, Departments: 8, Seed: uint64(70 + i), AppID: fmt.Sprintf("cli_00000000000000%02d", i), TenantKey: key, TenantName: key,
		})
		must(t, err)
		t.Cleanup(func() { must(t, server.Close()) })
		p.of[key] = server
		server.SetClockSkew(-time.Minute) // so that the first walk is a minute older than the second one
		p.furnish(t, key)
		cfg.Tenants = append(cfg.Tenants, config.Config{
			Several: true, FeishuTenantKey: key, FeishuBaseURL: server.URL(), FeishuAppID: server.AppID(), FeishuAppSecret: server.AppSecret(),
			FeishuRates: rates, Reread: crawl.RereadIncomplete, Events: config.EventsWebhook,
			FeishuVerificationToken: "token " + key, FeishuEncryptKey: "key " + key,
		})
	}
	p.overlap(t)
	for i, key := range companies {
		p.texts[key] = textsOf(t, p.of[key].Truth())
		for text := range textsOf(t, p.of[companies[1-i]].Truth()) {
			delete(p.texts[key], text)
		}
	}
	hash, err := query.HashSecret(pairSecret)
	must(t, err)
	for id, tenants := range map[string][]string{companies[0]: companies[:1], companies[1]: companies[1:], "both": companies} {
		client, err := query.NewHashedClient(query.ClientSpec{
			ID: id, Hash: hash, Roles: []query.Role{query.RoleSensitive, query.RoleOperator}, Tenants: tenants,
		})
		must(t, err)
		cfg.APIClients = append(cfg.APIClients, client)
	}
	db := &Database{Pool: pgtest.DB(t)}
	walk := func(one config.Config) {
		c, err := OpenCrawl(t.Context(), one, db, slog.New(slog.DiscardHandler), nil)
		must(t, err)
		_, err = c.Backfill(t.Context())
		must(t, err)
		must(t, c.Close())
	}
	for _, one := range cfg.Tenants {
		walk(one)
	}
	must(t, db.Pool.QueryRow(t.Context(), `SELECT position FROM mirror.event_log_head`).Scan(&p.begun))
	for i, one := range cfg.Tenants {
		p.of[one.FeishuTenantKey].SetClockSkew(0)
		p.change(t, one.FeishuTenantKey)
		walk(one)
		p.texts[one.FeishuTenantKey][held(i)] = true
		must(t, p.hold(t, db, i))
	}
	p.serve(t, cfg, db)
	return p
}

// held is the id of a sweep of a company that holds removals.
func held(company int) string { return fmt.Sprintf("00000000-0000-0000-0000-00000000000%d", company) }

// hold lets such a sweep have been the last one.
func (p *pair) hold(t *testing.T, db *Database, company int) error {
	t.Helper()
	_, err := db.Pool.Exec(t.Context(), `
		WITH sweep AS (
			INSERT INTO mirror.sweep (sweep_id, tenant_key, app_id, state, started_at, completed_at)
			VALUES ($1, $2, $3, 'complete', now(), now() + interval '1 second')
			RETURNING sweep_id
		), sets AS (
			INSERT INTO mirror.removal_set (sweep_id, entity_kind, state, candidates, live, max_removals)
			SELECT sweep_id, 'user', 'held', 3, 40, 0 FROM sweep
			RETURNING sweep_id
		)
		INSERT INTO mirror.removal (sweep_id, entity_kind, entity_id)
		SELECT sweep_id, 'user', open_id FROM sets, LATERAL (SELECT open_id FROM directory.users WHERE tenant_key = $2 ORDER BY open_id LIMIT 3) AS u`,
		held(company), companies[company], p.of[companies[company]].AppID())
	return err
}

func (p *pair) serve(t *testing.T, cfg config.Config, db *Database) {
	t.Helper()
	var err error
	p.service, err = OpenService(t.Context(), cfg, db, slog.New(slog.DiscardHandler))
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- p.service.Run(ctx) }()
	p.conn, err = grpc.NewClient(p.service.Addresses.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(t, err)
	t.Cleanup(func() {
		must(t, p.conn.Close())
		stop()
		must(t, <-served)
		must(t, p.service.Close())
	})
}

// furnished is the id of a group or unit that a company was given.
func furnished(what, key string, n int) string {
	return fmt.Sprintf("%s%s%d", what, strings.ReplaceAll(key, "_", ""), n)
}

// furnish gives a company two more groups, with its first two people and departments
// by id, and two more units: enough for second pages; and a custom attribute.
func (p *pair) furnish(t *testing.T, key string) {
	t.Helper()
	truth := p.of[key].Truth()
	people, departments := slices.Sorted(maps.Keys(truth.Users))[:2], slices.Sorted(maps.Keys(truth.Departments))[:2]
	for n := range 2 {
		_, err := p.of[key].AddGroup(sandbox.Group{ID: furnished("g", key, n), Name: fmt.Sprintf("group %d of %s", n, key), Type: 1, Users: people, Departments: departments})
		must(t, err)
		_, err = p.of[key].AddUnit(sandbox.Unit{UnitID: furnished("unit", key, n), Name: fmt.Sprintf("unit %d of %s", n, key), UnitType: fmt.Sprint("kind", n)})
		must(t, err)
	}
	_, err := p.of[key].AddCustomAttr(sandbox.CustomAttrDefinition{Type: "TEXT", I18nName: []sandbox.Text{{Locale: "zh_cn", Value: "attribute of " + key}}})
	must(t, err)
}

// change renames two departments of a company and gives its people another title, so
// that there is history.
func (p *pair) change(t *testing.T, key string) {
	t.Helper()
	truth := p.of[key].Truth()
	for id := range truth.Users {
		must(t, p.of[key].ChangeUser(id, func(u *sandbox.User) { u.JobTitle += " anew" }))
	}
	for _, id := range slices.Sorted(maps.Keys(truth.Departments))[:2] {
		must(t, p.of[key].ChangeDepartment(id, func(d *sandbox.Department) { d.Name += " anew" }))
	}
}

// overlap gives people and departments of the second company ids of the first
// one's: their own ids, which each company makes up for itself. What Feishu makes
// up, open_id and union_id, differs.
func (p *pair) overlap(t *testing.T) {
	t.Helper()
	a, b := p.of[companies[0]].Truth(), p.of[companies[1]].Truth()
	taken := map[string]bool{}
	for _, u := range b.Users {
		taken[u.UserID] = true
	}
	for _, d := range b.Departments {
		taken[d.DepartmentID] = true
	}
	people := slices.Sorted(maps.Keys(a.Users))
	for i, id := range slices.Sorted(maps.Keys(b.Users)) {
		if same := a.Users[people[i]]; i%2 == 0 && !taken[same.UserID] {
			must(t, p.of[companies[1]].ChangeUser(id, func(u *sandbox.User) { u.UserID, u.EmployeeNo = same.UserID, same.EmployeeNo }))
		}
	}
	departments := slices.Sorted(maps.Keys(a.Departments))
	for i, id := range slices.Sorted(maps.Keys(b.Departments)) {
		if same := a.Departments[departments[i]]; i%2 == 0 && !taken[same.DepartmentID] {
			must(t, p.of[companies[1]].ChangeDepartment(id, func(d *sandbox.Department) { d.DepartmentID = same.DepartmentID }))
		}
	}
	same := func(of func(sandbox.Truth) []string) (n int) {
		there := of(p.of[companies[0]].Truth())
		for _, id := range of(p.of[companies[1]].Truth()) {
			if slices.Contains(there, id) {
				n++
			}
		}
		return n
	}
	userIDs := same(func(truth sandbox.Truth) (ids []string) {
		for _, u := range truth.Users {
			ids = append(ids, u.UserID)
		}
		return ids
	})
	numbers := same(func(truth sandbox.Truth) (ids []string) {
		for _, u := range truth.Users {
			ids = append(ids, u.EmployeeNo)
		}
		return ids
	})
	departmentIDs := same(func(truth sandbox.Truth) (ids []string) {
		for _, d := range truth.Departments {
			ids = append(ids, d.DepartmentID)
		}
		return ids
	})
	openIDs := same(func(truth sandbox.Truth) []string { return slices.Collect(maps.Keys(truth.Users)) })
	if userIDs < 3 || numbers < 3 || departmentIDs < 2 || openIDs > 0 {
		t.Fatalf("the companies share %d user_ids, %d employee numbers, %d department_ids and %d open_ids", userIDs, numbers, departmentIDs, openIDs)
	}
}

// textsOf are all texts in a company that are long enough to be told from words.
func textsOf(t *testing.T, truth sandbox.Truth) map[string]bool {
	t.Helper()
	raw, err := json.Marshal(truth)
	must(t, err)
	var all any
	must(t, json.Unmarshal(raw, &all))
	found := map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			if len(v) > 5 {
				found[v] = true
			}
		case []any:
			for _, item := range v {
				walk(item)
			}
		case map[string]any:
			for key, item := range v {
				walk(key)
				walk(item)
			}
		}
	}
	walk(all)
	return found
}
