package gateway_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestErrors(t *testing.T) {
	t.Parallel()
	notFound, err := status.New(codes.NotFound, "no user has this open_id").WithDetails(&errdetails.ErrorInfo{
		Reason: "USER_NOT_FOUND", Domain: "orgmirror", Metadata: map[string]string{"user_id_type": "open_id"},
	})
	if err != nil {
		t.Fatal(err)
	}

	t.Run("of the service keep their details", func(t *testing.T) {
		t.Parallel()
		got := ask(t, notFound.Err(), http.MethodGet, "/v1/users/x", nil)
		if got.status != http.StatusNotFound || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("%d, %v", got.status, got.header)
		}
		sameJSON(t, got.body, `{"error": {"code": 404, "status": "NOT_FOUND", "message": "no user has this open_id", "details": [
			{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "USER_NOT_FOUND", "domain": "orgmirror", "metadata": {"user_id_type": "open_id"}}]}}`)
	})

	for code, want := range map[codes.Code]int{
		codes.InvalidArgument: 400, codes.Unauthenticated: 401, codes.PermissionDenied: 403, codes.NotFound: 404,
		codes.Internal: 500, codes.Unavailable: 503, codes.DeadlineExceeded: 504,
	} {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			got := ask(t, status.Error(code, "no"), http.MethodGet, "/v1/users/x", nil)
			if got.status != want {
				t.Errorf("HTTP %d, want %d", got.status, want)
			}
			if challenge := got.header.Get("WWW-Authenticate"); (challenge != "") != (code == codes.Unauthenticated) {
				t.Errorf("WWW-Authenticate = %q", challenge)
			}
			wantReason(t, got.body, "")
		})
	}

	for target, want := range map[string]struct {
		status int
		reason string
	}{
		"/v1/users/x?user_id_tpye=union_id":         {400, "ARGUMENT_INVALID"},
		"/v1/users/x?user=y":                        {400, "ARGUMENT_INVALID"}, // given by the path
		"/v1/users/x?userIdType=union_id":           {400, "ARGUMENT_INVALID"}, // one name for each
		"/v1/users/x?user_id_type=a&user_id_type=b": {400, "ARGUMENT_INVALID"},
		"/v1/users:search?page_size=many":           {400, "ARGUMENT_INVALID"},
		"/v1/users:search?page_size=99999999999":    {400, "ARGUMENT_INVALID"},
		"/v1/users:search?show_removed=perhaps":     {400, "ARGUMENT_INVALID"},
		"/v1/users/x?read_mask.paths=name":          {400, "ARGUMENT_INVALID"},
		"/v1/users/%ff":                             {400, "ARGUMENT_INVALID"},
		"/v1/users:search?query=%ff":                {400, "ARGUMENT_INVALID"},
		"/v1/users:search?%ff=a":                    {400, "ARGUMENT_INVALID"},
		"/v1/sync/status?x=1":                       {400, "ARGUMENT_INVALID"},
		"/v1/nothing":                               {404, "RESOURCE_UNKNOWN"},
		"/v1/departments/0/uncles":                  {404, "RESOURCE_UNKNOWN"},
		"/nothing":                                  {404, "RESOURCE_UNKNOWN"},
		"/":                                         {404, "RESOURCE_UNKNOWN"},
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			got := ask(t, nil, http.MethodGet, target, nil)
			if got.status != want.status || len(got.asked) != 0 {
				t.Errorf("%d %s, asked %d times, want %d", got.status, got.body, len(got.asked), want.status)
			}
			wantReason(t, got.body, want.reason)
		})
	}

	t.Run("POST is not allowed", func(t *testing.T) {
		t.Parallel()
		got := ask(t, nil, http.MethodPost, "/v1/users/x", http.Header{
			"Content-Type": {"application/x-www-form-urlencoded"}, "X-Http-Method-Override": {"GET"},
		})
		if got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != "GET" {
			t.Errorf("%d, Allow %q", got.status, got.header.Get("Allow"))
		}
		wantReason(t, got.body, "METHOD_NOT_ALLOWED")
	})
}

// wantReason checks that an error has the promised form and one ErrorInfo.
func wantReason(t *testing.T, body, reason string) {
	t.Helper()
	var e struct {
		Error struct {
			Code            int
			Status, Message string
			Details         []map[string]any
		}
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	var infos []map[string]any
	for _, d := range e.Error.Details {
		if d["@type"] == "type.googleapis.com/google.rpc.ErrorInfo" {
			infos = append(infos, d)
		}
	}
	if e.Error.Code == 0 || e.Error.Status == "" || e.Error.Message == "" || len(infos) != 1 || infos[0]["domain"] != "orgmirror" || infos[0]["reason"] == "" {
		t.Errorf("error without its parts: %s", body)
	} else if reason != "" && infos[0]["reason"] != reason {
		t.Errorf("reason = %v, want %s", infos[0]["reason"], reason)
	}
}
