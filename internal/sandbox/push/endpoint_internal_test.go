package push

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"
)

func TestDiscovery(t *testing.T) {
	t.Parallel()
	r := newRig(t, Settings{}, Behaviour{})
	for _, c := range []struct {
		app, secret  string
		status, code int
	}{
		{testApp, "sec", 200, 0},
		{testApp, "wrong", 200, codeAppInvalid},
		{"cli_x", "sec", 200, codeAppInvalid},
		{storeApp, "sec", 400, codeStoreApp},
	} {
		status, code, address, config := r.discover(t, c.app, c.secret)
		if status != c.status || code != c.code || (address != "") != (code == 0) {
			t.Errorf("%s %s: status %d, code %d, address %q", c.app, c.secret, status, code, address)
		}
		if code != 0 {
			continue
		}
		if diff := cmp.Diff(&ClientConfig{-1, 120, 30, 120}, config); diff != "" {
			t.Errorf("config mismatch (-want +got)\n%s", diff)
		}
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "ws" || u.Query().Get("device_id") == "" || u.Query().Get("service_id") != fmt.Sprint(service) {
			t.Errorf("address %s: %v", address, err)
		}
	}
	resp, err := http.Post(r.url+EndpointPath, "application/json", strings.NewReader("{"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a body that is no JSON gets status %d", resp.StatusCode)
	}
	resp, err = http.Get(r.url + EndpointPath)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET gets status %d", resp.StatusCode)
	}
}

func TestFaultsOfDiscoveryAndHandshake(t *testing.T) {
	t.Parallel()
	r := newRig(t, Settings{}, Behaviour{})
	for _, f := range []EndpointFault{{Code: codeBusy}, {Code: codeInternal, Msg: "x"}, {Code: 1000040351}, {Code: codeConnections, Status: 503}} {
		r.fault(Fault{AppID: testApp, Endpoint: &f})
		status, code, _, _ := r.discover(t, testApp, "sec")
		if want := max(200, f.Status); status != want || code != f.Code {
			t.Errorf("%+v: status %d, code %d", f, status, code)
		}
	}
	r.fault(Fault{Handshake: &HandshakeFault{Status: 403, Msg: "banned"}})
	r.fault(Fault{Handshake: &HandshakeFault{Status: 514, AuthErrCode: 7}})
	for _, want := range []string{"403 banned ", "514  7"} {
		_, _, address, _ := r.discover(t, testApp, "sec")
		if got := handshake(t, address); got != want {
			t.Errorf("refused with %q, want %q", got, want)
		}
	}
	_, _, address, _ := r.discover(t, testApp, "sec")
	if got := handshake(t, address); got != "" {
		t.Errorf("a good handshake is refused with %q", got)
	}
	if got := handshake(t, address); !strings.HasPrefix(got, "514 ") || !strings.HasSuffix(got, " ") {
		t.Errorf("a ticket that was used is refused with %q", got)
	}
}

// handshake opens a connection and closes it, or says what the refusal says.
func handshake(t *testing.T, address string) string {
	t.Helper()
	socket, resp, err := websocket.DefaultDialer.DialContext(t.Context(), address, nil)
	if errors.Is(err, websocket.ErrBadHandshake) {
		defer resp.Body.Close()
		if resp.StatusCode/100 != 4 {
			t.Errorf("refused with HTTP %d", resp.StatusCode)
		}
		return resp.Header.Get("Handshake-Status") + " " + resp.Header.Get("Handshake-Msg") + " " + resp.Header.Get("Handshake-Autherrcode")
	}
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	_ = socket.Close()
	return ""
}

func TestConnectionsAreLimited(t *testing.T) {
	t.Parallel()
	r := newRig(t, Settings{}, Behaviour{})
	for range usualClients {
		r.connect(t, fine)
	}
	r.present(50)
	_, _, address, _ := r.discover(t, testApp, "sec")
	if got := handshake(t, address); got != "514 the number of connections exceeded the limit 1000040350" {
		t.Errorf("the 51st is refused with %q", got)
	}
	r.Change(func(_ *Settings, b *Behaviour) { b.Connections = 51 })
	r.connect(t, fine)
	r.present(51)
}
