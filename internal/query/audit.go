package query

import (
	"context"
	"log/slog"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// audit writes a line for an answer with fields that are withheld from others:
// who read how many, of which company and when. What they are, and whose, it does
// not say: the line must not be worth more protection than the answer was.
func (s *Service) audit(ctx context.Context, method string, answer any) {
	c := callOf(ctx)
	message, ok := answer.(proto.Message)
	if !ok || !c.client.sees(RoleSensitive) { // there is none to count
		return
	}
	entities := countWithheld(message.ProtoReflect())
	if entities == 0 {
		return
	}
	attrs := []slog.Attr{
		slog.String("client", c.client.id), slog.String("method", method),
		slog.String("tenant", s.company(ctx)), slog.Int("entities", entities),
	}
	if at, ok := answer.(interface{ GetPosition() int64 }); ok {
		attrs = append(attrs, slog.Int64("position", at.GetPosition()))
	}
	s.auditor.LogAttrs(ctx, slog.LevelInfo, "withheld fields read", attrs...)
}

// countWithheld counts the messages within one that have a withheld field.
func countWithheld(m protoreflect.Message) (n int) {
	withheld := false
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case slices.Contains(sensitiveFields, string(field.Name())):
			withheld = true
		case field.Message() == nil || field.IsMap() || foreign(field.Message()):
		case field.IsList():
			for i := range value.List().Len() {
				n += countWithheld(value.List().Get(i).Message())
			}
		default:
			n += countWithheld(value.Message())
		}
		return true
	})
	if withheld {
		n++
	}
	return n
}

// foreign reports whether a message is not of this API: an instant, a duration.
func foreign(m protoreflect.MessageDescriptor) bool {
	return m.ParentFile().Package() != userDescriptor.ParentFile().Package()
}

// unfiltered lets lines through whatever level is set: who wants a quiet log does
// not mean the record of who read what.
type unfiltered struct{ slog.Handler }

func (unfiltered) Enabled(context.Context, slog.Level) bool { return true }
