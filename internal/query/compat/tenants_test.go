package compat_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/orgmirror/orgmirror/internal/query"
)

// Of several companies a client sees those that it may ask about, one at a time, each
// by its own app.
func TestTenants(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`
INSERT INTO mirror.event_log (position, recorded_at, occurred_at, tenant_key, app_id, event_id, payload)
VALUES (101, '2026-01-01T00:01:41Z', '2026-01-01T00:00:00Z', 'other', 'app2', 'e101', '{}');
UPDATE mirror.event_log_head SET position = 101, recorded_at = '2026-01-01T00:01:41Z';
UPDATE mirror.checkpoint SET position = 101;
INSERT INTO directory.departments (tenant_key, open_department_id, path, depth, attributes, position) VALUES ('other', '0', '/0/', 0, '{}', 101);
-- Eve has Ann's user_id. Nobody's number is known: her app is shown none.
INSERT INTO directory.users (tenant_key, open_id, union_id, user_id, name, attributes, position)
VALUES ('other', 'ou_eve', 'on_eve', 'ann', 'Eve', '{"union_id": "on_eve", "user_id": "ann", "name": "Eve", "department_ids": ["0"]}', 101)`)
	secret, hash := query.GenerateSecret()
	b.start("", func(c *query.Config) {
		c.Tenants = []query.Tenant{{Key: "t"}, {Key: "other"}}
		for id, tenants := range map[string][]string{"app": {"t"}, "app2": {"other"}, "both": {"t", "other"}} {
			client, err := query.NewHashedClient(query.ClientSpec{ID: id, Hash: hash, Roles: []query.Role{query.RoleSensitive}, Tenants: tenants})
			must(t, err)
			c.Clients = append(c.Clients, client)
		}
	})
	for _, id := range []string{"app", "app2", "both"} {
		r := b.call(http.MethodPost, "/auth/v3/tenant_access_token/internal", `{"app_id":"`+id+`","app_secret":"`+secret+`"}`)
		if b.tokens[id] = r.Token; r.Token == "" {
			t.Fatalf("no token for %s: %s", id, r.Raw)
		}
	}
	const ann, tenant = "/contact/v3/users/ann?user_id_type=user_id", "/tenant/v2/tenant/query"
	for _, q := range []struct{ client, about, name, of string }{
		{"app", "", "Ann", "t"}, {"app", "t", "Ann", "t"}, {"app2", "", "Eve", "other"}, {"both", "t", "Ann", "t"}, {"both", "other", "Eve", "other"},
	} {
		r := b.get(q.client, ann, query.TenantHeader, q.about)
		user, _ := r.Data["user"].(object)
		if _, mobile := user["mobile"]; user["name"] != q.name || mobile != (q.of == "t") {
			t.Errorf("%s about %q: %s, want %s, with a mobile in t only", q.client, q.about, r.Raw, q.name)
		}
		b.is(b.get(q.client, tenant, query.TenantHeader, q.about), `{"tenant":{"tenant_key":"`+q.of+`"}}`)
	}
	for _, q := range [][2]string{{"app", "other"}, {"app2", "t"}, {"both", ""}, {"both", "nothing"}, {"app", "nothing"}} {
		r := b.get(q[0], ann, query.TenantHeader, q[1])
		b.refused(r, http.StatusBadRequest, 99992402)
		if len(r.Error.Fields) != 1 || r.Error.Fields[0].Field != query.TenantHeader || strings.Contains(r.Raw, "Ann") || strings.Contains(r.Raw, "Eve") {
			t.Errorf("%v: %s", q, r.Raw)
		}
	}
	// open_ids are those of the app of the company that is asked about.
	for _, q := range [][2]string{{"app", "ou_ann"}, {"app2", "ou_eve"}} {
		if r := b.get(q[0], "/contact/v3/users/"+q[1]); r.Code != 0 || r.Header.Get("X-Mirror-Open-Id-App") != q[0] {
			t.Errorf("%s: %s, %v", q[0], r.Raw, r.Header)
		}
	}
	b.refused(b.get("app", "/contact/v3/users/ou_eve"), http.StatusBadRequest, 99992351)
}
