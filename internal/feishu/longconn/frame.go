package longconn

import (
	"errors"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// The methods of frames.
const (
	methodControl = 0
	methodData    = 1
)

// The names of headers, and the types of frames.
const (
	headerType      = "type"
	headerMessageID = "message_id"
	headerSum       = "sum"
	headerSeq       = "seq"
	headerBizRT     = "biz_rt" // how long the handler took, in milliseconds

	typeEvent = "event"
	typePing  = "ping"
	typePong  = "pong"
)

var errFrame = errors.New("no frame of the long connection")

// frame is one message of the WebSocket: the message Frame of pbbp2.proto.
type frame struct {
	seqID           uint64 // 1
	logID           uint64 // 2
	service         int32  // 3
	method          int32  // 4
	headers         []header
	payloadEncoding string // 6
	payloadType     string // 7
	payload         []byte // 8
	logIDNew        string // 9
}

type header struct {
	key, value string
}

func pingFrame(service int32) frame {
	return frame{service: service, method: methodControl, headers: []header{{headerType, typePing}}}
}

// reply is the frame with another payload and one more header.
func (f frame) reply(payload []byte, millis int64) frame {
	f.headers = append(f.headers[:len(f.headers):len(f.headers)], header{headerBizRT, strconv.FormatInt(millis, 10)})
	f.payload = payload
	return f
}

func (f frame) header(key string) string {
	for _, h := range f.headers {
		if h.key == key {
			return h.value
		}
	}
	return ""
}

// number is a header's number; 0 where it is none.
func (f frame) number(key string) int {
	n, err := strconv.Atoi(f.header(key))
	if err != nil {
		return 0
	}
	return n
}

// marshal writes the required fields also where they are zero, and the texts also
// where they are empty, as the SDKs do.
func (f frame) marshal() []byte {
	var b []byte
	varint := func(number protowire.Number, v uint64) {
		b = protowire.AppendTag(b, number, protowire.VarintType)
		b = protowire.AppendVarint(b, v)
	}
	text := func(number protowire.Number, v string) {
		b = protowire.AppendTag(b, number, protowire.BytesType)
		b = protowire.AppendString(b, v)
	}
	varint(1, f.seqID)
	varint(2, f.logID)
	varint(3, uint64(f.service)) // how protobuf writes a negative int32
	varint(4, uint64(f.method))  // the same
	for _, h := range f.headers {
		var pair []byte
		pair = protowire.AppendTag(pair, 1, protowire.BytesType)
		pair = protowire.AppendString(pair, h.key)
		pair = protowire.AppendTag(pair, 2, protowire.BytesType)
		pair = protowire.AppendString(pair, h.value)
		text(5, string(pair))
	}
	text(6, f.payloadEncoding)
	text(7, f.payloadType)
	if f.payload != nil {
		text(8, string(f.payload))
	}
	text(9, f.logIDNew)
	return b
}

// unmarshal reads a frame. It minds fields that are missing no more than proto3
// would, and skips those it does not know.
func unmarshal(b []byte) (frame, error) {
	var f frame
	err := fields(b, func(number protowire.Number, v uint64, text []byte) error {
		switch number {
		case 1:
			f.seqID = v
		case 2:
			f.logID = v
		case 3:
			f.service = int32(v) // how protobuf reads an int32
		case 4:
			f.method = int32(v) // the same
		case 5:
			h, err := unmarshalHeader(text)
			f.headers = append(f.headers, h)
			return err
		case 6:
			f.payloadEncoding = string(text)
		case 7:
			f.payloadType = string(text)
		case 8:
			f.payload = append([]byte{}, text...)
		case 9:
			f.logIDNew = string(text)
		}
		return nil
	})
	return f, err
}

func unmarshalHeader(b []byte) (header, error) {
	var h header
	err := fields(b, func(number protowire.Number, _ uint64, text []byte) error {
		switch number {
		case 1:
			h.key = string(text)
		case 2:
			h.value = string(text)
		}
		return nil
	})
	return h, err
}

// fields calls a function for each field: with a number or a text.
func fields(b []byte, each func(number protowire.Number, v uint64, text []byte) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errFrame
		}
		b = b[n:]
		var v uint64
		var text []byte
		switch kind {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			text, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return errFrame
		}
		b = b[n:]
		if err := each(number, v, text); err != nil {
			return err
		}
	}
	return nil
}
