package query

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// sensitiveFields are those of a user that only clients with the role
// "sensitive" see.
var sensitiveFields = []string{"mobile", "email", "enterprise_email", "employee_no", "gender", "custom_attrs"}

// mask says which fields of a message to answer. The nil mask is all of them.
type mask map[protoreflect.Name]mask

// newMask compiles a read_mask. Feishu's nested objects can be asked for in
// part (status.is_frozen), lists and instants only whole.
func newMask(paths []string, resource protoreflect.MessageDescriptor, sensitive bool) (mask, error) {
	if len(paths) == 0 || slices.Contains(paths, "*") {
		return nil, nil
	}
	m := mask{}
	for _, path := range paths {
		steps := strings.Split(path, ".")
		if !known(resource, steps) {
			return nil, badField(reasonArgument, "read_mask", "%s has no field %q", resource.Name(), path)
		}
		if !sensitive && slices.Contains(sensitiveFields, steps[0]) {
			return nil, fieldNotPermitted("read_mask", steps[0])
		}
		m.add(steps)
	}
	return m, nil
}

// fieldNotPermitted refuses a field of the request that asks for, or by, a
// sensitive field of a user.
func fieldNotPermitted(field, sensitive string) error {
	f := badField(reasonFieldNotPermitted, field, "%s is for clients with the role %q", sensitive, RoleSensitive)
	f.metadata = map[string]string{"field": sensitive, "role": string(RoleSensitive)}
	return f
}

func known(message protoreflect.MessageDescriptor, steps []string) bool {
	for i, step := range steps {
		field := message.Fields().ByName(protoreflect.Name(step))
		if field == nil {
			return false
		}
		if i == len(steps)-1 {
			return true
		}
		message = field.Message()
		if message == nil || field.IsList() || message.ParentFile().Package() != field.ParentFile().Package() {
			return false
		}
	}
	return false
}

// add asks for one path. A whole field outweighs its parts.
func (m mask) add(steps []string) {
	name := protoreflect.Name(steps[0])
	below, asked := m[name]
	switch {
	case asked && below == nil:
	case len(steps) == 1:
		m[name] = nil
	default:
		if below == nil {
			below = mask{}
			m[name] = below
		}
		below.add(steps[1:])
	}
}

// apply clears what was not asked for.
func (m mask) apply(message protoreflect.Message) {
	if m == nil {
		return
	}
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		below, asked := m[field.Name()]
		switch {
		case !asked:
			message.Clear(field)
		case below != nil:
			below.apply(value.Message())
		}
		return true
	})
}

// SensitiveFields names the fields of a user that only clients with the role
// "sensitive" see, by Feishu's names.
func SensitiveFields() []string { return slices.Clone(sensitiveFields) }
