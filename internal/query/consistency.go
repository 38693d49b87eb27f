package query

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"time"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// freshness is what a consistency token says: a position of a log, and the company
// that it was said of. As text it is, in base64url:
//
//	version (1) | log id (16) | position (8) | tenant (8) | check sum (4)
type freshness struct {
	logID    [16]byte
	position int64
	tenant   [8]byte // see tenantDigest
	anyLog   bool    // a bare position: of whichever log there is
}

const (
	freshnessVersion = 2
	freshnessTenant  = 1 + 16 + 8
	freshnessLength  = freshnessTenant + 8
)

func (f freshness) String() string {
	raw := append([]byte{freshnessVersion}, f.logID[:]...)
	raw = binary.BigEndian.AppendUint64(raw, uint64(f.position))
	raw = append(raw, f.tenant[:]...)
	return base64.RawURLEncoding.EncodeToString(append(raw, checkSum(raw)...))
}

func checkSum(raw []byte) []byte {
	sum := sha256.Sum256(raw)
	return sum[:4]
}

func parseFreshness(token string) (*freshness, error) {
	if token == "" {
		return nil, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != freshnessLength+4 || raw[0] != freshnessVersion ||
		!bytes.Equal(raw[freshnessLength:], checkSum(raw[:freshnessLength])) {
		return nil, badField(reasonConsistencyToken, "at_least_as_fresh", "this is no consistency token")
	}
	f := freshness{position: int64(binary.BigEndian.Uint64(raw[17:freshnessTenant]))}
	copy(f.logID[:], raw[1:17])
	copy(f.tenant[:], raw[freshnessTenant:freshnessLength])
	if f.position < 0 {
		return nil, badField(reasonConsistencyToken, "at_least_as_fresh", "this is no consistency token")
	}
	return &f, nil
}

// parseAtLeast reads a consistency token, or a position in decimal.
func parseAtLeast(text string) (*freshness, error) {
	if position, err := strconv.ParseUint(text, 10, 63); err == nil {
		return &freshness{position: int64(position), anyLog: true}, nil
	}
	return parseFreshness(text)
}

// read runs a query of which an answer is made.
func (s *Service) read(ctx context.Context, w when, query func(context.Context) (moment, error)) (meta, error) {
	if w.past() {
		return s.readPast(ctx, w, query)
	}
	m, err := s.settle(ctx, w.fresh, query)
	if err != nil {
		return meta{}, err
	}
	return s.metaOf(ctx, m)
}

// settle runs a query, and again after a wait where its snapshot was older than
// asked for. query must leave nothing behind from one run to the next.
//
// Asking first costs nothing where the projector is far enough, which is nearly
// always, and tells at once that a token is of another log.
func (s *Service) settle(ctx context.Context, fresh *freshness, query func(context.Context) (moment, error)) (moment, error) {
	m, err := query(ctx)
	if err != nil {
		return moment{}, err
	}
	if fresh != nil {
		if !fresh.anyLog && fresh.logID != m.logID {
			return moment{}, badField(reasonForeignLog, "at_least_as_fresh", "the token is of another log")
		}
		if fresh.tenant != tenantDigest("") && fresh.tenant != tenantDigest(s.company(ctx)) {
			return moment{}, badField(reasonForeignTenant, "at_least_as_fresh", "the token is of another company")
		}
		if m.position < fresh.position {
			s.await(ctx, fresh.position)
			if m, err = query(ctx); err != nil {
				return moment{}, err
			}
		}
		if m.position < fresh.position {
			return moment{}, notFreshEnough(m, fresh.position)
		}
	}
	s.pool.replan(m.position)
	return m, nil
}

// await waits for the projector, no longer than is left for an answer. How it
// ended does not matter: the query that follows sees.
func (s *Service) await(ctx context.Context, position int64) {
	patience := s.maxWait
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(deadline)*9/10)
	}
	began := time.Now()
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_ = s.log.Await(waiting, consumer, directory.Position(position))
	s.observer.waited.Observe(time.Since(began).Seconds())
}

func notFreshEnough(m moment, asked int64) error {
	behind := strconv.FormatInt(asked-m.position, 10)
	return &failure{
		reason:  reasonNotFreshEnough,
		message: "the mirror is at position " + strconv.FormatInt(m.position, 10) + ", " + behind + " behind what was asked for",
		field:   "",
		metadata: map[string]string{
			"position":       strconv.FormatInt(m.position, 10),
			"asked_position": strconv.FormatInt(asked, 10),
			"behind":         behind,
		},
	}
}
