package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// parameters are the query parameters of each path, as the API describes them:
// "/v1/users/{user}" has read_mask and more.
type parameters map[string][]string

// describedParameters reads them from the API's own description, so that what is
// described and what is accepted cannot differ.
func describedParameters(openAPI []byte) (parameters, error) {
	var api struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name, In string }
		}
	}
	if err := json.Unmarshal(openAPI, &api); err != nil {
		return nil, fmt.Errorf("read the description of the API: %w", err)
	}
	p := parameters{}
	for path, methods := range api.Paths {
		for _, method := range methods {
			p[path] = []string{}
			for _, parameter := range method.Parameters {
				if parameter.In == "query" {
					p[path] = append(p[path], parameter.Name)
				}
			}
			slices.Sort(p[path])
		}
	}
	return p, nil
}

// strict refuses query parameters that the mux would pass over: unknown ones,
// other spellings, and those that the path gives.
//
// It is no runtime.QueryParameterParser: setting one sets it for all gateways of
// the process.
func (p parameters) strict(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, pathParams map[string]string) {
		if err := p.check(r); err != nil {
			writeError(r.Context(), nil, nil, w, r, err)
			return
		}
		next(w, r, pathParams)
	}
}

func (p parameters) check(r *http.Request) error {
	pattern, ok := runtime.HTTPPattern(r.Context())
	if !ok {
		return status.Error(codes.Internal, "a request without a pattern")
	}
	known, ok := p[strings.ReplaceAll(pattern.String(), "=*}", "}")]
	if !ok {
		return status.Errorf(codes.Internal, "%s is not in the description of the API", pattern)
	}
	for name, values := range r.URL.Query() {
		switch {
		case !slices.Contains(known, name):
			return badParameter(name, "there is no such parameter here; there are "+strings.Join(known, ", "))
		case slices.ContainsFunc(values, func(s string) bool { return !utf8.ValidString(s) }):
			return badParameter(name, "it is not UTF-8")
		}
	}
	return nil
}

func badParameter(name, why string) error {
	name = strings.ToValidUTF8(name, "\uFFFD")
	st := status.Newf(codes.InvalidArgument, "query parameter %q: %s", name, why)
	if with, err := st.WithDetails(
		&errdetails.ErrorInfo{Reason: reasonArgument, Domain: errorDomain},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: name, Description: why, Reason: reasonArgument}}},
	); err == nil {
		st = with
	}
	return st.Err()
}
