package push

import (
	"cmp"
	"time"
)

// Settings are how events are delivered. The zero value is as Feishu does it.
type Settings struct {
	// RetryScale stretches the waits between the pushes of an event: 0.001
	// makes 15 s of them 15 ms. 0 is 1.
	RetryScale float64 `json:"retry_scale"`
	// DeadlineMS is how long a receiver may take; 0 is 3000.
	DeadlineMS int `json:"deadline_ms"`
	// Parallel is how many pushes to one app may be under way at once; 0 is 1.
	Parallel int `json:"parallel"`
	// ChunkBytes cuts what goes over a long connection into frames of so many
	// bytes; 0 is 32768.
	ChunkBytes int `json:"chunk_bytes"`
	// History is how many events of each app are remembered; 0 is 10000.
	History int `json:"history"`
	// Client is what long connections are told to do; null is Feishu's default.
	Client *ClientConfig `json:"client_config"`
}

// ClientConfig is what a client of a long connection gets to know, with every
// pong again. Times are whole seconds. All four are always sent, because a
// client takes a missing one for 0.
type ClientConfig struct {
	ReconnectCount    int `json:"ReconnectCount"` // -1 is no end
	ReconnectInterval int `json:"ReconnectInterval"`
	ReconnectNonce    int `json:"ReconnectNonce"`
	PingInterval      int `json:"PingInterval"`
}

// Behaviour is what no document confirms about delivery. The zero value is what
// documents make likely.
type Behaviour struct {
	// SignWithoutKey sends the signature headers also to a webhook without an
	// Encrypt Key.
	SignWithoutKey bool `json:"sign_without_key"`
	// RetriesKeepSignature repeats a push byte by byte, with the timestamp, nonce
	// and signature of the first.
	RetriesKeepSignature bool `json:"retries_keep_signature"`
	// LoseWithoutClients loses events at once while no long connection is there,
	// instead of retrying them.
	LoseWithoutClients bool `json:"lose_without_clients"`
	// NoQuickRetry leaves out the retry after 15 s on long connections.
	NoQuickRetry bool `json:"no_quick_retry"`
	// Connections is how many long connections an app may have; 0 is 50.
	Connections int `json:"connections"`
}

const (
	connectWithin   = 2 * time.Second
	challengeWithin = time.Second
	usualDeadline   = 3 * time.Second
	usualChunk      = 32 << 10
	usualHistory    = 10_000
	usualClients    = 50
)

// schedule is how long after each failed push the next one comes.
var schedule = [...]time.Duration{15 * time.Second, 5 * time.Minute, time.Hour, 6 * time.Hour}

// wait is how long after failed pushes the next one comes; there is none after
// the last.
func (s *Settings) wait(failed int, quick bool) (wait time.Duration, more bool) {
	steps := schedule[:]
	if !quick {
		steps = schedule[1:]
	}
	if failed > len(steps) {
		return 0, false
	}
	return time.Duration(float64(steps[failed-1]) * cmp.Or(s.RetryScale, 1)), true
}

func (s *Settings) deadline() time.Duration {
	return cmp.Or(time.Duration(s.DeadlineMS)*time.Millisecond, usualDeadline)
}

// ClientConfig is what clients are told: Client, or Feishu's default.
func (s *Settings) ClientConfig() ClientConfig {
	if s.Client == nil {
		return ClientConfig{ReconnectCount: -1, ReconnectInterval: 120, ReconnectNonce: 30, PingInterval: 120}
	}
	return *s.Client
}
