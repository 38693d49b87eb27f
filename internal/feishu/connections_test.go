package feishu_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/feishu"
)

func TestConnections(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]int{
		`{"online_instance_cnt":3}`:   3,
		`{"online_instance_cnt":"3"}`: 3,
		`{"online_instance_cnt":0}`:   0,
		`{}`:                          -1, // says nothing: not "nobody"
		`null`:                        -1,
		`{"online_instance_cnt":-1}`:  -1,
	} {
		t.Run(data, func(t *testing.T) {
			t.Parallel()
			mux := http.NewServeMux()
			mux.HandleFunc("POST /open-apis/auth/v3/tenant_access_token/internal", func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(`{"code":0,"msg":"ok","tenant_access_token":"t-1","expire":7200}`))
			})
			mux.HandleFunc("GET /open-apis/event/v1/connection", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
				_, _ = w.Write([]byte(`{"code":0,"msg":"","data":` + data + `}`))
			})
			server := httptest.NewServer(mux)
			t.Cleanup(server.Close)
			client, err := feishu.New(feishu.Config{BaseURL: server.URL, AppID: "a", AppSecret: "b", Retry: feishu.Retry{Attempts: 1}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(client.Close)
			if _, known := client.Skew(); known {
				t.Error("a skew is known before the first answer")
			}
			got, err := client.Connections(t.Context())
			switch {
			case want < 0 && !errors.Is(err, feishu.ErrUnavailable):
				t.Errorf("%d, error %v; want ErrUnavailable", got, err)
			case want >= 0 && (err != nil || got != want):
				t.Errorf("%d, error %v; want %d", got, err, want)
			}
		})
	}
}
