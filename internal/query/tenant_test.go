package query_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/query"
	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

const tenantSecret = "0123456789abcdefghijklmnopqrstuv"

// two makes the service one of both companies of the fixture.
func two(t *testing.T) func(*query.Config) {
	t.Helper()
	hash, err := query.HashSecret(tenantSecret)
	if err != nil {
		t.Fatal(err)
	}
	return func(c *query.Config) {
		c.TenantKey, c.Clients = "", nil
		c.Tenants = []query.Tenant{{Key: "t", MonthlyCalls: 10}, {Key: "other", MonthlyCalls: 20, SweepInterval: -1}}
		for id, tenants := range map[string][]string{"t": {"t"}, "other": {"other"}, "both": {"t", "other"}, "elsewhere": {"elsewhere"}} {
			client, err := query.NewHashedClient(query.ClientSpec{ID: id, Hash: hash, Roles: []query.Role{query.RoleSensitive}, Tenants: tenants})
			if err != nil {
				t.Fatal(err)
			}
			c.Clients = append(c.Clients, client)
		}
	}
}

// about is the context of a client's call about a company; of none where empty.
func about(t *testing.T, client, tenant string) context.Context {
	t.Helper()
	ctx := with(t, "Bearer "+client+":"+tenantSecret)
	if tenant != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "x-mirror-tenant", tenant)
	}
	return ctx
}

func TestTenants(t *testing.T) {
	t.Parallel()
	b := setup(t, two(t), "small")
	ann := func(ctx context.Context) (*pb.GetUserResponse, error) {
		return b.users.GetUser(ctx, &pb.GetUserRequest{User: "ou_ann"})
	}

	for _, test := range []struct{ client, asks, gets string }{
		{"t", "", "t"}, {"t", "t", "t"}, {"other", "", "other"}, {"both", "t", "t"}, {"both", "other", "other"},
	} {
		answer, err := ann(about(t, test.client, test.asks))
		if err != nil || answer.GetTenantKey() != test.gets || (answer.GetUser().GetName() == "安娜他") != (test.gets == "other") {
			t.Errorf("%s asks about %q and gets %s of %q, %v", test.client, test.asks, answer.GetUser().GetName(), answer.GetTenantKey(), err)
		}
	}
	for _, test := range []struct{ client, asks string }{
		{"t", "other"}, {"other", "t"}, {"t", "nothing"}, {"both", "nothing"}, {"both", "elsewhere"}, {"elsewhere", "elsewhere"}, {"elsewhere", ""}, {"t", "T"}, {"t", " t"},
	} {
		_, err := ann(about(t, test.client, test.asks))
		wantError(t, err, codes.PermissionDenied, "TENANT_NOT_PERMITTED")
	}
	_, err := ann(about(t, "both", ""))
	if info := wantError(t, err, codes.InvalidArgument, "TENANT_MISSING"); info.GetMetadata()["tenants"] != "t,other" {
		t.Errorf("the client's companies are said to be %q", info.GetMetadata()["tenants"])
	}
	_, err = ann(metadata.AppendToOutgoingContext(about(t, "both", "t"), "x-mirror-tenant", "other"))
	wantError(t, err, codes.InvalidArgument, "ARGUMENT_INVALID")

	t.Run("have a status of their own", func(t *testing.T) {
		t.Parallel()
		for tenant, limit := range map[string]int64{"t": 10, "other": 20} {
			got, err := b.sync.GetSyncStatus(about(t, "both", tenant), &pb.GetSyncStatusRequest{})
			if err != nil || got.GetCallsThisMonthLimit() != limit || (got.GetNextSweepAt() == nil) != (tenant == "other") ||
				(got.GetCounts().GetUsers() == 2) != (tenant == "other") {
				t.Errorf("status of %s: %v, %v", tenant, got, err)
			}
		}
	})

	t.Run("do not take each other's tokens", func(t *testing.T) {
		t.Parallel()
		of := func(tenant, page, fresh string) (*pb.SearchUsersResponse, error) {
			return b.users.SearchUsers(about(t, "both", tenant), &pb.SearchUsersRequest{Query: "安", PageSize: 1, PageToken: page, AtLeastAsFresh: fresh})
		}
		first, err := b.users.ListDepartmentUsers(about(t, "both", "t"), &pb.ListDepartmentUsersRequest{Department: "0", Recursive: true, PageSize: 1})
		if err != nil || first.GetNextPageToken() == "" {
			t.Fatalf("first page: %v, %v", first, err)
		}
		_, err = b.users.ListDepartmentUsers(about(t, "both", "other"), &pb.ListDepartmentUsersRequest{
			Department: "0", Recursive: true, PageSize: 1, PageToken: first.GetNextPageToken(),
		})
		wantField(t, err, "PAGE_TOKEN_MISMATCH", "page_token")
		_, err = of("other", "", first.GetConsistencyToken())
		wantField(t, err, "FOREIGN_TENANT", "at_least_as_fresh")
		if _, err = of("t", "", first.GetConsistencyToken()); err != nil {
			t.Error(err)
		}
	})

	t.Run("know what became known of each at the same position", func(t *testing.T) {
		t.Parallel()
		confirmed := func(tenant string) time.Time {
			got, err := ann(about(t, "both", tenant))
			if err != nil {
				t.Fatal(err)
			}
			return got.GetUpstreamConfirmedAt().AsTime()
		}
		for range 2 { // the second time from memory
			if a, b := confirmed("t"), confirmed("other"); a.Equal(b) {
				t.Errorf("both companies are said to be confirmed at %s", a)
			}
		}
	})

	t.Run("are in the log of calls and of the audit", func(t *testing.T) {
		t.Parallel()
		if _, err := b.users.GetUser(about(t, "both", "t"), &pb.GetUserRequest{User: "ou_ann"}); err != nil {
			t.Fatal(err)
		}
		for _, line := range audited(t, b) {
			if line["tenant"] != "t" {
				t.Errorf("audit line %v", line)
			}
		}
	})
}

