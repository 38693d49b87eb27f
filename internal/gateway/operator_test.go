package gateway_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

func (d *directory) StartSweep(ctx context.Context, req *pb.StartSweepRequest) (*pb.StartSweepResponse, error) {
	d.asked(ctx, req)
	return &pb.StartSweepResponse{SweepId: "s1", Resumed: proto.Bool(false)}, nil
}

func (d *directory) ListHeldRemovals(ctx context.Context, req *pb.ListHeldRemovalsRequest) (*pb.ListHeldRemovalsResponse, error) {
	d.asked(ctx, req)
	return &pb.ListHeldRemovalsResponse{}, nil
}

func (d *directory) ApproveRemovals(ctx context.Context, req *pb.ApproveRemovalsRequest) (*pb.ApproveRemovalsResponse, error) {
	d.asked(ctx, req)
	return &pb.ApproveRemovalsResponse{}, nil
}

func (d *directory) RejectRemovals(ctx context.Context, req *pb.RejectRemovalsRequest) (*pb.RejectRemovalsResponse, error) {
	d.asked(ctx, req)
	return &pb.RejectRemovalsResponse{}, nil
}

func TestOperatorsPaths(t *testing.T) {
	t.Parallel()
	const id = "3f9d7f3e-0000-4000-8000-000000000001"
	for name, test := range map[string]struct {
		method, target, body string
		status               int
		asked, reason, allow string
	}{
		"start":                      {"POST", "/v1/sync/sweeps", `{}`, 200, `orgmirror.v1.StartSweepRequest `, "", ""},
		"start without a body":       {"POST", "/v1/sync/sweeps", ``, 200, `orgmirror.v1.StartSweepRequest `, "", ""},
		"list":                       {"GET", "/v1/sync/removals?show_decided=true&page_size=3", "", 200, `orgmirror.v1.ListHeldRemovalsRequest show_decided:true page_size:3`, "", ""},
		"approve":                    {"POST", "/v1/sync/removals/" + id + ":approve", ``, 200, `orgmirror.v1.ApproveRemovalsRequest sweep_id:"` + id + `"`, "", ""},
		"reject":                     {"POST", "/v1/sync/removals/" + id + ":reject", `{}`, 200, `orgmirror.v1.RejectRemovalsRequest sweep_id:"` + id + `"`, "", ""},
		"an unknown field":           {"POST", "/v1/sync/sweeps", `{"now":true}`, 400, "", "ARGUMENT_INVALID", ""},
		"no JSON":                    {"POST", "/v1/sync/sweeps", `now`, 400, "", "ARGUMENT_INVALID", ""},
		"a parameter":                {"POST", "/v1/sync/sweeps?now=true", ``, 400, "", "ARGUMENT_INVALID", ""},
		"a parameter of the path's":  {"POST", "/v1/sync/removals/" + id + ":approve?sweep_id=x", ``, 400, "", "ARGUMENT_INVALID", ""},
		"start by GET":               {"GET", "/v1/sync/sweeps", ``, 405, "", "METHOD_NOT_ALLOWED", "POST"},
		"approve by GET":             {"GET", "/v1/sync/removals/" + id + ":approve", ``, 405, "", "METHOD_NOT_ALLOWED", "POST"},
		"approve by DELETE":          {"DELETE", "/v1/sync/removals/" + id + ":approve", ``, 405, "", "METHOD_NOT_ALLOWED", "POST"},
		"list by POST":               {"POST", "/v1/sync/removals", ``, 405, "", "METHOD_NOT_ALLOWED", "GET"},
		"a decision that is not one": {"POST", "/v1/sync/removals/" + id + ":forget", ``, 404, "", "RESOURCE_UNKNOWN", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := send(t, test.method, test.target, test.body, nil)
			asked := ""
			for _, req := range got.asked {
				asked += string(req.ProtoReflect().Descriptor().FullName()) + " " + oneSpace(req)
			}
			if got.status != test.status || asked != test.asked || got.header.Get("Allow") != test.allow {
				t.Errorf("%d %s, Allow %q, asked %s\nwant %d %s", got.status, got.body, got.header.Get("Allow"), asked, test.status, test.asked)
			}
			if test.reason != "" {
				wantReason(t, got.body, test.reason)
			}
		})
	}
}

// A browser remembers credentials, and would send them for a page of anybody's.
func TestPagesOfOtherSitesDoNothing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		header http.Header
		status int
	}{
		"a program":             {http.Header{}, 200},
		"a page of ours":        {http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {"http://mirror"}}, 200},
		"a page of another":     {http.Header{"Sec-Fetch-Site": {"cross-site"}, "Content-Type": {"text/plain"}}, 403},
		"one of an old browser": {http.Header{"Origin": {"https://elsewhere.example"}}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := send(t, http.MethodPost, "/v1/sync/sweeps", "{}", test.header)
			if got.status != test.status || (len(got.asked) == 1) != (test.status == 200) {
				t.Errorf("%d %s", got.status, got.body)
			}
			if test.status == 403 {
				wantReason(t, got.body, "ORIGIN_NOT_ALLOWED")
			}
		})
	}
	if got := ask(t, nil, http.MethodGet, "/v1/users/x", http.Header{"Sec-Fetch-Site": {"cross-site"}}); got.status != 200 {
		t.Errorf("a reading page of another site: %d", got.status)
	}
}

// send is ask with a body.
func send(t *testing.T, method, target, body string, header http.Header) answer {
	t.Helper()
	return asking(t, nil, func(web *httptest.Server) (*http.Request, error) {
		req, err := http.NewRequestWithContext(t.Context(), method, web.URL+target, strings.NewReader(body))
		for name, values := range header {
			req.Header[name] = values
		}
		return req, err
	})
}
