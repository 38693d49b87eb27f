// Package gateway is the HTTP face of the API: REST over the RPCs, their
// description, and the endpoints for whoever operates the service.
//
// [Handler] translates JSON over HTTP into calls on a gRPC connection, so that
// both say the same and everything that guards a call guards it here too. JSON has
// the names of the .proto files, unset fields are left out, and 64-bit integers
// are strings. An error is {"error": {code, status, message, details}}, with the
// same details that gRPC clients get. What the API does not know is refused: a
// misspelt query parameter is an error, not a filter that does nothing. What changes
// something (POST) is refused where a page of another site asks a browser for it.
//
// [OperationsHandler] is for a port of its own, without credentials: /livez,
// /readyz and /metrics.
//
// The package knows no database and no directory.
package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/orgmirror/orgmirror/proto"
	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// Handler serves the API under /v1/ by calls on conn, its description at
// /openapi.json, and a page to try it at /docs/. Credentials pass through from the header Authorization.
//
// Answers can be larger than the 4 MiB that a gRPC connection takes unless told
// otherwise; [Loopback] makes a connection that does.
func Handler(ctx context.Context, conn *grpc.ClientConn) (http.Handler, error) {
	described, err := readDescription(proto.OpenAPI())
	if err != nil {
		return nil, err
	}
	marshaler := &runtime.JSONPb{MarshalOptions: protojson.MarshalOptions{UseProtoNames: true}}
	api := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, marshaler),
		runtime.WithMiddlewares(described.strict),
		runtime.WithErrorHandler(writeError),
		runtime.WithRoutingErrorHandler(described.writeRoutingError),
		// The path is split before its segments are unescaped: ids may hold a slash.
		runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptReserved),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
		// Authorization goes in, which the mux passes on by itself, and where the request
		// comes from, likewise; beside them the company. No metadata goes out.
		runtime.WithIncomingHeaderMatcher(tenantHeader),
		runtime.WithOutgoingHeaderMatcher(noHeader),
	)
	if err := pb.RegisterDirectoryServiceHandler(ctx, api, conn); err != nil {
		return nil, fmt.Errorf("register the directory service: %w", err)
	}
	if err := pb.RegisterHistoryServiceHandler(ctx, api, conn); err != nil {
		return nil, fmt.Errorf("register the history service: %w", err)
	}
	if err := pb.RegisterSyncServiceHandler(ctx, api, conn); err != nil {
		return nil, fmt.Errorf("register the sync service: %w", err)
	}
	own := http.NewCrossOriginProtection()
	own.SetDenyHandler(http.HandlerFunc(writeForeign))
	mux := http.NewServeMux()
	mux.Handle("/v1/", private(own.Handler(onlyUTF8(api))))
	mux.HandleFunc("GET /openapi.json", serveOpenAPI)
	mux.Handle("GET "+tryPath, tryPage())
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		described.writeRoutingError(r.Context(), nil, nil, w, r, http.StatusNotFound)
	})
	return mux, nil
}

// tenantHeader lets the name of the company in; see query.TenantHeader.
func tenantHeader(name string) (string, bool) {
	const tenant = "X-Mirror-Tenant"
	return strings.ToLower(tenant), name == tenant // in its canonical form
}

func noHeader(string) (string, bool) { return "", false }

// private keeps personal data out of caches.
func private(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// onlyUTF8 refuses paths that gRPC could not carry. (description.check does so
// for the query.)
func onlyUTF8(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !utf8.ValidString(r.URL.Path) {
			write(w, http.StatusBadRequest, explained(codes.InvalidArgument, reasonArgument, "the path is not UTF-8"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Write(proto.OpenAPI())
}
