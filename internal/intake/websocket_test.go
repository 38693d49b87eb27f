package intake_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/feishu/longconn"
	"github.com/orgmirror/orgmirror/internal/intake"
)

// dataFrame is a frame with an event; see pbbp2.proto in longconn.
func dataFrame(id string, payload []byte) []byte {
	var b []byte
	for field, v := range []uint64{1: 1, 2: 2, 3: 33, 4: 1} {
		if field > 0 {
			b = protowire.AppendVarint(protowire.AppendTag(b, protowire.Number(field), protowire.VarintType), v)
		}
	}
	for _, h := range [][2]string{{"type", "event"}, {"message_id", id}, {"sum", "1"}, {"seq", "0"}} {
		var pair []byte
		pair = protowire.AppendString(protowire.AppendTag(pair, 1, protowire.BytesType), h[0])
		pair = protowire.AppendString(protowire.AppendTag(pair, 2, protowire.BytesType), h[1])
		b = protowire.AppendBytes(protowire.AppendTag(b, 5, protowire.BytesType), pair)
	}
	return protowire.AppendBytes(protowire.AppendTag(b, 8, protowire.BytesType), payload)
}

// line is Feishu's end of a long connection.
type line struct {
	conns   chan *websocket.Conn
	refusal atomic.Pointer[string] // what the endpoint answers instead
}

func newLine(t *testing.T) (*line, string) {
	t.Helper()
	l := &line{conns: make(chan *websocket.Conn, 10)}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	mux.HandleFunc("POST /callback/ws/endpoint", func(w http.ResponseWriter, _ *http.Request) {
		if answer := l.refusal.Load(); answer != nil {
			fmt.Fprint(w, *answer)
		} else {
			fmt.Fprintf(w, `{"code":0,"data":{"URL":"ws%s/ws?service_id=33","ClientConfig":{"ReconnectCount":-1,"ReconnectInterval":1,"ReconnectNonce":0,"PingInterval":60}}}`,
				strings.TrimPrefix(server.URL, "http"))
		}
	})
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		var upgrader websocket.Upgrader
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		l.conns <- conn
	})
	return l, server.URL
}

// push sends an event and returns the code of its acknowledgement.
func push(t *testing.T, conn *websocket.Conn, id string, payload []byte) string {
	t.Helper()
	if err := conn.WriteMessage(websocket.BinaryMessage, dataFrame(id, payload)); err != nil {
		t.Fatal(err)
	}
	return ack(t, conn, id)
}

func ack(t *testing.T, conn *websocket.Conn, id string) string {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for {
		_, message, err := conn.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(message, []byte(id)) {
			continue // a ping
		}
		_, code, _ := strings.Cut(string(message), `{"code":`)
		code, _, _ = strings.Cut(code, ",")
		return code
	}
}

func (l *line) next(t *testing.T) *websocket.Conn {
	t.Helper()
	select {
	case conn := <-l.conns:
		t.Cleanup(func() { conn.Close() })
		return conn
	case <-time.After(time.Minute):
		t.Fatal("nobody connects")
		return nil
	}
}

// receive runs a long connection until the function returned is called.
func (k kit) receive(t *testing.T, url string) (w *intake.Websocket, stop func()) {
	t.Helper()
	return k.receiveAs(t, intake.WebsocketConfig{BaseURL: url, AppID: appID, AppSecret: "s3cret"})
}

