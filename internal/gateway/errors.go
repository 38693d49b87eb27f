package gateway

import (
	"context"
	"net/http"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// What the gateway says where it refuses a request by itself.
const (
	errorDomain      = "orgmirror"
	reasonArgument   = "ARGUMENT_INVALID"
	reasonNoResource = "RESOURCE_UNKNOWN"
	reasonMethod     = "METHOD_NOT_ALLOWED"
	reasonOrigin     = "ORIGIN_NOT_ALLOWED"
)

// writeError writes a status as the JSON that the package promises.
func writeError(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, err error) {
	st := status.Convert(err)
	write(w, runtime.HTTPStatusFromCode(st.Code()), withReason(st))
}

// writeRoutingError answers what no rule of the API matches. A method that the
// API does not have on a resource would be 501 by the mux's own table.
func (d description) writeRoutingError(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, httpStatus int) {
	switch httpStatus {
	case http.StatusMethodNotAllowed:
		methods := strings.Join(d.methods(r.URL.EscapedPath()), ", ")
		w.Header().Set("Allow", methods)
		write(w, httpStatus, explained(codes.Unimplemented, reasonMethod, "this is asked by "+methods+" only"))
	case http.StatusNotFound:
		write(w, httpStatus, explained(codes.NotFound, reasonNoResource, "there is nothing at this path; /docs/ shows what there is, /openapi.json lists it"))
	default:
		write(w, httpStatus, explained(codes.InvalidArgument, reasonArgument, http.StatusText(httpStatus)))
	}
}

// writeForeign refuses what a page of another site would have a browser do, with
// the credentials that the browser remembers.
func writeForeign(w http.ResponseWriter, _ *http.Request) {
	write(w, http.StatusForbidden, explained(codes.PermissionDenied, reasonOrigin, "pages of other sites may not do this"))
}

// withReason adds the ErrorInfo that a status lacks where the service never saw
// the request.
func withReason(st *status.Status) *status.Status {
	for _, detail := range st.Details() {
		if _, ok := detail.(*errdetails.ErrorInfo); ok {
			return st
		}
	}
	reason := code.Code(st.Code()).String()
	if st.Code() == codes.InvalidArgument {
		reason = reasonArgument
	}
	return explained(st.Code(), reason, st.Message())
}

func explained(c codes.Code, reason, message string) *status.Status {
	st := status.New(c, message)
	if with, err := st.WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: errorDomain}); err == nil {
		return with
	}
	return st
}

func write(w http.ResponseWriter, httpStatus int, st *status.Status) {
	if httpStatus == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="orgmirror", Bearer`)
	}
	body, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(&pb.ErrorResponse{Error: &pb.Error{
		Code: int32(httpStatus), Status: code.Code(st.Code()).String(), Message: st.Message(), Details: st.Proto().GetDetails(),
	}})
	if err != nil { // a detail of a type that this program does not know
		body = []byte(`{"error":{"code":500,"status":"INTERNAL","message":"the error cannot be shown"}}`)
		httpStatus = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(httpStatus)
	w.Write(body)
}