// Every answer says which company it is about.
func TestEveryAnswerNamesTheTenant(t *testing.T) {
	t.Parallel()
	for _, service := range services() {
		for i := range service.Methods().Len() {
			answer := service.Methods().Get(i).Output()
			if field := answer.Fields().ByName("tenant_key"); field == nil || field.Number() != 25 {
				t.Errorf("%s has no field `string tenant_key = 25`, which the interceptor fills in", answer.Name())
			}
		}
	}
	b := setup(t, nil, "small", "resources")
	for name, call := range everyRead(t, b, "") {
		answer, err := call(as(t, "reads"))
		if err != nil {
			t.Fatal(err)
		}
		m := answer.(proto.Message).ProtoReflect()
		if got := m.Get(m.Descriptor().Fields().ByName("tenant_key")).String(); got != "t" {
			t.Errorf("%s is about %q", name, got)
		}
	}
}

func services() []protoreflect.ServiceDescriptor {
	var all []protoreflect.ServiceDescriptor
	for _, file := range []protoreflect.FileDescriptor{
		pb.File_orgmirror_v1_directory_service_proto, pb.File_orgmirror_v1_history_service_proto, pb.File_orgmirror_v1_sync_service_proto,
	} {
		for i := range file.Services().Len() {
			all = append(all, file.Services().Get(i))
		}
	}
	return all
}

func TestOneTenant(t *testing.T) {
	t.Parallel()
	hash, err := query.HashSecret(tenantSecret)
	if err != nil {
		t.Fatal(err)
	}
	bound := func(c *query.Config) {
		for _, id := range []string{"t", "other"} {
			client, err := query.NewHashedClient(query.ClientSpec{ID: id, Hash: hash, Roles: []query.Role{query.RoleReader}, Tenants: []string{id}})
			if err != nil {
				t.Fatal(err)
			}
			c.Clients = append(c.Clients, client)
		}
	}
	b := setup(t, bound, "small")
	get := func(ctx context.Context) error {
		_, err := b.users.GetUser(ctx, &pb.GetUserRequest{User: "ou_ann"})
		return err
	}
	for _, ctx := range []context.Context{
		as(t, "reads"), metadata.AppendToOutgoingContext(as(t, "reads"), "x-mirror-tenant", "t"), about(t, "t", ""), about(t, "t", "t"),
	} {
		if err := get(ctx); err != nil {
			t.Error(err)
		}
	}
	for _, ctx := range []context.Context{
		metadata.AppendToOutgoingContext(as(t, "reads"), "x-mirror-tenant", "other"), about(t, "other", ""), about(t, "other", "other"),
	} {
		wantError(t, get(ctx), codes.PermissionDenied, "TENANT_NOT_PERMITTED")
	}
}

// Where the log is of several companies, the one is that of the app.
func TestOneTenantOfALogOfSeveral(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *query.Config) {
		c.TenantKey = ""
		c.Owner = func(context.Context) (eventlog.Owner, error) {
			return eventlog.Owner{TenantKey: "other", AppID: "cli_2"}, nil
		}
	}, "small")
	got, err := b.users.GetUser(as(t, "reads"), &pb.GetUserRequest{User: "ou_ann"})
	if err != nil || got.GetTenantKey() != "other" || got.GetUser().GetName() != "安娜他" {
		t.Errorf("answer %v, %v", got, err)
	}
}

// Outside of a call there is no company where there are several, and nothing of
// any is answered.
func TestNoTenant(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small")
	cfg := query.Config{Pool: b.pool, Log: noLog{}}
	two(t)(&cfg)
	service, err := query.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	if _, err := service.GetUser(t.Context(), &pb.GetUserRequest{User: "ou_ann"}); err == nil {
		t.Error("a call about no company finds somebody")
	}
	got, err := service.GetUser(query.OfTenant(t.Context(), "other"), &pb.GetUserRequest{User: "ou_ann"})
	if err != nil || got.GetUser().GetName() != "安娜他" {
		t.Errorf("a call about a company: %v, %v", got, err)
	}
	if _, err := query.New(t.Context(), query.Config{Pool: b.pool, Log: noLog{}, Tenants: []query.Tenant{{Key: "t"}, {Key: "t"}}}); err == nil {
		t.Error("one company twice was accepted")
	}
}

type noLog struct{}

func (noLog) Await(context.Context, string, directory.Position) error { return context.Canceled }

func TestCheckTenants(t *testing.T) {
	t.Parallel()
	var cfg query.Config
	two(t)(&cfg)
	err := query.CheckTenants(append(cfg.Clients, clients(t)[0]), []string{"t", "other"})
	if err == nil || !strings.Contains(err.Error(), `"reads"`) || !strings.Contains(err.Error(), `"elsewhere"`) || strings.Contains(err.Error(), `"both"`) {
		t.Errorf("error %v", err)
	}
}