func (k kit) receiveAs(t *testing.T, cfg intake.WebsocketConfig) (w *intake.Websocket, stop func()) {
	t.Helper()
	quick := longconn.Pauses{First: time.Millisecond, Most: 10 * time.Millisecond}
	cfg.Registerer, cfg.Retry, cfg.Refused = k.metrics, quick, quick
	w, err := k.in.Websocket(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return w, stop
}

func TestWebsocketStoresBeforeItAcknowledges(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(o *eventlog.Options, _ *intake.Config, _ *intake.WebhookConfig) { o.QueueSize = 1 })
	l, url := newLine(t)
	w, stop := k.receive(t, url)
	conn := l.next(t)
	for _, c := range []struct{ name, code string }{
		{"user_created", "200"},
		{"user_created", "200"},
		{"token_empty", "200"},
		{"unknown_type", "200"},
		{"scope_updated", "200"},
		{"legacy_user_add", "200"},
		{"app_ticket", "200"},
		{"no_event", "500"},
		{"encrypted", "500"},
		{"challenge", "500"},
	} {
		if code := push(t, conn, "m-"+c.name, sample(t, c.name)); code != c.code {
			t.Errorf("%s: ack %s, want %s", c.name, code, c.code)
		}
	}
	if code := push(t, conn, "m-nonsense", []byte("nonsense")); code != "500" {
		t.Errorf("nonsense: ack %s", code)
	}
	foreign := bytes.ReplaceAll(sample(t, "user_deleted"), []byte(tenantKey), []byte("another company"))
	if code := push(t, conn, "m-foreign", foreign); code != "500" {
		t.Errorf("another company's: ack %s", code)
	}

	if n := k.count(t, "orgmirror_intake_duplicate_total", "source", "websocket"); n != 1 {
		t.Errorf("%v duplicates counted, want 1", n)
	}

	// While the log cannot take it there is no good answer, and afterwards there is.
	release := holdHead(t, k)
	if code := push(t, conn, "m-later", sample(t, "department_created")); code != "500" {
		t.Errorf("while the log is held: ack %s", code)
	}
	release()
	if code := push(t, conn, "m-later", sample(t, "department_created")); code != "200" {
		t.Errorf("sent again: ack %s", code)
	}

	for _, c := range []struct {
		metric string
		labels []string
		want   float64
	}{
		{"orgmirror_intake_websocket_connected", nil, 1},
		{"orgmirror_intake_websocket_red", nil, 0},
		{"orgmirror_intake_websocket_connects_total", nil, 1},
		{"orgmirror_intake_websocket_refused_total", []string{"reason", "no_event"}, 3},
		{"orgmirror_intake_websocket_refused_total", []string{"reason", "not_json"}, 1},
		{"orgmirror_intake_websocket_refused_total", []string{"reason", "foreign_tenant"}, 1},
		{"orgmirror_intake_websocket_refused_total", []string{"reason", "database"}, 1},
		{"orgmirror_intake_events_total", []string{"source", "websocket", "event_type", "unknown"}, 1},
	} {
		if n := k.count(t, c.metric, c.labels...); n != c.want {
			t.Errorf("%s %v = %v, want %v", c.metric, c.labels, n, c.want)
		}
	}
	if age := k.count(t, "orgmirror_intake_websocket_last_frame_seconds"); age < 0 || age > 60 {
		t.Errorf("the last frame is %v s old", age)
	}
	if h := w.Health(); !h.Connected || h.Red || h.LastFrame.IsZero() || h.Problem != "" {
		t.Errorf("health %+v", h)
	}
	records := k.records(t)
	if len(records) != 6 {
		t.Fatalf("%d records, want 6", len(records))
	}
	for _, r := range records {
		if r.Source != directory.SourceWebsocket || bytes.Contains(r.Payload, []byte(`"token"`)) {
			t.Errorf("record from %s: %s", r.Source, r.Payload)
		}
	}
	stop()
	if h := w.Health(); h.Connected {
		t.Errorf("health after the stop %+v", h)
	}
}

// An event that both ways bring is one event.
func TestWebsocketAndWebhookAreOneLog(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	l, url := newLine(t)
	k.receive(t, url)
	if status, body := k.signed(t, sample(t, "user_created")); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	if code := push(t, l.next(t), "m", sample(t, "user_created")); code != "200" {
		t.Errorf("ack %s", code)
	}
	if n := len(k.records(t)); n != 1 {
		t.Errorf("%d records, want 1", n)
	}
}

// A refusal is seen, and ends by itself when Feishu has changed its mind.
func TestWebsocketTurnsRed(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	l, url := newLine(t)
	refusal := `{"code":1000040346,"msg":"app_id is invalid"}`
	l.refusal.Store(&refusal)
	w, _ := k.receive(t, url)
	until := func(what string, is func(intake.Health) bool) intake.Health {
		t.Helper()
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		deadline := time.After(time.Minute)
		for {
			if h := w.Health(); is(h) {
				return h
			}
			select {
			case <-ticker.C:
			case <-deadline:
				t.Fatalf("not %s: %+v", what, w.Health())
			}
		}
	}
	if h := until("red", func(h intake.Health) bool { return h.Red }); h.Connected || !strings.Contains(h.Problem, "app_id is invalid") {
		t.Errorf("health %+v", h)
	}
	if n := k.count(t, "orgmirror_intake_websocket_red"); n != 1 {
		t.Errorf("red = %v", n)
	}
	l.refusal.Store(nil)
	if h := until("connected", func(h intake.Health) bool { return h.Connected }); h.Red || h.Problem != "" {
		t.Errorf("health %+v", h)
	}
	if n := k.count(t, "orgmirror_intake_websocket_breaks_total"); n < 1 {
		t.Errorf("%v failures counted", n)
	}
	l.next(t)
}
