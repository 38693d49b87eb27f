package intake

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu/callback"
)

// WebhookPath is where Feishu sends its events.
const WebhookPath = "/webhook/event"

const (
	maxBody     = 1 << 20
	bodyTimeout = 3 * time.Second // Feishu has given up by then

	// defaultWindow is an hour more than Feishu goes on repeating an event.
	defaultWindow = 8 * time.Hour
	// maxAhead is how much Feishu's clock may be ahead of ours.
	maxAhead = 5 * time.Minute
)

// WebhookConfig says what the webhook must find in a request.
type WebhookConfig struct {
	// Secrets are the app's. Without an Encrypt Key messages come in plain text
	// and unsigned, and only the verification token shows who sent them.
	Secrets callback.Secrets
	Window  time.Duration // how old a signature may be; 0: 8 h
}

// Webhook returns the handler of Feishu's callbacks.
func (in *Intake) Webhook(cfg WebhookConfig) *Webhook {
	if cfg.Window <= 0 {
		cfg.Window = defaultWindow
	}
	return &Webhook{in: in, secrets: cfg.Secrets, window: cfg.Window}
}

// Webhook is the handler of one app's callbacks.
type Webhook struct {
	in      *Intake
	secrets callback.Secrets
	window  time.Duration
}

// answer is what a request is answered, and why.
type answer struct {
	status    int
	reason    reason
	challenge *string
	err       error // what an event could not be taken for
}

func refuse(status int, r reason) answer { return answer{status: status, reason: r} }

// ServeHTTP implements http.Handler.
func (h *Webhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	serveCallback(w, r, func(callback.Message, []byte) *Webhook { return h }, h)
}

// serveCallback answers a request. find says whose it is; what cannot be read is
// nobody's.
func serveCallback(w http.ResponseWriter, r *http.Request, find func(m callback.Message, body []byte) *Webhook, nobody *Webhook) {
	start := time.Now()
	h := nobody
	m, body, a, ok := read(w, r)
	if ok {
		h = find(m, body)
		a = h.answer(r, m, body)
	}
	a.write(w)
	h.in.metrics.answered(a.status, a.reason, time.Since(start))
	if a.status != http.StatusOK && h.in.sieve.lets(a.reason, start) {
		h.in.logger.LogAttrs(r.Context(), slog.LevelWarn, "webhook request refused",
			slog.Int("status", a.status), slog.String("reason", string(a.reason)), slog.String("hint", a.hint()))
	}
}

// write says what is needed to mend it, and nothing that depends on what a
// sealed message holds.
func (a answer) write(w http.ResponseWriter) {
	body := map[string]string{"msg": a.message()}
	if a.challenge != nil {
		body = map[string]string{"challenge": *a.challenge}
	}
	text, err := json.Marshal(body)
	if err != nil {
		text = []byte(`{}`) // strings always can be marshalled
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(a.status)
	_, _ = w.Write(text) // where Feishu has hung up it comes again
}

func (a answer) message() string {
	switch a.reason {
	case reasonTooOld, reasonAhead, reasonBadTimestamp:
		return "the request's timestamp is not within the time allowed"
	case reasonPlaintext:
		return "the message is not encrypted: set the Encrypt Key in the app's console"
	}
	switch a.status {
	case http.StatusOK:
		return "success"
	case http.StatusBadRequest:
		return "the message cannot be read"
	case http.StatusForbidden:
		return "the message does not show that it is from the app's Feishu"
	case http.StatusNotFound:
		return "events go to " + WebhookPath
	case http.StatusMethodNotAllowed:
		return "events come by POST"
	case http.StatusRequestEntityTooLarge:
		return "the message is over 1 MiB"
	default:
		return "the event cannot be stored now, send it again"
	}
}

// hint is for the operator: what to look at. Everybody may knock here, so most
// of the reasons need not be a fault of ours.
func (a answer) hint() string {
	switch a.reason {
	case reasonBadSignature, reasonUndecryptable:
		return "is the encrypt key that of the app's console? strangers who try the address are refused the same way"
	case reasonBadToken:
		return "is the verification token that of the app's console? strangers who try the address are refused the same way"
	case reasonTooOld, reasonAhead, reasonBadTimestamp:
		return "does this machine's clock go right?"
	}
	if a.err != nil {
		return a.err.Error()
	}
	return a.message()
}

// read reads the message of a request, or says what is wrong with it.
func read(w http.ResponseWriter, r *http.Request) (m callback.Message, body []byte, a answer, ok bool) {
	if r.URL.Path != WebhookPath {
		return m, nil, refuse(http.StatusNotFound, reasonPath), false
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return m, nil, refuse(http.StatusMethodNotAllowed, reasonMethod), false
	}
	body, err := readBody(w, r)
	if err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return m, nil, refuse(http.StatusRequestEntityTooLarge, reasonTooLarge), false
		}
		return m, nil, refuse(http.StatusBadRequest, reasonUnreadable), false
	}
	if m, err = callback.Parse(body); err != nil {
		return m, nil, refuse(http.StatusBadRequest, reasonNotJSON), false
	}
	return m, body, answer{}, true
}

