package probe_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/orgmirror/orgmirror/internal/crawl/probe"
)

func TestWebhook(t *testing.T) {
	t.Parallel()
	serve := func(allow string, status int) *httptest.Server {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || r.URL.Path != "/webhook/event" {
				t.Errorf("asked %s %s", r.Method, r.URL.Path)
			}
			w.Header().Set("Allow", allow)
			w.WriteHeader(status)
		}))
		t.Cleanup(server.Close)
		return server
	}
	closed := serve("", 200)
	closed.Close()
	_, port, _ := net.SplitHostPort(serve("POST", 405).Listener.Addr().String())
	for name, test := range map[string]struct {
		address string
		state   probe.State
		says    string
	}{
		"the service":      {serve("POST", 405).Listener.Addr().String(), probe.OK, "listens at"},
		"on all addresses": {"0.0.0.0:" + port, probe.OK, "http://127.0.0.1:" + port},
		"nobody":           {closed.Listener.Addr().String(), probe.Warn, "nobody listens"},
		"somebody else":    {serve("", 200).Listener.Addr().String(), probe.Warn, "200 OK"},
	} {
		f := probe.Webhook(t.Context(), test.address)
		if f.State != test.state || !strings.Contains(f.Says, test.says) || (f.State != probe.OK && f.Do == "") || f.Check != "webhook" {
			t.Errorf("%s: %+v", name, f)
		}
	}
}
