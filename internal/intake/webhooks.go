package intake

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgmirror/orgmirror/internal/feishu/callback"
)

// Webhooks is the handler of several apps' callbacks at one address.
//
// A message belongs to the app whose key signed it, or, where nobody signs, whose
// token it holds; what the message itself says of app and company is believed only
// as far as that app's own [Intake] does. So who knows one app's secrets can speak
// for that app, and for its company, and for no other. Apps must not share an
// Encrypt Key.
type Webhooks struct {
	apps   []*Webhook
	nobody *Webhook
}

// NewWebhooks puts the handlers together. What is nobody's is counted with the
// registerer.
func NewWebhooks(apps []*Webhook, logger *slog.Logger, registerer prometheus.Registerer) (*Webhooks, error) {
	metrics, err := newMetrics(registerer, nil)
	if err != nil {
		return nil, err
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	// Nobody is an app whose secrets nobody knows, so a message of no app is refused
	// in the words in which any app would refuse it.
	return &Webhooks{apps: apps, nobody: &Webhook{
		in:      &Intake{logger: logger, now: time.Now, metrics: metrics, sieve: &sieve{}},
		secrets: callback.Secrets{VerificationToken: rand.Text(), EncryptKey: rand.Text()},
		window:  defaultWindow,
	}}, nil
}

// ServeHTTP implements http.Handler.
func (hs *Webhooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	serveCallback(w, r, func(m callback.Message, body []byte) *Webhook {
		for _, h := range hs.apps {
			if h.isFor(r, m, body) {
				return h
			}
		}
		return hs.nobody
	}, hs.nobody)
}

// isFor reports whether a message is from somebody who has the app's secrets.
func (h *Webhook) isFor(r *http.Request, m callback.Message, body []byte) bool {
	text, ok := m.Encrypted()
	if !ok {
		return h.secrets.TokenIs(m.Token())
	}
	if h.signed(r, body) {
		return true
	}
	sealed, err := callback.ParseCipher(text)
	if err != nil {
		return false
	}
	challenge, ok := h.secrets.OpenUnsigned(sealed)
	return ok && h.secrets.TokenIs(challenge.Token())
}
