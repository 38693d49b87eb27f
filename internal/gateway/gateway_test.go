package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/orgmirror/orgmirror/internal/gateway"
	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// directory answers what the test wants and keeps what it was asked. The real
// service is behind the gateway in the tests of cmd.
type directory struct {
	pb.UnimplementedDirectoryServiceServer
	pb.UnimplementedSyncServiceServer

	asked func(ctx context.Context, req proto.Message)
	err   error
}

func (d *directory) GetUser(ctx context.Context, req *pb.GetUserRequest) (*pb.GetUserResponse, error) {
	d.asked(ctx, req)
	if d.err != nil {
		return nil, d.err
	}
	return &pb.GetUserResponse{
		User: &pb.User{
			OpenId: "ou_1", Name: proto.String("安娜"), Nickname: proto.String(""), EmployeeType: proto.Int32(0), MobileVisible: proto.Bool(false),
			Orders: []*pb.UserOrder{{DepartmentId: "od-1", UserOrder: proto.Int64(9007199254740993)}},
		},
		Position: proto.Int64(0), Staleness: durationpb.New(0),
	}, nil
}

func (d *directory) BatchGetUsers(ctx context.Context, req *pb.BatchGetUsersRequest) (*pb.BatchGetUsersResponse, error) {
	d.asked(ctx, req)
	return &pb.BatchGetUsersResponse{Results: []*pb.UserResult{{Id: "a", User: &pb.User{OpenId: "a"}}, {Id: "b", Missing: true}}}, nil
}

func (d *directory) SearchUsers(ctx context.Context, req *pb.SearchUsersRequest) (*pb.SearchUsersResponse, error) {
	d.asked(ctx, req)
	return &pb.SearchUsersResponse{}, nil
}

func (d *directory) GetDepartment(ctx context.Context, req *pb.GetDepartmentRequest) (*pb.GetDepartmentResponse, error) {
	d.asked(ctx, req)
	return &pb.GetDepartmentResponse{}, nil
}

func (d *directory) ListDepartmentChildren(ctx context.Context, req *pb.ListDepartmentChildrenRequest) (*pb.ListDepartmentChildrenResponse, error) {
	d.asked(ctx, req)
	return &pb.ListDepartmentChildrenResponse{}, nil
}

func (d *directory) ListDepartmentAncestors(ctx context.Context, req *pb.ListDepartmentAncestorsRequest) (*pb.ListDepartmentAncestorsResponse, error) {
	d.asked(ctx, req)
	return &pb.ListDepartmentAncestorsResponse{}, nil
}

func (d *directory) ListDepartmentUsers(ctx context.Context, req *pb.ListDepartmentUsersRequest) (*pb.ListDepartmentUsersResponse, error) {
	d.asked(ctx, req)
	return &pb.ListDepartmentUsersResponse{}, nil
}

func (d *directory) GetSyncStatus(ctx context.Context, req *pb.GetSyncStatusRequest) (*pb.GetSyncStatusResponse, error) {
	d.asked(ctx, req)
	return &pb.GetSyncStatusResponse{State: "complete"}, nil
}

// answer is what came over HTTP.
type answer struct {
	status int
	header http.Header
	body   string
	asked  []proto.Message       // what reached the service
	with   []map[string][]string // and its metadata
}

// ask sends one request through a gateway to a service that answers with err.
func ask(t *testing.T, serviceErr error, method, target string, header http.Header) answer {
	t.Helper()
	return asking(t, serviceErr, func(web *httptest.Server) (*http.Request, error) {
		req, err := http.NewRequestWithContext(t.Context(), method, web.URL+target, nil)
		for name, values := range header {
			req.Header[name] = values
		}
		return req, err
	})
}

