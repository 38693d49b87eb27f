package push

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The paths of long connections, on the port of the contact service.
const (
	EndpointPath = "/callback/ws/endpoint"
	SocketPath   = "/ws/v2"
)

// Codes of the endpoint discovery, as they have been seen.
const (
	codeOK          = 0
	codeBusy        = 1
	codeInternal    = 1000040343
	codeStoreApp    = 1000040345
	codeAppInvalid  = 1000040346
	codeConnections = 1000040350
)

// Refusals of a handshake.
const (
	handshakeAuthFailed = 514
	handshakeForbidden  = 403
)

// service is the service_id of every connection.
const service = 33552564

// ticket lets a client open one long connection.
type ticket struct {
	app     string
	device  string
	expires time.Time
}

// ticketLife is how long a client may take to open the connection that it asked
// for.
const ticketLife = time.Minute

// ServeEndpoint answers a client that asks where to open a long connection. No
// content type is asked for: elder SDKs send none.
func (h *Hub) ServeEndpoint(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		http.Error(w, "405 method not allowed", http.StatusMethodNotAllowed)
		return
	}
	var body struct{ AppID, AppSecret string }
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer))
	if err == nil {
		err = json.Unmarshal(raw, &body)
	}
	if err != nil {
		answerEndpoint(w, EndpointFault{Status: http.StatusBadRequest, Code: http.StatusBadRequest, Msg: "the body must be JSON with AppID and AppSecret"}, nil)
		return
	}
	if f := h.faults.endpoint(body.AppID); f != nil {
		answerEndpoint(w, *f, nil)
		return
	}
	app, known := h.cfg.App(body.AppID)
	switch {
	case !known || app.Secret != body.AppSecret:
		answerEndpoint(w, EndpointFault{Code: codeAppInvalid, Msg: "app_id or app_secret is invalid"}, nil)
		return
	case app.Store:
		answerEndpoint(w, EndpointFault{Status: http.StatusBadRequest, Code: codeStoreApp, Msg: "apps of the marketplace have no long connections"}, nil)
		return
	}
	settings := h.Settings()
	answerEndpoint(w, EndpointFault{}, map[string]any{"URL": h.issueTicket(body.AppID, r.Host), "ClientConfig": settings.ClientConfig()})
}

func answerEndpoint(w http.ResponseWriter, f EndpointFault, data any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(cmp.Or(f.Status, http.StatusOK))
	answer := map[string]any{"code": f.Code, "msg": cmp.Or(f.Msg, endpointMessages[f.Code])}
	if data != nil {
		answer["data"] = data
	}
	_, _ = w.Write(marshal(answer)) // the client may have gone
}

// endpointMessages are the texts that go with codes.
var endpointMessages = map[int]string{
	codeOK: "", codeBusy: "system busy", codeInternal: "internal error", codeStoreApp: "system busy",
	codeAppInvalid: "app_id is invalid", codeConnections: "the number of connections exceeded the limit",
}

// issueTicket makes the address for one long connection.
func (h *Hub) issueTicket(app, host string) string {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	for key, t := range h.tickets {
		if now.After(t.expires) {
			delete(h.tickets, key)
		}
	}
	key := strings.ToLower(rand.Text())
	t := ticket{app: app, device: strconv.FormatInt(now.UnixNano(), 10), expires: now.Add(ticketLife)}
	h.tickets[key] = t
	query := url.Values{
		"device_id": {t.device}, "service_id": {strconv.Itoa(service)}, "ticket": {key},
		"fpid": {"493"}, "aid": {"552564"}, "access_key": {strings.ToLower(rand.Text())},
	}
	address := url.URL{Scheme: "ws", Host: host, Path: SocketPath, RawQuery: query.Encode()}
	return address.String()
}

// useTicket takes a ticket in.
func (h *Hub) useTicket(key string) (ticket, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t, ok := h.tickets[key]
	delete(h.tickets, key)
	return t, ok && time.Now().Before(t.expires)
}

// refuseHandshake answers an upgrade with what a client reads from the headers.
func refuseHandshake(w http.ResponseWriter, f HandshakeFault) {
	header := w.Header()
	header.Set("Handshake-Status", strconv.Itoa(f.Status))
	header.Set("Handshake-Msg", f.Msg)
	if f.AuthErrCode != 0 {
		header.Set("Handshake-Autherrcode", strconv.Itoa(f.AuthErrCode))
	}
	status := http.StatusBadRequest
	if f.Status == handshakeForbidden {
		status = http.StatusForbidden
	}
	http.Error(w, fmt.Sprintf("handshake refused: %d", f.Status), status)
}
