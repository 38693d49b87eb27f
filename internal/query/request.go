package query

import (
	"context"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

const (
	defaultPageSize = 50
	maxPageSize     = 1000

	// maxPageBytes ends a page early: gRPC clients refuse messages above 4 MiB
	// unless told otherwise.
	maxPageBytes = 3 << 20

	// maxTextBytes is more than any id or name of Feishu's.
	maxTextBytes = 256
)

// The id kinds, in Feishu's words. Each default comes first.
const (
	openID  = "open_id"
	unionID = "union_id"
	userID  = "user_id"

	openDepartmentID = "open_department_id"
	departmentID     = "department_id"
)

// rootID is the root department in both id kinds. It exists even where the
// mirror never saw it.
const rootID = "0"

// freshRequest is what all requests have in common. Those that take or answer ids of
// people or departments say of which kind: GetUserIdType, GetDepartmentIdType.
type freshRequest interface {
	proto.Message
	GetAtLeastAsFresh() string
}

// directoryRequest is what all requests have in common whose answers have fields to
// choose from.
type directoryRequest interface {
	freshRequest
	GetReadMask() *fieldmaskpb.FieldMask
}

// terms are on what terms a request wants its answer.
type terms struct {
	userIDType       string
	departmentIDType string
	mask             mask
	when
	sensitive bool // the caller may see sensitive fields
}

// native reports whether ids are asked for and answered as the mirror keeps them.
func (t terms) native() bool { return t.userIDType == openID && t.departmentIDType == openDepartmentID }

// termsOf checks what all requests have in common. resource is what the read_mask
// is about.
func termsOf(ctx context.Context, req directoryRequest, resource protoreflect.MessageDescriptor) (t terms, err error) {
	if t, err = idTerms(req); err != nil {
		return terms{}, err
	}
	t.sensitive = callOf(ctx).client.sees(RoleSensitive)
	t.mask, err = newMask(req.GetReadMask().GetPaths(), resource, t.sensitive)
	return t, err
}

// idTerms are the terms of a request whose answer has no fields to choose from.
func idTerms(req freshRequest) (t terms, err error) {
	var userType, departmentType string
	if r, ok := req.(interface{ GetUserIdType() string }); ok {
		userType = r.GetUserIdType()
	}
	if r, ok := req.(interface{ GetDepartmentIdType() string }); ok {
		departmentType = r.GetDepartmentIdType()
	}
	if t.userIDType, err = oneOf("user_id_type", userType, openID, unionID, userID); err != nil {
		return terms{}, err
	}
	if t.departmentIDType, err = oneOf("department_id_type", departmentType, openDepartmentID, departmentID); err != nil {
		return terms{}, err
	}
	t.when, err = whenOf(req)
	return t, err
}

// pageSize is how many entries a page may have.
func pageSize(asked int32) (int, error) {
	switch {
	case asked < 0:
		return 0, badField(reasonArgument, "page_size", "must not be negative")
	case asked == 0:
		return defaultPageSize, nil
	default:
		return min(int(asked), maxPageSize), nil
	}
}

// texts checks a list of ids.
func texts(field string, values []string, most int) error {
	if len(values) == 0 || len(values) > most {
		return badField(reasonArgument, field, "must be 1 to %d ids, not %d", most, len(values))
	}
	for _, value := range values {
		if _, err := text(field, value); err != nil {
			return err
		}
	}
	return nil
}

// text checks an id or a name that will be looked up. PostgreSQL has no text
// with U+0000; gRPC has refused what is not UTF-8.
func text(field, value string) (string, error) {
	switch {
	case value == "":
		return "", badField(reasonArgument, field, "must not be empty")
	case len(value) > maxTextBytes:
		return "", badField(reasonArgument, field, "must not be longer than %d bytes", maxTextBytes)
	case strings.ContainsRune(value, 0):
		return "", badField(reasonArgument, field, "must not contain U+0000")
	}
	return value, nil
}
