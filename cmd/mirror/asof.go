package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	orgmirrorv1 "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// whenHelp says how a moment is given.
const whenHelp = "WHEN is an instant (2026-03-01T09:00:00+08:00), a day (2026-03-01: its beginning, in this machine's time zone), or a\n" +
	"position of the log (a number). An instant is on Feishu's clock: how it was then, as the mirror knows now. With\n" +
	"--recorded it is on the database's clock: what the mirror knew then."

// asOf are the flags that make a command ask about a moment in the past.
type asOf struct {
	when     string
	recorded bool
}

func (a *asOf) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.when, "as-of", "", "how it was at `WHEN`; now where it is not given")
	cmd.Flags().BoolVar(&a.recorded, "recorded", false, "the instant is on the database's clock")
	cmd.Long += "\n\nWith --as-of it asks how that was.\n" + whenHelp
}

// service asks about the moment whatever is asked.
func (a *asOf) service(conn grpc.ClientConnInterface) (orgmirrorv1.DirectoryServiceClient, error) {
	instant, position, err := when("--as-of", a.when, time.Local)
	if err == nil && a.recorded && instant == nil {
		err = errors.New("--recorded: tells of which clock an instant is, and --as-of gives none")
	}
	if err != nil {
		return nil, cli.Usage(err)
	}
	moment := &orgmirrorv1.GetUserRequest{AsOfPosition: position}
	if a.recorded {
		moment.AsOfRecorded = instant
	} else {
		moment.AsOf = instant
	}
	return orgmirrorv1.NewDirectoryServiceClient(momentConn{conn, moment.ProtoReflect()}), nil
}

// momentConn adds a moment to each request. The fields of all requests have the same
// names; of the moment's message those that are set are taken.
type momentConn struct {
	grpc.ClientConnInterface

	moment protoreflect.Message
}

func (c momentConn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	request := proto.Clone(args.(proto.Message))
	c.moment.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		request.ProtoReflect().Set(request.ProtoReflect().Descriptor().Fields().ByName(field.Name()), value)
		return true
	})
	return c.ClientConnInterface.Invoke(ctx, method, request, reply, opts...)
}
