package query_test

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/query"
	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bundle is a running service and what a test needs around it.
type bundle struct {
	pool    *pgxpool.Pool
	service *query.Service
	users   pb.DirectoryServiceClient
	sync    pb.SyncServiceClient
	conn    *grpc.ClientConn
	logged  *lines
	metrics *prometheus.Registry
}

// setup starts a service on a database with the fixtures of the files named, or
// on an empty one.
func setup(t testing.TB, configure func(*query.Config), fixtures ...string) *bundle {
	t.Helper()
	b := &bundle{pool: pgtest.DB(t), logged: &lines{}, metrics: prometheus.NewRegistry()}
	for _, name := range fixtures {
		b.exec(t, fixture(t, name))
	}
	if !slices.Contains(fixtures, "company") { // where it would take a while
		query.FillSearch(t, b.pool)
	}
	log, err := eventlog.Open(t.Context(), b.pool, eventlog.Options{AppID: "app", TenantKey: "t"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Errorf("close the log: %v", err)
		}
	})
	cfg := query.Config{
		Pool: b.pool, Log: log, TenantKey: "t", Clients: clients(t),
		Logger:     slog.New(slog.NewJSONHandler(b.logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Registerer: b.metrics, Guesses: 1000,
	}
	if configure != nil {
		configure(&cfg)
	}
	service, err := query.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(service.Close)
	b.service = service
	b.serve(t, service)
	return b
}

func (b *bundle) serve(t testing.TB, service *query.Service) {
	t.Helper()
	server := query.NewServer(service)
	listener := bufconn.Listen(1 << 20)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///query",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		server.Stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	b.conn, b.users, b.sync = conn, pb.NewDirectoryServiceClient(conn), pb.NewSyncServiceClient(conn)
}

func fixture(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".sql")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (b *bundle) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	if _, err := b.pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%v\nin %.200s", err, sql)
	}
}

func clients(t testing.TB) []query.Client {
	t.Helper()
	c, err := query.ParseClients("reads:secret1:reader, sees:secret2:sensitive, runs:secret3:operator, all:secret4:operator+sensitive")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// as returns the test's context with the credentials of a client.
func as(t testing.TB, id string) context.Context {
	t.Helper()
	secrets := map[string]string{"reads": "secret1", "sees": "secret2", "runs": "secret3", "all": "secret4"}
	return with(t, "Basic "+base64.StdEncoding.EncodeToString([]byte(id+":"+secrets[id])))
}

func with(t testing.TB, authorization ...string) context.Context {
	t.Helper()
	ctx := t.Context()
	for _, a := range authorization {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", a)
	}
	return ctx
}

// lines keeps what was logged.
type lines struct{ text syncBuffer }

func (l *lines) Write(p []byte) (int, error) { return l.text.Write(p) }
func (l *lines) String() string              { return l.text.String() }

// wantError checks code, reason and that there is exactly one ErrorInfo.
func wantError(t testing.TB, err error, code codes.Code, reason string) *errdetails.ErrorInfo {
	t.Helper()
	st := status.Convert(err)
	var infos []*errdetails.ErrorInfo
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			infos = append(infos, info)
		}
	}
	if st.Code() != code || len(infos) != 1 || infos[0].GetReason() != reason || infos[0].GetDomain() != "orgmirror" {
		t.Errorf("error = %v %q with ErrorInfo %v, want %v with one %s of orgmirror", st.Code(), st.Message(), infos, code, reason)
		return &errdetails.ErrorInfo{}
	}
	return infos[0]
}

// wantField checks an invalid argument and which field is blamed.
func wantField(t testing.TB, err error, reason, field string) {
	t.Helper()
	wantError(t, err, codes.InvalidArgument, reason)
	for _, d := range status.Convert(err).Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			if got := bad.GetFieldViolations()[0].GetField(); got != field {
				t.Errorf("blamed field = %q, want %q", got, field)
			}
			return
		}
	}
	t.Errorf("error %v blames no field, want %q", err, field)
}

func diff(t testing.TB, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, protocmp.Transform()); d != "" {
		t.Errorf("%s mismatch (-want +got):\n%s", what, d)
	}
}

func openIDs(users []*pb.User) string {
	ids := make([]string, len(users))
	for i, u := range users {
		ids[i] = strings.TrimPrefix(u.GetOpenId(), "ou_")
	}
	return strings.Join(ids, " ")
}

func departmentIDs(departments []*pb.Department) string {
	ids := make([]string, len(departments))
	for i, d := range departments {
		ids[i] = d.GetOpenDepartmentId()
	}
	return strings.Join(ids, " ")
}

func codeOf(err error) codes.Code { return status.Code(err) }
