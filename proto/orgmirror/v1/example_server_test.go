package orgmirrorv1_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"testing"

	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/query"
)

// exampleCompany is what the example's server knows.
const exampleCompany = `
INSERT INTO directory.departments (tenant_key, open_department_id, name, parent_department_id, path, depth, attributes, position) VALUES
    ('example', '0', NULL, NULL, '/0/', 0, '{}', 1),
    ('example', 'od-rd', '研发中心', '0', '/0/od-rd/', 1, '{}', 1);
INSERT INTO directory.users (tenant_key, open_id, name, job_title, leader_user_id, mobile, department_ids, attributes, position) VALUES
    ('example', 'ou_chen', '陈静', '总经理', NULL, '+8613800000001', '{0}', '{}', 1),
    ('example', 'ou_wang', '王伟', '研发总监', 'ou_chen', '+8613800000002', '{od-rd}', '{}', 1),
    ('example', 'ou_li', '李娜', '工程师', 'ou_wang', '+8613800000003', '{od-rd}', '{}', 1);
INSERT INTO directory.memberships (tenant_key, open_department_id, open_id, is_primary_dept, user_order, position) VALUES
    ('example', '0', 'ou_chen', true, 9, 1),
    ('example', 'od-rd', 'ou_wang', true, 8, 1),
    ('example', 'od-rd', 'ou_li', true, 7, 1)`

// outside is a test for what is none: examples have no testing.T.
type outside struct {
	testing.TB

	ctx  context.Context //nolint:containedctx // that of the test that it is
	ends []func()
}

func (o *outside) Helper()                      {}
func (o *outside) Name() string                 { return "Example" }
func (o *outside) Context() context.Context     { return o.ctx }
func (o *outside) Cleanup(f func())             { o.ends = append(o.ends, f) }
func (o *outside) Errorf(text string, a ...any) { panic(fmt.Sprintf(text, a...)) }
func (o *outside) Fatalf(text string, a ...any) { panic(fmt.Sprintf(text, a...)) }
func (o *outside) Fatal(a ...any)               { panic(fmt.Sprint(a...)) }
func (o *outside) end() {
	for _, f := range slices.Backward(o.ends) {
		f()
	}
}

// serve runs the service, over a database of its own, on a port of this machine.
func serve() (address string, stop func()) {
	t := &outside{ctx: context.Background()}
	pool := pgtest.DB(t)
	must := func(err error) {
		if err != nil {
			t.end()
			t.Fatal(err)
		}
	}
	_, err := pool.Exec(t.ctx, exampleCompany)
	must(err)
	events, err := eventlog.Open(t.ctx, pool, eventlog.Options{TenantKey: "example", AppID: "cli_example"})
	must(err)
	t.Cleanup(func() { _ = events.Close() })
	clients, err := query.ParseClients("hr-portal:secret:reader")
	must(err)
	service, err := query.New(t.ctx, query.Config{Pool: pool, Log: events, TenantKey: "example", Clients: clients, Logger: slog.New(slog.DiscardHandler)})
	must(err)
	t.Cleanup(service.Close)
	server := query.NewServer(service)
	listener, err := (&net.ListenConfig{}).Listen(t.ctx, "tcp", "127.0.0.1:0")
	must(err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	return listener.Addr().String(), func() {
		server.Stop()
		<-served
		t.end()
	}
}