func asking(t *testing.T, serviceErr error, request func(*httptest.Server) (*http.Request, error)) answer {
	t.Helper()
	var a answer
	service := &directory{err: serviceErr, asked: func(ctx context.Context, req proto.Message) {
		md, _ := metadata.FromIncomingContext(ctx)
		a.asked, a.with = append(a.asked, proto.Clone(req)), append(a.with, md)
	}}
	server := grpc.NewServer()
	pb.RegisterDirectoryServiceServer(server, service)
	pb.RegisterSyncServiceServer(server, service)
	listener, conn, err := gateway.Loopback()
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() {
		conn.Close()
		server.Stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	}()
	handler, err := gateway.Handler(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(handler)
	defer web.Close()
	req, err := request(web)
	if err != nil {
		t.Fatal(err)
	}
	res, err := web.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a.status, a.header, a.body = res.StatusCode, res.Header, string(body)
	return a
}

// sameJSON compares without spaces, which protojson writes at random.
func sameJSON(t *testing.T, got, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("not JSON: %v: %s", err, got)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(w, g); d != "" {
		t.Errorf("JSON mismatch (-want +got):\n%s", d)
	}
}

func TestPathsAndParameters(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"/v1/users/ou_1": `orgmirror.v1.GetUserRequest user:"ou_1"`,
		"/v1/users/ou_1?user_id_type=union_id&department_id_type=department_id&read_mask=name,status.is_frozen&at_least_as_fresh=x": `orgmirror.v1.GetUserRequest user:"ou_1" user_id_type:"union_id" department_id_type:"department_id" read_mask:{paths:"name" paths:"status.is_frozen"} at_least_as_fresh:"x"`,
		"/v1/users/a%2Fb%3Ac%20d%25":               `orgmirror.v1.GetUserRequest user:"a/b:c d%"`,
		"/v1/users/a:b":                            `orgmirror.v1.GetUserRequest user:"a:b"`,
		"/v1/users/安":                              `orgmirror.v1.GetUserRequest user:"安"`,
		"/v1/users:batchGet?user_ids=a&user_ids=b": `orgmirror.v1.BatchGetUsersRequest user_ids:"a" user_ids:"b"`,
		"/v1/users:search?query=%E5%AE%89&page_size=7&page_token=t&show_removed=true": `orgmirror.v1.SearchUsersRequest query:"安" show_removed:true page_size:7 page_token:"t"`,
		"/v1/departments/0":                       `orgmirror.v1.GetDepartmentRequest department:"0"`,
		"/v1/departments/od-1/children":           `orgmirror.v1.ListDepartmentChildrenRequest department:"od-1"`,
		"/v1/departments/od-1/ancestors":          `orgmirror.v1.ListDepartmentAncestorsRequest department:"od-1"`,
		"/v1/departments/a%2Fb/users":             `orgmirror.v1.ListDepartmentUsersRequest department:"a/b"`,
		"/v1/departments/0/users?recursive=true":  `orgmirror.v1.ListDepartmentUsersRequest department:"0" recursive:true`,
		"/v1/sync/status":                         `orgmirror.v1.GetSyncStatusRequest `,
		"/v1/departments/od-1/users?page_size=-1": `orgmirror.v1.ListDepartmentUsersRequest department:"od-1" page_size:-1`,
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			got := ask(t, nil, http.MethodGet, target, nil)
			if got.status != http.StatusOK || len(got.asked) != 1 {
				t.Fatalf("%d %s, asked %d times", got.status, got.body, len(got.asked))
			}
			req := string(got.asked[0].ProtoReflect().Descriptor().FullName()) + " " + oneSpace(got.asked[0])
			if req != want {
				t.Errorf("asked %s\nwant  %s", req, want)
			}
		})
	}
}

// oneSpace is prototext without the second spaces that it adds at random.
func oneSpace(m proto.Message) string {
	return strings.Join(strings.Fields(prototext.MarshalOptions{}.Format(m)), " ")
}