func (h *Webhook) answer(r *http.Request, m callback.Message, body []byte) answer {
	if sealed, ok := m.Encrypted(); ok && h.secrets.EncryptKey != "" {
		return h.sealed(r, body, sealed)
	}
	return h.plain(r, m)
}

// readBody gives who sends slowly, or too much, no more than Feishu needs.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	c := http.NewResponseController(w)
	if c.SetReadDeadline(time.Now().Add(bodyTimeout)) == nil { // a test's recorder cannot
		defer func() { _ = c.SetReadDeadline(time.Time{}) }()
	}
	return io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
}

// plain answers a message that came in plain text. Where there is a key, that is
// right for a challenge only: the address may be saved in the console before
// the key is.
func (h *Webhook) plain(r *http.Request, m callback.Message) answer {
	switch {
	case m.IsChallenge():
		a := h.challenged(m)
		if a.status == http.StatusOK && h.secrets.EncryptKey != "" {
			a.reason = reasonPlainChallenge
			h.in.logger.LogAttrs(r.Context(), slog.LevelWarn,
				"feishu tried the webhook without encryption: events are refused until the encrypt key is set in the app's console")
		}
		return a
	case h.secrets.EncryptKey != "":
		return refuse(http.StatusForbidden, reasonPlaintext)
	default:
		return h.verified(r, m)
	}
}

// sealed answers an encrypted message. Who has not signed it learns nothing from
// the answer: it is the same whatever is inside, but for a challenge with the
// right token.
func (h *Webhook) sealed(r *http.Request, body []byte, text string) answer {
	sealed, err := callback.ParseCipher(text)
	if err != nil {
		return refuse(http.StatusBadRequest, reasonUndecryptable)
	}
	timestamp, signature := r.Header.Get(callback.HeaderTimestamp), r.Header.Get(callback.HeaderSignature)
	if !h.signed(r, body) {
		if m, ok := h.secrets.OpenUnsigned(sealed); ok && h.secrets.TokenIs(m.Token()) {
			return h.challenged(m)
		}
		if signature == "" {
			return refuse(http.StatusForbidden, reasonNoSignature)
		}
		return refuse(http.StatusForbidden, reasonBadSignature)
	}
	if why := h.stale(timestamp); why != "" {
		return refuse(http.StatusForbidden, why)
	}
	plain, err := h.secrets.Decrypt(sealed)
	if err != nil {
		return refuse(http.StatusBadRequest, reasonUndecryptable)
	}
	m, err := callback.Parse(plain)
	if err != nil {
		return refuse(http.StatusBadRequest, reasonNotJSON)
	}
	if m.IsChallenge() {
		return h.challenged(m)
	}
	return h.verified(r, m)
}

func (h *Webhook) signed(r *http.Request, body []byte) bool {
	return h.secrets.Signed(r.Header.Get(callback.HeaderTimestamp), r.Header.Get(callback.HeaderNonce), r.Header.Get(callback.HeaderSignature), body)
}

// stale says what is wrong with a signature's time; "" where nothing is.
func (h *Webhook) stale(timestamp string) reason {
	at, ok := callback.ParseTimestamp(timestamp)
	now := h.in.now()
	switch {
	case !ok:
		return reasonBadTimestamp
	case now.Sub(at) > h.window:
		return reasonTooOld
	case at.Sub(now) > maxAhead:
		return reasonAhead
	default:
		return ""
	}
}

func (h *Webhook) challenged(m callback.Message) answer {
	if !h.secrets.TokenIs(m.Token()) {
		return refuse(http.StatusForbidden, reasonBadToken)
	}
	word := m.Challenge()
	return answer{status: http.StatusOK, reason: reasonChallenge, challenge: &word}
}

// verified answers a message from somebody who has the key, once the token shows
// that it is meant for this app.
func (h *Webhook) verified(r *http.Request, m callback.Message) answer {
	if !h.secrets.TokenIs(m.Token()) {
		return refuse(http.StatusForbidden, reasonBadToken)
	}
	o, err := h.in.take(r.Context(), m, directory.SourceWebhook)
	if err == nil {
		return answer{status: http.StatusOK, reason: reason(o)}
	}
	why := reasonOf(err)
	return answer{status: statusOf(why), reason: why, err: err}
}

func statusOf(r reason) int {
	switch r {
	case reasonNotJSON, reasonNoEvent, reasonUndecryptable:
		return http.StatusBadRequest
	case reasonForeignApp, reasonForeignTenant:
		return http.StatusForbidden
	default:
		return http.StatusServiceUnavailable
	}
}
