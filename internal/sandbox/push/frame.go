package push

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

// frame is one message of a long connection: pbbp2.Frame in Feishu's words.
type frame struct {
	SeqID, LogID    uint64
	Service         int32
	Method          int32 // controlFrame or dataFrame
	Headers         []frameHeader
	PayloadEncoding string
	PayloadType     string
	Payload         []byte
	LogIDNew        string
}

type frameHeader struct{ Key, Value string }

// The methods of a frame.
const (
	controlFrame = 0
	dataFrame    = 1
)

// The numbers of a frame's fields, and of a header's.
const (
	fieldSeqID protowire.Number = iota + 1
	fieldLogID
	fieldService
	fieldMethod
	fieldHeaders
	fieldPayloadEncoding
	fieldPayloadType
	fieldPayload
	fieldLogIDNew

	fieldKey   protowire.Number = 1
	fieldValue protowire.Number = 2
)

var errFrame = errors.New("not a frame")

func (f *frame) header(key string) string {
	for _, h := range f.Headers {
		if h.Key == key {
			return h.Value
		}
	}
	return ""
}

// encode writes the four required fields also where they are 0, as proto2
// wants it: without them a client throws the frame away.
func (f *frame) encode() []byte {
	varint := func(b []byte, n protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
	}
	bytes := func(b []byte, n protowire.Number, v []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), v)
	}
	b := varint(nil, fieldSeqID, f.SeqID)
	b = varint(b, fieldLogID, f.LogID)
	b = varint(b, fieldService, uint64(int64(f.Service)))
	b = varint(b, fieldMethod, uint64(int64(f.Method)))
	for _, h := range f.Headers {
		entry := bytes(bytes(nil, fieldKey, []byte(h.Key)), fieldValue, []byte(h.Value))
		b = bytes(b, fieldHeaders, entry)
	}
	b = bytes(b, fieldPayloadEncoding, []byte(f.PayloadEncoding))
	b = bytes(b, fieldPayloadType, []byte(f.PayloadType))
	if f.Payload != nil {
		b = bytes(b, fieldPayload, f.Payload)
	}
	return bytes(b, fieldLogIDNew, []byte(f.LogIDNew))
}

// decodeFrame reads a frame, and passes over fields that it does not know.
func decodeFrame(b []byte) (frame, error) {
	var f frame
	required := map[protowire.Number]bool{fieldSeqID: true, fieldLogID: true, fieldService: true, fieldMethod: true}
	err := eachField(b, func(n protowire.Number, varint uint64, bytes []byte) error {
		delete(required, n)
		switch n {
		case fieldSeqID:
			f.SeqID = varint
		case fieldLogID:
			f.LogID = varint
		case fieldService:
			f.Service = int32(varint)
		case fieldMethod:
			f.Method = int32(varint)
		case fieldHeaders:
			h, err := decodeHeader(bytes)
			f.Headers = append(f.Headers, h)
			return err
		case fieldPayloadEncoding:
			f.PayloadEncoding = string(bytes)
		case fieldPayloadType:
			f.PayloadType = string(bytes)
		case fieldPayload:
			f.Payload = bytes
		case fieldLogIDNew:
			f.LogIDNew = string(bytes)
		}
		return nil
	})
	if err == nil && len(required) > 0 {
		err = errFrame
	}
	return f, err
}

func decodeHeader(b []byte) (frameHeader, error) {
	var h frameHeader
	err := eachField(b, func(n protowire.Number, _ uint64, bytes []byte) error {
		switch n {
		case fieldKey:
			h.Key = string(bytes)
		case fieldValue:
			h.Value = string(bytes)
		}
		return nil
	})
	return h, err
}

// eachField calls f for every field that is a varint or has a length.
func eachField(b []byte, f func(n protowire.Number, varint uint64, bytes []byte) error) error {
	for len(b) > 0 {
		number, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return errFrame
		}
		b = b[size:]
		var varint uint64
		var bytes []byte
		switch kind {
		case protowire.VarintType:
			varint, size = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			bytes, size = protowire.ConsumeBytes(b)
		default:
			size = protowire.ConsumeFieldValue(number, kind, b)
		}
		if size < 0 {
			return errFrame
		}
		b = b[size:]
		if kind != protowire.VarintType && kind != protowire.BytesType {
			continue
		}
		if err := f(number, varint, bytes); err != nil {
			return err
		}
	}
	return nil
}