func TestJSON(t *testing.T) {
	t.Parallel()

	t.Run("has Feishu's names, no unset fields, and 64-bit integers as strings", func(t *testing.T) {
		t.Parallel()
		got := ask(t, nil, http.MethodGet, "/v1/users/ou_1", nil)
		sameJSON(t, got.body, `{
			"user": {"open_id": "ou_1", "name": "安娜", "nickname": "", "employee_type": 0, "mobile_visible": false,
			         "orders": [{"department_id": "od-1", "user_order": "9007199254740993"}]},
			"position": "0", "staleness": "0s"}`)
		if got.header.Get("Content-Type") != "application/json" || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("header = %v", got.header)
		}
		for name := range got.header {
			if strings.HasPrefix(name, "Grpc-") {
				t.Errorf("header %s is nobody's business", name)
			}
		}
	})

	t.Run("of a batch keeps the order", func(t *testing.T) {
		t.Parallel()
		got := ask(t, nil, http.MethodGet, "/v1/users:batchGet?user_ids=a&user_ids=b", nil)
		sameJSON(t, got.body, `{"results": [{"id": "a", "user": {"open_id": "a"}}, {"id": "b", "missing": true}]}`)
	})
}

func TestCredentialsPassThrough(t *testing.T) {
	t.Parallel()
	got := ask(t, nil, http.MethodGet, "/v1/users/ou_1", http.Header{
		"Authorization":               {"Bearer reads:secret1"},
		"Grpc-Metadata-Authorization": {"Bearer sees:secret2"},
		"Grpc-Metadata-X":             {"y"},
	})
	if got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if auth := got.with[0]["authorization"]; !slices.Equal(auth, []string{"Bearer reads:secret1"}) {
		t.Errorf("authorization = %q, want that of the header Authorization only", auth)
	}
	if len(got.with[0]["x"]) > 0 {
		t.Errorf("metadata = %v: a header made its way in", got.with[0])
	}
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	got := ask(t, nil, http.MethodGet, "/openapi.json", nil)
	var api struct {
		Swagger string
		Paths   map[string]map[string]struct{ Parameters []struct{ Name string } }
	}
	if err := json.Unmarshal([]byte(got.body), &api); err != nil || got.status != http.StatusOK || api.Swagger != "2.0" {
		t.Fatalf("%d, %v: %.200s", got.status, err, got.body)
	}
	for _, path := range []string{
		"/v1/users/{user}", "/v1/users:batchGet", "/v1/users:search", "/v1/departments/{department}",
		"/v1/departments/{department}/children", "/v1/departments/{department}/ancestors", "/v1/departments/{department}/users", "/v1/sync/status",
	} {
		if _, ok := api.Paths[path]["get"]; !ok {
			t.Errorf("%s is not described", path)
		}
	}
	if !strings.Contains(got.body, `"user_id_type"`) || strings.Contains(got.body, `"userIdType"`) {
		t.Error("names are not those of the JSON")
	}
}

func TestOperations(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "orgmirror_test_total", Help: "A test."})
	registry.MustRegister(counter)
	down := errors.New("schema is at version 2, this program needs 3")
	var ready error
	handler := gateway.OperationsHandler(func(ctx context.Context) error {
		if _, ok := ctx.Deadline(); !ok {
			t.Error("the check may take for ever")
		}
		return ready
	}, registry)
	for _, test := range []struct {
		path   string
		ready  error
		status int
		body   string
	}{
		{"/livez", down, 200, "ok"},
		{"/readyz", nil, 200, "ok"},
		{"/readyz", down, 503, "needs 3"},
		{"/metrics", down, 200, "orgmirror_test_total 0"},
		{"/v1/users/x", nil, 404, ""},
	} {
		ready = test.ready
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, test.path, nil))
		if recorder.Code != test.status || !strings.Contains(recorder.Body.String(), test.body) {
			t.Errorf("%s = %d %q, want %d and %q", test.path, recorder.Code, recorder.Body, test.status, test.body)
		}
	}
}
