package gateway

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// strictQuery reads query parameters as the mux would by itself, but refuses
// those that it would pass over: unknown ones, and those that the path gives.
type strictQuery struct{}

func (strictQuery) Parse(req proto.Message, values url.Values, inPath *utilities.DoubleArray) error {
	fields := req.ProtoReflect().Descriptor().Fields()
	for name := range values {
		field := fields.ByName(protoreflect.Name(name))
		switch {
		case field == nil:
			return badParameter(name, "there is no such parameter; there are "+strings.Join(names(fields, inPath), ", "))
		case inPath.HasCommonPrefix([]string{name}):
			return badParameter(name, "it is given by the path")
		}
	}
	if err := (&runtime.DefaultQueryParser{}).Parse(req, values, inPath); err != nil {
		return badParameter("", err.Error())
	}
	return nil
}

// names lists the parameters that a request may have in its query.
func names(fields protoreflect.FieldDescriptors, inPath *utilities.DoubleArray) []string {
	var all []string
	for i := range fields.Len() {
		if name := string(fields.Get(i).Name()); !inPath.HasCommonPrefix([]string{name}) {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

func badParameter(name, why string) error {
	if name == "" {
		return status.Error(codes.InvalidArgument, why)
	}
	st, err := status.New(codes.InvalidArgument, fmt.Sprintf("query parameter %q: %s", name, why)).WithDetails(
		&errdetails.ErrorInfo{Reason: reasonArgument, Domain: errorDomain},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: name, Description: why, Reason: reasonArgument}}},
	)
	if err != nil {
		return status.Error(codes.InvalidArgument, why)
	}
	return st.Err()
}
