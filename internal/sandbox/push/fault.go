package push

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
)

// Fault is something that goes wrong with some events, or where Endpoint or
// Handshake is set, with some attempts to open a long connection. Of several
// that fit, the one set first has it.
type Fault struct {
	AppID     string `json:"app_id,omitempty"`     // empty is every app
	EventType string `json:"event_type,omitempty"` // empty is every type
	Match     string `json:"match,omitempty"`      // only events whose payload contains this
	// Skip lets that many events pass first.
	Skip int `json:"skip,omitempty"`
	// Count is how many are hit: 0 is one, a negative number is all until the
	// faults are cleared.
	Count int `json:"count,omitempty"`
	// Probability is the share of the events that are hit, drawn from Seed; 0 is
	// all of them. What is not drawn uses up nothing.
	Probability float64 `json:"probability,omitempty"`
	Seed        uint64  `json:"seed,omitempty"`

	// Lose never pushes the event.
	Lose bool `json:"lose,omitempty"`
	// DelayMS holds the first push back.
	DelayMS int `json:"delay_ms,omitempty"`
	// Duplicates are further pushes after one that succeeded.
	Duplicates int `json:"duplicates,omitempty"`
	// Reorder holds the event back until that many later ones have been pushed,
	// for ten seconds at most.
	Reorder int `json:"reorder,omitempty"`
	// Field, such as object.join_time or object.orders.0.user_order, is replaced
	// by Value, of whatever type. Events that lack it are not hit.
	Field string          `json:"field,omitempty"`
	Value json.RawMessage `json:"value,omitempty"`
	// LoseAcks is how many answers to pushes of the event do not arrive.
	LoseAcks int `json:"lose_acks,omitempty"`

	// Socket is what happens to the long connection by which the event was to go.
	Socket SocketFault `json:"socket,omitempty"`
	// Chunks cuts the event into that many frames, ChunkGapMS apart.
	Chunks     int `json:"chunks,omitempty"`
	ChunkGapMS int `json:"chunk_gap_ms,omitempty"`

	// Endpoint answers a client that asks for the address of the long connections.
	Endpoint *EndpointFault `json:"endpoint,omitempty"`
	// Handshake refuses a client that opens one.
	Handshake *HandshakeFault `json:"handshake,omitempty"`
}

// SocketFault is what can happen to a long connection.
type SocketFault string

// The ways in which a long connection ends without saying so.
const (
	// SocketDropped is cut without a close frame.
	SocketDropped SocketFault = "dropped"
	// SocketHalfOpen stays open and is dead: nothing more comes out of it, no
	// pong either, and what goes in is not read as anything.
	SocketHalfOpen SocketFault = "half_open"
)

// Check tells whether there is such a way to break.
func (s SocketFault) Check() error {
	if s != SocketDropped && s != SocketHalfOpen {
		return errors.New(`a connection breaks as "dropped" or as "half_open"`)
	}
	return nil
}

// EndpointFault is an answer of the endpoint discovery. Without Status, the
// HTTP status is 200.
type EndpointFault struct {
	Code   int    `json:"code"`
	Msg    string `json:"msg,omitempty"`
	Status int    `json:"status,omitempty"`
}

// HandshakeFault is a refusal of the upgrade, as in its headers.
type HandshakeFault struct {
	Status      int    `json:"status"` // Handshake-Status
	AuthErrCode int    `json:"autherrcode,omitempty"`
	Msg         string `json:"msg,omitempty"`
}

// Check tells what is wrong with a fault.
func (f *Fault) Check() error {
	connecting := f.Endpoint != nil || f.Handshake != nil
	event := f.Lose || f.DelayMS > 0 || f.Duplicates > 0 || f.Reorder > 0 || f.Field != "" || f.LoseAcks > 0 || f.Socket != "" || f.Chunks > 0
	switch {
	case !connecting && !event:
		return errors.New("an event fault needs something that goes wrong, such as lose, delay_ms, duplicates or endpoint")
	case connecting && event, f.Endpoint != nil && f.Handshake != nil:
		return errors.New("an event fault is about events, about endpoint, or about handshake: not about two of them")
	case connecting && (f.EventType != "" || f.Match != ""):
		return errors.New("event_type and match pick events: a fault of endpoint or handshake has none")
	case f.Probability < 0 || f.Probability > 1:
		return errors.New("probability is between 0 and 1")
	case f.DelayMS < 0 || f.Duplicates < 0 || f.Reorder < 0 || f.LoseAcks < 0 || f.Chunks < 0 || f.ChunkGapMS < 0 || f.Skip < 0:
		return errors.New("only count may be negative")
	case f.Field != "" && !json.Valid(f.Value):
		return errors.New("field needs a value in JSON to put in its place")
	case f.Socket != "":
		return f.Socket.Check()
	}
	return nil
}

// faults are those that are set, in the order in which they were.
type faults struct {
	mu   sync.Mutex
	list []*armedFault
}

type armedFault struct {
	Fault
	rng *rand.Rand
}

func (fs *faults) add(f Fault) error {
	if err := f.Check(); err != nil {
		return err
	}
	f.Count = cmp.Or(f.Count, 1)
	f.Value = slices.Clone(f.Value)
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.list = append(fs.list, &armedFault{Fault: f, rng: rand.New(rand.NewPCG(f.Seed, 0x6576656e74))})
	return nil
}

func (fs *faults) all() []Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	list := make([]Fault, 0, len(fs.list))
	for _, f := range fs.list {
		list = append(list, f.Fault)
	}
	return list
}

func (fs *faults) clear() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.list = nil
}

// event finds the fault of an event and changes the payload by it. The zero
// Fault is none.
func (fs *faults) event(app string, e *Event) Fault {
	f := fs.take(func(f *Fault) bool {
		if f.Endpoint != nil || f.Handshake != nil || f.EventType != "" && f.EventType != e.Type ||
			f.AppID != "" && f.AppID != app || f.Match != "" && !bytes.Contains(e.Payload, []byte(f.Match)) {
			return false
		}
		_, has := replace(e.Payload, f.Field, f.Value)
		return has
	})
	e.Payload, _ = replace(e.Payload, f.Field, f.Value)
	return f
}

// endpoint finds the fault of a call to the endpoint discovery.
func (fs *faults) endpoint(app string) *EndpointFault {
	return fs.take(func(f *Fault) bool { return f.Endpoint != nil && (f.AppID == "" || f.AppID == app) }).Endpoint
}

// handshake finds the fault of an upgrade.
func (fs *faults) handshake(app string) *HandshakeFault {
	return fs.take(func(f *Fault) bool { return f.Handshake != nil && (f.AppID == "" || f.AppID == app) }).Handshake
}

// take finds the first fault that hits, and uses up one of its count.
func (fs *faults) take(hits func(*Fault) bool) Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for i, f := range fs.list {
		switch {
		case !hits(&f.Fault):
			continue
		case f.Skip > 0:
			f.Skip--
			continue
		case f.Probability > 0 && f.rng.Float64() >= f.Probability:
			continue
		}
		if f.Count > 0 {
			f.Count--
		}
		if f.Count == 0 {
			fs.list = slices.Delete(fs.list, i, i+1)
		}
		return f.Fault
	}
	return Fault{}
}
