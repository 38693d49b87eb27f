package query

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

const (
	// defaultGuesses is how many wrong secrets may come at once.
	defaultGuesses = 10
	// guessEvery is what each further one costs.
	guessEvery = time.Second
	// guessPatience is how long somebody waits for his turn before he is sent away.
	guessPatience = 5 * time.Second

	// maxSuspects bounds the memory: so many ids, addresses and pairs of both.
	maxSuspects = 1 << 14
)

// throttle slows wrong secrets down: for one client id, and from one address,
// there may be so many at once, and then one a second. Who waits is looked at only
// when it is his turn, so asking many times side by side gains nothing.
//
// A right secret is not slowed where it has been shown before by the same client
// from the same address, unless wrong ones for that client come from there too:
// then nobody could tell them apart.
//
// What it knows is in memory, bounded, and of this process. Where it is full, some
// of what it knows is forgotten, to the guesser's advantage: he needs as many
// addresses for that.
type throttle struct {
	burst time.Duration // guesses at once, in guessEvery
	now   func() time.Time

	mu    sync.RWMutex
	due   map[suspect]time.Time // when all its wrong secrets are paid for
	known map[suspect]struct{}  // pairs that have shown a right secret
}

// suspect is a client id, an address, or both. Which, the kind says: an address
// may be unknown, an id empty.
type suspect struct {
	kind byte
	id   string
	from netip.Prefix
}

func pairOf(id string, from netip.Prefix) suspect { return suspect{'p', cutID(id), from} }

func newThrottle(guesses int) *throttle {
	if guesses <= 0 {
		guesses = defaultGuesses
	}
	return &throttle{
		burst: time.Duration(guesses) * guessEvery, now: time.Now,
		due: map[suspect]time.Time{}, known: map[suspect]struct{}{},
	}
}

// trusts reports whether a right secret needs no turn.
func (t *throttle) trusts(id string, from netip.Prefix) bool {
	pair := pairOf(id, from)
	t.mu.RLock()
	defer t.mu.RUnlock()
	_, known := t.known[pair]
	if !known {
		return false
	}
	due, guessed := t.due[pair]
	return !guessed || due.Sub(t.now()) <= t.burst-guessEvery
}

// turn waits until a secret may be looked at, and counts it as wrong; [shown]
// takes that back. The error is for who would have to wait for too long.
func (t *throttle) turn(ctx context.Context, id string, from netip.Prefix) error {
	wait, ok := t.take(patienceOf(ctx), suspects(id, from))
	if !ok {
		return &failure{
			reason:   reasonTooManyWrong,
			message:  "too many wrong secrets came from here or for this client: try again later",
			metadata: map[string]string{"retry_after_seconds": strconv.Itoa(int(wait/time.Second) + 1)},
		}
	}
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func patienceOf(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return min(guessPatience, time.Until(deadline)*9/10)
	}
	return guessPatience
}

func suspects(id string, from netip.Prefix) [3]suspect {
	return [3]suspect{{kind: 'i', id: cutID(id)}, {kind: 'a', from: from}, pairOf(id, from)}
}

// take says how long a turn is away, and takes it unless that is too long.
func (t *throttle) take(patience time.Duration, who [3]suspect) (wait time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for _, s := range who {
		wait = max(wait, t.due[s].Add(guessEvery-t.burst).Sub(now))
	}
	if wait > patience {
		return wait, false
	}
	for _, s := range who {
		due := t.due[s]
		if due.Before(now) {
			t.makeRoom(now)
			due = now
		}
		t.due[s] = due.Add(guessEvery)
	}
	return wait, true
}

// makeRoom forgets who has paid, and somebody else where that is not enough.
func (t *throttle) makeRoom(now time.Time) {
	if len(t.due) < maxSuspects {
		return
	}
	for s, due := range t.due {
		if !due.After(now) {
			delete(t.due, s)
		}
	}
	for s := range t.due { // enough that it is not done again at once
		if len(t.due) < maxSuspects*3/4 {
			return
		}
		delete(t.due, s)
	}
}

// shown notes that a secret was right.
func (t *throttle) shown(id string, from netip.Prefix) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for _, s := range suspects(id, from) {
		if due := t.due[s].Add(-guessEvery); due.After(now) {
			t.due[s] = due
		} else {
			delete(t.due, s)
		}
	}
	for s := range t.known {
		if len(t.known) < maxSuspects {
			break
		}
		delete(t.known, s)
	}
	t.known[pairOf(id, from)] = struct{}{}
}

// cutID bounds the memory of ids that nobody has.
func cutID(id string) string {
	const most = 64
	if len(id) > most {
		return strings.Clone(id[:most])
	}
	return id
}

// loopbackNetwork is where REST comes from; see gateway.Loopback.
const loopbackNetwork = "bufconn"

// addressOf is where a call comes from: for one over REST where the request came
// from, which the gateway says last in x-forwarded-for. Nobody else is believed
// that. Of IPv6 the network counts, since everybody has as many addresses in his
// own as he likes.
func addressOf(ctx context.Context) netip.Prefix {
	p, ok := peer.FromContext(ctx)
	if !ok || p.Addr == nil {
		return netip.Prefix{}
	}
	var address netip.Addr
	switch a := p.Addr.(type) {
	case *net.TCPAddr:
		address = a.AddrPort().Addr()
	default:
		if p.Addr.Network() != loopbackNetwork {
			return netip.Prefix{}
		}
		forwarded := metadata.ValueFromIncomingContext(ctx, "x-forwarded-for")
		if len(forwarded) == 0 {
			return netip.Prefix{}
		}
		last := forwarded[len(forwarded)-1]
		address, _ = netip.ParseAddr(strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])) // none is one like others
	}
	address = address.Unmap().WithZone("")
	bits := address.BitLen()
	if address.Is6() {
		bits = 64
	}
	network, err := address.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return network
}
