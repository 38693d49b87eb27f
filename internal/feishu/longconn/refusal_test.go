package longconn

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// What Feishu asks for is done within reason: no interval of zero, none of days.
func TestManners(t *testing.T) {
	t.Parallel()
	c, err := New(Config{BaseURL: "https://open.feishu.cn", AppID: "a", AppSecret: "b", Handle: ignore})
	if err != nil {
		t.Fatal(err)
	}
	for _, asked := range []clientConfig{{}, {PingInterval: -1, ReconnectInterval: -1, ReconnectNonce: -1}, {PingInterval: 1 << 62, ReconnectInterval: 1 << 62, ReconnectNonce: 1 << 62}} {
		c.behave(asked)
		interval, nonce := c.manners()
		if p := c.pingInterval(); p < time.Second || p > maxPing || interval < time.Second || interval > defaultInterval || nonce < 0 || nonce > defaultNonce {
			t.Errorf("%+v: ping %s, interval %s, nonce %s", asked, p, interval, nonce)
		}
	}
}

// A refusal turns the status red, is tried again, and is over once there is a
// connection.
func TestRefusals(t *testing.T) {
	t.Parallel()
	answer := func(status int, body string) func(*feishu) {
		return func(f *feishu) { f.endpoint = func(string) (int, string) { return status, body } }
	}
	shake := func(h map[string]string) func(*feishu) {
		return func(f *feishu) {
			f.handshake = http.Header{}
			for k, v := range h {
				f.handshake.Set(k, v)
			}
		}
	}
	cases := []struct {
		name string
		set  func(*feishu)
		want State
		says string
	}{
		{"app id is invalid", answer(200, `{"code":1000040346,"msg":"app_id is invalid"}`), Refused, "app_id is invalid"},
		{"too many connections", answer(200, `{"code":1000040350,"msg":"the number of connections exceeded the limit"}`), Refused, "1000040350"},
		{"busy for good", answer(200, `{"code":1000040345,"msg":"system busy"}`), Refused, "system busy"},
		{"busy", answer(200, `{"code":1,"msg":"system busy"}`), Connecting, "system busy"},
		{"internal error", answer(200, `{"code":1000040343,"msg":"internal"}`), Connecting, "internal"},
		{"no address", answer(200, `{"code":0}`), Connecting, "no address"},
		{"an address of another sort", answer(200, `{"code":0,"data":{"URL":"https://x/?ticket=secret-ticket"}}`), Connecting, "no WebSocket address"},
		{"no URL at all", answer(200, `{"code":0,"data":{"URL":"ws://[secret-ticket"}}`), Connecting, "no WebSocket address"},
		{"a gateway's page", answer(200, `<html>`), Connecting, "not JSON"},
		{"bad gateway", answer(502, `{"msg":"later"}`), Connecting, "502"},
		{"misconfigured", answer(400, `{"code":9,"msg":"later"}`), Connecting, "400"},
		{"handshake: too many connections", shake(map[string]string{"Handshake-Status": "514", "Handshake-Autherrcode": "1000040350", "Handshake-Msg": "exceeded"}), Refused, "exceeded"},
		{"handshake: banned", shake(map[string]string{"Handshake-Status": "403", "Handshake-Msg": "banned"}), Refused, "banned"},
		{"handshake: later", shake(map[string]string{"Handshake-Status": "514", "Handshake-Autherrcode": "1", "Handshake-Msg": "later"}), Connecting, "later"},
		{"handshake: nothing said", shake(nil), Connecting, "400"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFeishu(t)
			c.set(f)
			client := f.run(ignore)
			s := client.until(t, "three attempts", func(s Status) bool { return s.Breaks >= 3 })
			if s.State != c.want || s.Err == nil || !strings.Contains(s.Err.Error(), c.says) || errors.Is(s.Err, ErrRefused) != (c.want == Refused) {
				t.Errorf("state %s (%v), want %s and %q", s.State, s.Err, c.want, c.says)
			}
			if strings.Contains(s.Err.Error(), "secret") || strings.Contains(s.Err.Error(), "s3cret") {
				t.Errorf("the error shows a secret: %v", s.Err)
			}
			f.set(func(f *feishu) { f.endpoint, f.handshake = nil, nil })
			f.next()
			client.until(t, "a connection", func(s Status) bool { return s.State == Connected && s.Err == nil })
		})
	}
}

// Once refused, a failing network does not make it look better.
func TestRefusedStaysRed(t *testing.T) {
	t.Parallel()
	f := newFeishu(t)
	f.set(func(f *feishu) {
		f.endpoint = func(string) (int, string) {
			if f.asked == 1 {
				return 200, `{"code":1000040346,"msg":"app_id is invalid"}`
			}
			return 502, ""
		}
	})
	client := f.run(ignore)
	if s := client.until(t, "attempts", func(s Status) bool { return s.Breaks >= 3 }); s.State != Refused {
		t.Errorf("status %+v", s)
	}
}

// A connection that is taken and closed at once is not made in a tight loop.
func TestClosedAtOnceIsAFailure(t *testing.T) {
	t.Parallel()
	f := newFeishu(t)
	client := f.run(ignore, func(c *Config) { c.Retry = Pauses{First: time.Hour, Most: time.Hour} })
	f.next().conn.Close() // the first loss: by chance, here at once
	f.next().conn.Close()
	client.until(t, "the second loss", func(s Status) bool { return s.Breaks == 2 })
	interval, _ := client.manners()
	select { // the pause is the interval that Feishu asks for, as it is the shorter one
	case <-f.conns:
		if interval < time.Second {
			t.Error("a third connection at once")
		}
	case <-time.After(patience):
		t.Error("no third connection")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.asked != 3 {
		t.Errorf("the endpoint was asked %d times, want 3", f.asked)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	good := Config{BaseURL: "https://open.feishu.cn", AppID: "a", AppSecret: "b", Handle: ignore}
	for name, change := range map[string]func(*Config){
		"no base URL": func(c *Config) { c.BaseURL = "" },
		"no scheme":   func(c *Config) { c.BaseURL = "open.feishu.cn" },
		"no app":      func(c *Config) { c.AppID = "" },
		"no secret":   func(c *Config) { c.AppSecret = "" },
		"no handler":  func(c *Config) { c.Handle = nil },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
}

// An encrypted base URL is not answered with an endpoint in clear.
func TestEndpointInClearIsRefused(t *testing.T) {
	t.Parallel()
	f := newFeishu(t)
	tls := httptest.NewTLSServer(http.HandlerFunc(f.answerEndpoint))
	defer tls.Close()
	c, err := New(Config{BaseURL: tls.URL, AppID: "cli_1", AppSecret: "s3cret", Handle: ignore})
	if err != nil {
		t.Fatal(err)
	}
	c.http = tls.Client()
	if _, err := c.discover(t.Context()); err == nil || !strings.Contains(err.Error(), "not encrypted") {
		t.Errorf("error %v", err)
	}
}
