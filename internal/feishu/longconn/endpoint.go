package longconn

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/gorilla/websocket"
)

const (
	endpointPath     = "/callback/ws/endpoint"
	endpointTimeout  = 10 * time.Second
	handshakeTimeout = 15 * time.Second
	maxEndpoint      = 1 << 20 // of the answer, in bytes
)

// Feishu's codes, of the endpoint and of the handshake.
const (
	codeBusy            = 1
	codeInternal        = 1000040343
	codeTooManyConns    = 1000040350
	handshakeForbidden  = 403
	handshakeAuthFailed = 514
)

// ErrRefused says that Feishu does not want this connection: wrong credentials,
// no such app, too many connections. It is not for a machine to mend.
var ErrRefused = errors.New("feishu refuses the long connection")

// refusal is what Feishu said. A final one is ErrRefused.
type refusal struct {
	code  int
	msg   string
	final bool
}

// Error implements error.
func (r *refusal) Error() string {
	if r.final {
		return fmt.Sprintf("%v: code %d: %s", ErrRefused, r.code, r.msg)
	}
	return fmt.Sprintf("feishu puts the long connection off: code %d: %s", r.code, r.msg)
}

// Is implements the interface of errors.Is.
func (r *refusal) Is(target error) bool { return r.final && target == ErrRefused }

func newRefusal(code int, msg string, final bool) *refusal {
	const most = 200
	msg = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(msg, "?"))
	if len(msg) > most {
		msg = strings.ToValidUTF8(msg[:most], "") + "…"
	}
	return &refusal{code: code, msg: msg, final: final}
}

// clientConfig is how Feishu wants us to behave, in seconds.
type clientConfig struct {
	ReconnectCount    int
	ReconnectInterval int
	ReconnectNonce    int
	PingInterval      int
}

type endpoint struct {
	url     *url.URL
	service int32
}

// discover asks where to connect. The address holds a ticket: it appears in no
// error and no log.
func (c *Client) discover(ctx context.Context) (endpoint, error) {
	answer, err := c.askEndpoint(ctx)
	if err != nil {
		return endpoint{}, fmt.Errorf("ask for the endpoint of the long connection: %w", err)
	}
	if answer.Data.ClientConfig != nil {
		c.behave(*answer.Data.ClientConfig)
	}
	u, err := url.Parse(answer.Data.URL)
	switch {
	case err != nil, u.Host == "", u.Scheme != "ws" && u.Scheme != "wss":
		return endpoint{}, errors.New("the endpoint of the long connection is no WebSocket address")
	case u.Scheme == "ws" && strings.HasPrefix(c.cfg.BaseURL, "https:"):
		return endpoint{}, errors.New("the endpoint of the long connection is not encrypted, although the base URL is")
	}
	service, err := strconv.ParseInt(u.Query().Get("service_id"), 10, 32)
	if err != nil {
		service = 0 // it only goes into pings
	}
	return endpoint{url: u, service: int32(service)}, nil
}

type endpointAnswer struct {
	Code int    `json:"code"`
	Msg  string `json:"msg"`
	Data struct {
		URL          string        `json:"URL"`
		ClientConfig *clientConfig `json:"ClientConfig"`
	} `json:"data"`
}

func (c *Client) askEndpoint(ctx context.Context) (endpointAnswer, error) {
	body, err := json.Marshal(map[string]string{"AppID": c.cfg.AppID, "AppSecret": c.cfg.AppSecret})
	if err != nil {
		return endpointAnswer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.cfg.BaseURL+endpointPath, bytes.NewReader(body))
	if err != nil {
		return endpointAnswer{}, err
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("locale", "zh") // as the SDKs do
	resp, err := c.http.Do(req)
	if err != nil {
		return endpointAnswer{}, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxEndpoint))
	if err != nil {
		return endpointAnswer{}, err
	}
	var answer endpointAnswer
	err = json.Unmarshal(text, &answer)
	switch {
	case resp.StatusCode != http.StatusOK:
		return answer, newRefusal(resp.StatusCode, answer.Msg, false)
	case err != nil:
		return answer, errors.New("the answer is not JSON")
	case answer.Code == 0 && answer.Data.URL == "":
		return answer, errors.New("the answer holds no address")
	case answer.Code == 0:
		return answer, nil
	default:
		final := answer.Code != codeBusy && answer.Code != codeInternal
		return answer, newRefusal(answer.Code, answer.Msg, final)
	}
}

// dial opens the WebSocket.
func (c *Client) dial(ctx context.Context, e endpoint) (*websocket.Conn, error) {
	stop := func() bool { return true }
	defer func() { stop() }()
	dialer := websocket.Dialer{
		Proxy: http.ProxyFromEnvironment, HandshakeTimeout: handshakeTimeout,
		NetDialContext: func(dialing context.Context, network, address string) (net.Conn, error) {
			var d net.Dialer
			conn, err := d.DialContext(dialing, network, address)
			if err == nil { // the dialer heeds the end of a context only until here
				stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
			}
			return conn, err
		},
	}
	conn, resp, err := dialer.DialContext(ctx, e.url.String(), nil)
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close() // nothing in it is needed
	}
	if err == nil {
		return conn, nil
	}
	if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
		return nil, fmt.Errorf("open the long connection: %w", handshakeRefusal(resp))
	}
	return nil, fmt.Errorf("open the long connection to %s: %w", e.url.Host, err)
}

func handshakeRefusal(resp *http.Response) error {
	code, err := strconv.Atoi(resp.Header.Get("Handshake-Status"))
	if err != nil || code == 0 {
		code = resp.StatusCode
	}
	reason := resp.Header.Get("Handshake-Autherrcode")
	final := code == handshakeForbidden || code == handshakeAuthFailed && reason == strconv.Itoa(codeTooManyConns)
	return newRefusal(code, resp.Header.Get("Handshake-Msg"), final)
}
