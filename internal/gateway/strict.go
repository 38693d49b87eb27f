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

// description is what the API says of itself: the query parameters of each
// method on each path, as "GET /v1/users/{user}" has read_mask and more.
type description map[string][]string

// readDescription reads it from what clients are shown, so that what is described
// and what is accepted cannot differ.
func readDescription(openAPI []byte) (description, error) {
	var api struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name, In string }
		}
	}
	if err := json.Unmarshal(openAPI, &api); err != nil {
		return nil, fmt.Errorf("read the description of the API: %w", err)
	}
	d := description{}
	for path, methods := range api.Paths {
		for method, says := range methods {
			key := strings.ToUpper(method) + " " + path
			d[key] = []string{}
			for _, parameter := range says.Parameters {
				if parameter.In == "query" {
					d[key] = append(d[key], parameter.Name)
				}
			}
			slices.Sort(d[key])
		}
	}
	return d, nil
}

// methods are those that the API has on a path of a request.
func (d description) methods(escaped string) (list []string) {
	for key := range d {
		method, template, _ := strings.Cut(key, " ")
		if matches(template, escaped) {
			list = append(list, method)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// matches reports whether a path is one of a template's: segments in braces are
// any, with the verb behind them where there is one.
func matches(template, path string) bool {
	wanted, given := strings.Split(template, "/"), strings.Split(path, "/")
	if len(wanted) != len(given) {
		return false
	}
	for i, segment := range wanted {
		_, verb, variable := strings.Cut(segment, "}")
		if !variable && segment != given[i] || variable && (!strings.HasSuffix(given[i], verb) || len(given[i]) == len(verb)) {
			return false
		}
	}
	return true
}

// strict refuses query parameters that the mux would pass over: unknown ones,
// other spellings, and those that the path gives.
//
// It is no runtime.QueryParameterParser: setting one sets it for all gateways of
// the process.
func (d description) strict(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, pathParams map[string]string) {
		if err := d.check(r); err != nil {
			writeError(r.Context(), nil, nil, w, r, err)
			return
		}
		next(w, r, pathParams)
	}
}

func (d description) check(r *http.Request) error {
	pattern, ok := runtime.HTTPPattern(r.Context())
	if !ok {
		return status.Error(codes.Internal, "a request without a pattern")
	}
	known, ok := d[r.Method+" "+strings.ReplaceAll(pattern.String(), "=*}", "}")]
	if !ok {
		return status.Errorf(codes.Internal, "%s is not in the description of the API", pattern)
	}
	for name, values := range r.URL.Query() {
		switch {
		case len(known) == 0:
			return badParameter(name, "there are no parameters here")
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
