package push

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
)

// Mode is how events come to an app.
type Mode string

// The modes of a Subscription. The empty one is none at all.
const (
	ModeNone           Mode = ""
	ModeWebhook        Mode = "webhook"
	ModeLongConnection Mode = "long_connection"
)

// Subscription is how an app wants its events.
type Subscription struct {
	Mode Mode `json:"mode"`
	// EventTypes are the types that the app wants; null is all there are.
	EventTypes []string `json:"event_types,omitempty"`

	// URL is where a webhook listens.
	URL string `json:"url,omitempty"`
	// VerificationToken is in the header of every event for a webhook.
	VerificationToken Secret `json:"verification_token,omitempty"`
	// EncryptKey, where set, encrypts and signs all that is sent to the webhook.
	EncryptKey Secret `json:"encrypt_key,omitempty"`

	// Unchecked saves the subscription as it is: without the challenge that a
	// webhook has to answer, or without a long connection that is there.
	Unchecked bool `json:"unchecked,omitempty"`
}

// Secret is a text that shows itself to nobody: neither in JSON, nor in logs,
// nor in print.
type Secret string

const hiddenSecret = "[hidden]"

// String hides a secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hiddenSecret
}

// GoString hides a secret.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides a secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a secret.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = Secret(text)
	return nil
}

// LogValue hides a secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Check tells what is wrong with a subscription, before anybody is asked.
func (s *Subscription) Check() error {
	switch s.Mode {
	case ModeNone, ModeLongConnection:
		if s.URL != "" || s.EncryptKey != "" || s.VerificationToken != "" {
			return fmt.Errorf("url, verification_token and encrypt_key are for mode %q", ModeWebhook)
		}
		return nil
	case ModeWebhook:
	default:
		return fmt.Errorf("mode %q is none of %q, %q and %q", s.Mode, ModeNone, ModeWebhook, ModeLongConnection)
	}
	u, err := url.Parse(s.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("a webhook needs a url that begins with http:// or https:// and a host")
	}
	return nil
}

// wants tells whether an event is to be pushed.
func (s *Subscription) wants(e *Event) bool {
	return s.Mode != ModeNone && (e.Unasked || s.EventTypes == nil || slices.Contains(s.EventTypes, e.Type))
}
