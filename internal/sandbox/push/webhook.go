package push

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// request is what is posted to a webhook.
type request struct {
	body    []byte
	headers map[string]string
}

const (
	webhookType     = "application/json;charset=utf-8"
	headerTimestamp = "X-Lark-Request-Timestamp"
	headerNonce     = "X-Lark-Request-Nonce"
	headerSignature = "X-Lark-Signature"

	// maxAnswer is how much of an answer is read; nobody looks at it.
	maxAnswer = 64 << 10
)

var errLate = errors.New("no answer in time")

// sealed is a text as a subscription wants it: as it is, or encrypted with a
// fresh IV.
func (s *Subscription) sealed(plain []byte) []byte {
	if s.EncryptKey == "" {
		return plain
	}
	var iv [aes.BlockSize]byte
	_, _ = rand.Read(iv[:]) // never fails
	return marshal(map[string]string{"encrypt": encrypt(string(s.EncryptKey), iv, plain)})
}

// post pushes an event to a webhook: status 200 within the deadline is success.
func (h *Hub) post(ctx context.Context, d *delivery, s *Subscription, settings *Settings, behaviour *Behaviour) error {
	ctx, cancel := context.WithTimeoutCause(ctx, settings.deadline(), errLate)
	defer cancel()
	r := d.first
	if r == nil || !behaviour.RetriesKeepSignature {
		r = h.sealedEvent(d, s, behaviour)
		d.first = r
	}
	status, _, err := h.do(ctx, s.URL, r)
	switch {
	case err != nil && context.Cause(ctx) == errLate: //nolint:errorlint // the cause is this value or another
		return errLate
	case err != nil:
		return err
	case status != http.StatusOK:
		return fmt.Errorf("status %d", status)
	}
	return nil
}

// sealedEvent makes the request for an event: encrypted and signed anew.
func (h *Hub) sealedEvent(d *delivery, s *Subscription, behaviour *Behaviour) *request {
	r := &request{
		body:    s.sealed(d.event.envelope(d.box.app, string(s.VerificationToken))),
		headers: map[string]string{},
	}
	if s.EncryptKey != "" || behaviour.SignWithoutKey {
		timestamp, nonce := strconv.FormatInt(h.cfg.Now().Unix(), 10), strings.ToLower(rand.Text()[:10])
		r.headers[headerTimestamp], r.headers[headerNonce] = timestamp, nonce
		r.headers[headerSignature] = sign(timestamp, nonce, string(s.EncryptKey), r.body)
	}
	return r
}

// challenge asks a webhook to repeat a text, without signature headers.
func (h *Hub) challenge(ctx context.Context, s *Subscription) error {
	ctx, cancel := context.WithTimeout(ctx, challengeWithin)
	defer cancel()
	text := strings.ToLower(rand.Text())
	plain := marshal(map[string]string{"challenge": text, "token": string(s.VerificationToken), "type": "url_verification"})
	status, answer, err := h.do(ctx, s.URL, &request{body: s.sealed(plain)})
	if err != nil {
		return fmt.Errorf("it must answer within %s: %w", challengeWithin, err)
	}
	var repeated struct {
		Challenge string `json:"challenge"`
	}
	if err := json.Unmarshal(answer, &repeated); status != http.StatusOK || err != nil || repeated.Challenge != text {
		return fmt.Errorf(`it must answer status 200 and {"challenge":"…"} with the text that was sent: it answered status %d`, status)
	}
	return nil
}

// do posts a request and reads the answer.
func (h *Hub) do(ctx context.Context, url string, r *request) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(r.body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", webhookType)
	for name, value := range r.headers {
		req.Header.Set(name, value)
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read as far as it matters
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode, answer, err
}
