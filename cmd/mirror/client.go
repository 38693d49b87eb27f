package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/orgmirror/orgmirror/cmd/internal/app"
	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/query"
	orgmirrorv1 "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// callTimeout is for one call: the service answers in milliseconds or not at all.
const callTimeout = 10 * time.Second

// bearer sends a client's id and secret with each call, and the company that it is
// about where somebody named one.
type bearer struct{ client, tenant string }

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	md := map[string]string{"authorization": "Bearer " + b.client}
	if b.tenant != "" {
		md[strings.ToLower(query.TenantHeader)] = b.tenant
	}
	return md, nil
}

// RequireTransportSecurity says no: the service listens on this machine unless
// somebody put it elsewhere, and there the way is theirs to secure.
func (b bearer) RequireTransportSecurity() bool { return false }

// asking makes a command that asks a running service about the directory, now or as
// of a moment.
func asking(cmd *cobra.Command, ask func(cmd *cobra.Command, service orgmirrorv1.DirectoryServiceClient, args []string) error) *cobra.Command {
	var past asOf
	past.register(cmd)
	return calling(cmd, func(cmd *cobra.Command, conn grpc.ClientConnInterface, args []string) error {
		service, err := past.service(conn)
		if err != nil {
			return err
		}
		return ask(cmd, service, args)
	})
}

// calling makes a command that calls a running service.
func calling(cmd *cobra.Command, call func(cmd *cobra.Command, conn grpc.ClientConnInterface, args []string) error) *cobra.Command {
	config.Register(cmd.Flags(), config.Client)
	config.RegisterOnly(cmd.Flags(), "tenant")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		cfg, err := app.Settings(cmd, "client")
		if err != nil {
			return err
		}
		if id, secret, ok := strings.Cut(cfg.Client, ":"); !ok || id == "" || secret == "" {
			return cli.Usage(fmt.Errorf("%s: must be id:secret", config.Variable("client")))
		}
		transport := insecure.NewCredentials()
		secure, err := app.ClientTLS(cfg)
		if err != nil {
			return err
		}
		if secure != nil {
			transport = credentials.NewTLS(secure)
		}
		conn, err := grpc.NewClient(cfg.Addr,
			grpc.WithTransportCredentials(transport),
			grpc.WithPerRPCCredentials(bearer{cfg.Client, cfg.Tenant}),
			grpc.WithUnaryInterceptor(withTimeout),
		)
		if err != nil {
			return cli.Usage(fmt.Errorf("%s: %w", config.Variable("addr"), err))
		}
		defer func() { err = errors.Join(err, conn.Close()) }()
		return explain(call(cmd, conn, args), cfg)
	}
	return cmd
}

func withTimeout(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return invoke(ctx, method, req, reply, conn, opts...)
}

// answered is an answer of the service in words; the status is there for who
// looks for it.
type answered struct {
	text string
	error
}

func (a answered) Error() string { return a.text }

func (a answered) Unwrap() error { return a.error }

// explain turns a status into what a person can do about it.
func explain(err error, cfg config.Config) error {
	s, ok := status.FromError(err)
	if err == nil || !ok {
		return err
	}
	text := s.Message()
	switch s.Code() {
	case codes.Unavailable:
		text = fmt.Sprintf("%s: is `mirror serve` running, does %s lead to its gRPC address, and do both speak TLS or neither (%s)?",
			text, config.Variable("addr"), config.Variable("tls"))
	case codes.Unauthenticated:
		text = fmt.Sprintf("%s: %s must be one of the service's %s", text, config.Variable("client"), config.Variable("api_clients"))
	default:
		if reasonOf(s) == "TENANT_MISSING" {
			text = fmt.Sprintf("%s (%s)", text, config.Variable("tenant"))
		}
	}
	return answered{fmt.Sprintf("ask %s: %s", cfg.Addr, text), err}
}

// reasonOf is the reason of a status, for programs.
func reasonOf(s *status.Status) string {
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}
