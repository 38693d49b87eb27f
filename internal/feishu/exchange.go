package feishu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
)

var (
	// errAnswerTooLarge ends a call at once: the same request would bring it again.
	errAnswerTooLarge = errors.New("the answer is larger than allowed")
	errConnectionLost = errors.New("the connection was closed before an answer came")
)

// exchange is one HTTP request and what came back. It stands where the SDK
// expects an HTTP client, because only there the instants of sending and
// receiving, and the headers of answers that the SDK drops, can be seen.
type exchange struct {
	client   *http.Client
	clock    Clock
	maxBytes int64

	sent     time.Time
	received time.Time
	status   int
	header   http.Header
	body     []byte
	err      error // set when there is no whole answer
}

// send lets the SDK's core build and send the request once.
func (c *Client) send(ctx context.Context, r request, token string) *exchange {
	ex := &exchange{client: c.http, clock: c.clock, maxBytes: c.maxBytes}
	method, path, _ := strings.Cut(r.endpoint, " ")
	req := &larkcore.ApiReq{
		HttpMethod:  method,
		ApiPath:     "/open-apis" + path,
		PathParams:  r.path,
		QueryParams: r.query,
		Body:        r.body,
	}
	var options []larkcore.RequestOptionFunc
	if token != "" {
		req.SupportedAccessTokenTypes = []larkcore.AccessTokenType{larkcore.AccessTokenTypeTenant}
		options = append(options, larkcore.WithTenantAccessToken(token))
	}
	core := c.core
	core.HttpClient = ex
	resp, err := larkcore.Request(ctx, req, &core, options...)
	if !ex.sent.IsZero() {
		ex.received = c.clock.Now()
	}
	switch {
	case err == nil:
		ex.body = resp.RawBody
	case ex.status == http.StatusGatewayTimeout:
		// The SDK drops the body of a 504 and makes an error of its own of it.
		// The status says enough.
	default:
		ex.err = ex.plainError(err)
	}
	return ex
}

// Do implements the SDK's HttpClient.
func (e *exchange) Do(req *http.Request) (*http.Response, error) {
	written := new(atomic.Bool)
	ctx := context.WithValue(req.Context(), writtenKey{}, written)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { written.Store(true) }})
	e.sent = e.clock.Now()
	resp, err := e.client.Do(req.WithContext(ctx))
	if err != nil {
		// A *url.Error repeats the address with the ids in it. It is also the
		// type by which the SDK recognises a failed dial and dials again at
		// once, which would be a request that no limiter was asked for.
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return nil, err
	}
	e.status, e.header = resp.StatusCode, resp.Header
	resp.Body = &cappedBody{ReadCloser: resp.Body, left: e.maxBytes}
	return resp, nil
}

type writtenKey struct{}

// proxyOnce is the transport's choice of a proxy, made before each try of its
// own: when a connection that was used before breaks without an answer, net/http
// sends a GET a second time without a word. Nobody asked the limiter for that
// request and nobody would count it, so it is refused here, and the call's own
// retry takes its place. Tries that came to nothing before anything was written
// go on.
func proxyOnce(req *http.Request) (*url.URL, error) {
	if written, ok := req.Context().Value(writtenKey{}).(*atomic.Bool); ok && written.Load() {
		return nil, errConnectionLost
	}
	return http.ProxyFromEnvironment(req)
}

// plainError keeps the cause, except for time-outs: net/http's time-out error
// claims to be context.DeadlineExceeded, and a caller would take it for the end
// of its own context.
func (e *exchange) plainError(err error) error {
	if timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && timeout.Timeout() {
		return fmt.Errorf("no whole answer within %s", e.received.Sub(e.sent).Round(time.Millisecond))
	}
	return err
}

// cappedBody fails a read beyond the limit, where io.LimitReader would make a
// long answer look like a cut one.
type cappedBody struct {
	io.ReadCloser
	left int64
}

func (b *cappedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errAnswerTooLarge
	}
	return n, err
}

// coreConfig is the SDK's configuration with its own judgement switched off.
func coreConfig(base, appID, appSecret string) larkcore.Config {
	return larkcore.Config{
		BaseUrl:   base,
		AppId:     appID,
		AppSecret: appSecret,
		AppType:   larkcore.AppTypeSelfBuilt,
		// The cache is one per process, keyed by app id alone; see token.go.
		EnableTokenCache: false,
		Logger:           silent{},
		Serializable:     requestsOnly{},
	}
}

// requestsOnly makes JSON of request bodies and leaves answers alone. The SDK
// would decode each answer for its code, fail on a code or an error object of
// another shape without showing status and headers, and react to some codes
// itself. Answers are judged in one place, envelope.go.
type requestsOnly struct{}

func (requestsOnly) Serialize(v any) ([]byte, error) { return json.Marshal(v) }

func (requestsOnly) Deserialize([]byte, any) error { return nil }

// silent stops the SDK's logging: it prints paths with user ids in them, to
// standard output unless told otherwise.
type silent struct{}

func (silent) Debug(context.Context, ...any) {}
func (silent) Info(context.Context, ...any)  {}
func (silent) Warn(context.Context, ...any)  {}
func (silent) Error(context.Context, ...any) {}
