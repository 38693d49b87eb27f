package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/projector"
	"github.com/orgmirror/orgmirror/internal/query"
	orgmirrorv1 "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// past is a company that the test makes record by record, with the service that
// answers about it.
type past struct {
	pool      *pgxpool.Pool
	log       *eventlog.Log
	projector *projector.Projector
	conn      *grpc.ClientConn
	history   orgmirrorv1.HistoryServiceClient
	events    int
}

const pastTenant = "t1"

func newPast(t *testing.T) *past {
	t.Helper()
	p := &past{pool: pgtest.DB(t)}
	var err error
	p.log, err = eventlog.Open(t.Context(), p.pool, eventlog.Options{TenantKey: pastTenant, AppID: "cli_1"})
	must(t, err)
	t.Cleanup(func() { must(t, p.log.Close()) })
	p.projector = projector.New(p.pool, p.log, projector.Options{})
	clients, err := query.ParseClients("reads:secret:reader, sees:secret:sensitive")
	must(t, err)
	service, err := query.New(t.Context(), query.Config{
		Pool: p.pool, Log: p.log, TenantKey: pastTenant, Clients: clients, Logger: slog.New(slog.DiscardHandler), // audit lines drown everything
	})
	must(t, err)
	t.Cleanup(service.Close)
	server, listener := query.NewServer(service), bufconn.Listen(1<<20)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///history",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(t, err)
	t.Cleanup(func() {
		must(t, conn.Close())
		server.Stop()
		must(t, <-served)
	})
	p.conn, p.history = conn, orgmirrorv1.NewHistoryServiceClient(conn)
	return p
}

// as makes calls be those of a client.
func as(t *testing.T, client string) context.Context {
	t.Helper()
	return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+client+":secret")
}

func day(month time.Month, d, hour int) time.Time {
	return time.Date(2026, month, d, hour, 0, 0, 0, time.UTC)
}

func origin(sweep string) directory.Origin {
	return directory.Origin{TenantKey: pastTenant, AppID: "cli_1", Source: directory.SourceBackfill, CorrelationID: sweep}
}

// append adds records to the log and projects them.
func (p *past) append(t *testing.T, records ...directory.Record) {
	t.Helper()
	_, err := p.log.Append(t.Context(), records...)
	must(t, err)
	from, err := p.log.Checkpoint(t.Context(), projector.Consumer)
	must(t, err)
	page, err := p.log.Read(t.Context(), from, 1000)
	must(t, err)
	must(t, p.projector.Project(t.Context(), eventlog.Page{Consumer: projector.Consumer, From: from, To: page[len(page)-1].Position, Records: page}))
}

// event is one of Feishu's: "contact.user.created_v3" and so on.
func (p *past) event(eventType string, at time.Time, object, old string) directory.Record {
	p.events++
	body := `{"schema":"2.0","header":{},"event":{"object":` + object
	if old != "" {
		body += `,"old_object":` + old
	}
	return directory.Record{
		OccurredAt: at, EventID: fmt.Sprintf("e%04d", p.events), EventType: eventType,
		Source: directory.SourceWebhook, Payload: json.RawMessage(body + `}}`),
	}
}

// sweep are the records of a complete walk that sees these objects.
func sweep(t *testing.T, id string, at time.Time, departments, users []string) (records []directory.Record) {
	t.Helper()
	began, err := directory.NewSweepStarted(origin(id), at, directory.SweepStarted{Range: "all"})
	must(t, err)
	records = append(records, began)
	seen := func(kind directory.Kind, objects []string) {
		for _, object := range objects {
			key, err := directory.ObjectID(kind, json.RawMessage(object))
			must(t, err)
			r, err := directory.NewObservation(origin(id), kind, key, at.Add(time.Minute),
				directory.Observation{Object: json.RawMessage(object), Listed: true, SkewMarginMS: 10_000})
			must(t, err)
			records = append(records, r)
		}
	}
	seen(directory.KindDepartment, departments)
	seen(directory.KindUser, users)
	ended, err := directory.NewSweepCompleted(origin(id), at.Add(2*time.Minute), directory.SweepCompleted{StartedAt: at})
	must(t, err)
	return append(records, ended)
}

func (p *past) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := p.pool.Exec(t.Context(), sql, args...)
	must(t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
func ptr[T any](v T) *T { return &v }
