package sandbox_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	const path = "/contact/v3/scopes"
	setup := func(t *testing.T, f sandbox.Fault) *kit {
		t.Helper()
		k := start(t, sandbox.Config{People: 40})
		if err := k.AddFault(f); err != nil {
			t.Fatal(err)
		}
		return k
	}

	t.Run("a status by count, after some calls", func(t *testing.T) {
		t.Parallel()
		k := setup(t, sandbox.Fault{Endpoint: scopesName, Skip: 1, Count: 2, Status: http.StatusBadGateway})
		var got []int
		for range 5 {
			got = append(got, k.get(path).status)
		}
		if want := []int{200, 502, 502, 200, 200}; !slices.Equal(got, want) {
			t.Errorf("statuses %v, want %v", got, want)
		}
		if left := k.Faults(); len(left) != 0 {
			t.Errorf("used-up faults are still there: %v", left)
		}
	})
	t.Run("until cleared, on every endpoint but tokens", func(t *testing.T) {
		t.Parallel()
		k := setup(t, sandbox.Fault{Count: -1, Code: 40003, Msg: "internal error"})
		for range 3 {
			k.get(path).wantCode(t, 400, 40003)
			k.get("/contact/v3/departments/0").wantCode(t, 400, 40003)
		}
		k.newToken()
		k.ClearFaults()
		k.get(path).wantCode(t, 200, 0)
	})
	t.Run("a token endpoint by its name", func(t *testing.T) {
		t.Parallel()
		k := setup(t, sandbox.Fault{Endpoint: "POST /auth/v3/tenant_access_token/internal", Status: http.StatusServiceUnavailable})
		if r := k.send(http.MethodPost, tokenURL, "", k.credentials()); r.status != http.StatusServiceUnavailable {
			t.Errorf("HTTP %d", r.status)
		}
		k.newToken()
	})
	t.Run("only what matches", func(t *testing.T) {
		t.Parallel()
		k := setup(t, sandbox.Fault{Match: "page_size=7", Status: http.StatusInternalServerError})
		k.get(path, "page_size", "8").wantCode(t, 200, 0)
		k.get(path, "page_size", "7").wantCode(t, 500, 2200)
	})
	t.Run("an old frequency limit", func(t *testing.T) {
		t.Parallel()
		k := setup(t, sandbox.Fault{Status: http.StatusBadRequest, Code: 99991400})
		k.get(path).wantCode(t, 400, 99991400)
	})
	t.Run("a body and a content type of its own", func(t *testing.T) {
		t.Parallel()
		k := setup(t, sandbox.Fault{Status: http.StatusBadGateway, Body: "<html>", ContentType: "text/html"})
		if r := k.get(path); r.raw != "<html>" || r.header.Get("Content-Type") != "text/html" || r.status != http.StatusBadGateway {
			t.Errorf("HTTP %d %s %q", r.status, r.header.Get("Content-Type"), r.raw)
		}
		if s := k.Stats()[scopesName]; s.ByCode[-1] != 1 {
			t.Errorf("stats %+v", s)
		}
	})
	t.Run("a wrong content type on a good answer", func(t *testing.T) {
		t.Parallel()
		k := setup(t, sandbox.Fault{ContentType: "text/plain"})
		if r := k.get(path); r.header.Get("Content-Type") != "text/plain" || !strings.HasPrefix(r.raw, `{"code":0`) {
			t.Errorf("%s %q", r.header.Get("Content-Type"), r.raw)
		}
	})
	t.Run("an answer cut in the middle", func(t *testing.T) {
		t.Parallel()
		k := setup(t, sandbox.Fault{Cut: true})
		if _, err := k.trySend(http.MethodGet, "/open-apis"+path, "Bearer "+k.token, ""); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("reading a cut answer ends with %v", err)
		}
		k.get(path).wantCode(t, 200, 0)
	})
	t.Run("expired tokens", func(t *testing.T) {
		t.Parallel()
		k := setup(t, sandbox.Fault{ExpireTokens: true})
		k.get(path).wantCode(t, 400, 99991663)
		k.token = k.newToken()
		k.get(path).wantCode(t, 200, 0)
	})
	t.Run("refused page tokens", func(t *testing.T) {
		t.Parallel()
		k := setup(t, sandbox.Fault{Endpoint: usersName, RefusePageToken: true})
		first := k.get("/contact/v3/users/find_by_department", "department_id", "0")
		first.wantCode(t, 200, 0)
		token := *decodeAs[list](t, first.Data).PageToken
		k.get("/contact/v3/users/find_by_department", "department_id", "0", "page_token", token).wantCode(t, 400, 40012)
		k.get("/contact/v3/users/find_by_department", "department_id", "0", "page_token", token).wantCode(t, 200, 0)
	})
	t.Run("a delay, which ends when the caller goes", func(t *testing.T) {
		t.Parallel()
		k := setup(t, sandbox.Fault{DelayMS: 3_600_000})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.URL()+"/open-apis"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.client.Do(req); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a delayed call ends with %v", err)
		}
	})
	t.Run("a short delay before a good answer", func(t *testing.T) {
		t.Parallel()
		k := setup(t, sandbox.Fault{DelayMS: 30, Headers: map[string]string{"X-Slow": "yes"}})
		before := time.Now()
		r := k.get(path)
		r.wantCode(t, 200, 0)
		if took := time.Since(before); took < 30*time.Millisecond || r.header.Get("X-Slow") != "yes" {
			t.Errorf("answered after %v with %v", took, r.header)
		}
	})
}

func TestFaultOfAnUnknownEndpoint(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	if err := k.AddFault(sandbox.Fault{Endpoint: "GET /contact/v3/user"}); !errors.Is(err, sandbox.ErrUnknown) {
		t.Errorf("a misspelt endpoint: %v", err)
	}
}

// Close does not wait for a delayed answer.
func TestCloseDuringADelay(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 100) // the service reads its clock when a call comes in
	k := start(t, sandbox.Config{Clock: func() time.Time {
		arrived <- struct{}{}
		return time.Now()
	}})
	for len(arrived) > 0 {
		<-arrived
	}
	if err := k.AddFault(sandbox.Fault{DelayMS: 3_600_000}); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := k.trySend(http.MethodGet, "/open-apis/contact/v3/scopes", "Bearer "+k.token, "")
		done <- err
	}()
	<-arrived
	if err := k.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := <-done; err == nil {
		t.Error("a delayed call was answered after Close")
	}
}

func TestStartOnATakenPort(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	taken := strings.TrimPrefix(k.URL(), "http://")
	for _, cfg := range []sandbox.Config{{Listen: taken}, {ControlListen: taken}, {People: -1}} {
		if s, err := sandbox.Start(t.Context(), cfg); err == nil {
			t.Errorf("start with %+v succeeds", cfg)
			_ = s.Close()
		}
	}
}

func TestContextEndsTheServer(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s, err := sandbox.Start(ctx, sandbox.Config{})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if resp, err := http.Get(s.URL()); err == nil {
		resp.Body.Close()
		t.Error("the server answers after its context has ended")
	}
}
