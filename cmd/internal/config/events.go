package config

// Events is the way by which changes come in.
type Events string

// The ways.
const (
	EventsNone      Events = "none"
	EventsWebhook   Events = "webhook"
	EventsWebsocket Events = "websocket"
)

// events reads the way, and whether there is what it needs. Where nobody chose
// one, the webhook's secrets do.
func (l *loader) events(key string) Events {
	webhook := []string{"feishu_verification_token", "feishu_encrypt_key"}
	switch way := Events(l.get(key).text); way {
	case EventsNone:
	case EventsWebhook:
		l.needs(key, webhook...)
		return way
	case EventsWebsocket:
		l.needs(key, "feishu_app_id", "feishu_app_secret")
		return way
	case "":
		for _, secret := range webhook {
			if l.get(secret).text == "" {
				return EventsNone
			}
		}
		return EventsWebhook
	default:
		l.invalid(key, "must be webhook, websocket or none")
	}
	return EventsNone
}

// needs notes what is missing for a setting to work.
func (l *loader) needs(key string, needed ...string) {
	for _, other := range needed {
		if l.get(other).text == "" && !l.refused(other) {
			l.problem("%s is %s, and %s is not set: %s", l.name(key), l.get(key).text, l.called(other), l.known[other].Meaning)
		}
	}
}
