package query_test

import (
	"context"
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// asked has requests of every RPC that are in order and find something in the small
// company; some of them with everything in them that may be asked by. A test that
// goes through all RPCs goes through these, so a new one needs a line here.
var asked = map[string][]proto.Message{
	"GetUser":       {&pb.GetUserRequest{User: "ou_ann"}, &pb.GetUserRequest{User: "ann", UserIdType: "user_id"}},
	"BatchGetUsers": {&pb.BatchGetUsersRequest{UserIds: []string{"ou_ann", "ou_none"}}},
	"SearchUsers":   {&pb.SearchUsersRequest{Query: "a"}},
	"ListUsers": {
		&pb.ListUsersRequest{}, &pb.ListUsersRequest{Filter: `city = "北京" AND employee_type = 1`},
		&pb.ListUsersRequest{Filter: `department_ids:"od-a"`}, &pb.ListUsersRequest{Filter: `department_ids:"od-a"`, Recursive: true},
		&pb.ListUsersRequest{Filter: `join_time >= "2020-01-01"`},
	},
	"TranslateUserIds":          {&pb.TranslateUserIdsRequest{Ids: []string{"ou_ann", "ou_bob", "x"}}},
	"ListUserManagers":          {&pb.ListUserManagersRequest{User: "ou_ann"}},
	"ListUserReports":           {&pb.ListUserReportsRequest{User: "ou_zoe"}, &pb.ListUserReportsRequest{User: "ou_zoe", Recursive: true}},
	"ListUserDottedLineLeaders": {&pb.ListUserDottedLineLeadersRequest{User: "ou_ann"}},
	"ListUserDepartments":       {&pb.ListUserDepartmentsRequest{User: "ou_ann"}},

	"GetDepartment":             {&pb.GetDepartmentRequest{Department: "od-a"}},
	"BatchGetDepartments":       {&pb.BatchGetDepartmentsRequest{DepartmentIds: []string{"od-a", "od-none"}}},
	"SearchDepartments":         {&pb.SearchDepartmentsRequest{Query: "a"}},
	"ListDepartmentChildren":    {&pb.ListDepartmentChildrenRequest{Department: "od-a"}},
	"ListDepartmentDescendants": {&pb.ListDepartmentDescendantsRequest{Department: "0"}},
	"ListDepartmentAncestors":   {&pb.ListDepartmentAncestorsRequest{Department: "od-a"}},
	"GetDepartmentPath":         {&pb.GetDepartmentPathRequest{Department: "od-a11"}},
	"ListDepartmentLeaders":     {&pb.ListDepartmentLeadersRequest{Department: "od-a"}},
	"ListDepartmentUsers":       {&pb.ListDepartmentUsersRequest{Department: "od-a"}, &pb.ListDepartmentUsersRequest{Department: "od-a", Recursive: true}},
	"CountDepartmentUsers":      {&pb.CountDepartmentUsersRequest{Department: "od-a"}},

	"GetGroup":             {&pb.GetGroupRequest{Group: "g1"}},
	"ListGroups":           {&pb.ListGroupsRequest{}, &pb.ListGroupsRequest{Type: 2}},
	"ListGroupMembers":     {&pb.ListGroupMembersRequest{Group: "g1"}, &pb.ListGroupMembersRequest{Group: "g1", MemberType: "user"}},
	"ListGroupUsers":       {&pb.ListGroupUsersRequest{Group: "g1"}, &pb.ListGroupUsersRequest{Group: "g1", Recursive: true}},
	"ListUserGroups":       {&pb.ListUserGroupsRequest{User: "ou_ann"}, &pb.ListUserGroupsRequest{User: "ou_ann", Recursive: true}},
	"GetUnit":              {&pb.GetUnitRequest{Unit: "BU1"}},
	"ListUnits":            {&pb.ListUnitsRequest{}},
	"ListUnitDepartments":  {&pb.ListUnitDepartmentsRequest{Unit: "BU1"}},
	"ListEmployeeTypes":    {&pb.ListEmployeeTypesRequest{}},
	"ListCustomAttributes": {&pb.ListCustomAttributesRequest{}},
	"ListScopeNodes":       {&pb.ListScopeNodesRequest{}},

	"ListUserChanges":       {&pb.ListUserChangesRequest{User: "ou_ann"}},
	"ListDepartmentChanges": {&pb.ListDepartmentChangesRequest{Department: "od-a"}},
	"DiffOrganization": {
		&pb.DiffOrganizationRequest{FromPosition: proto.Int64(55)}, &pb.DiffOrganizationRequest{FromPosition: proto.Int64(55), Department: "od-a"},
	},

	"GetSyncStatus": {&pb.GetSyncStatusRequest{}},
}

// operated are the RPCs that only operators may call, and that change something:
// TestOperatorsOnly and TestOperatorAnswers ask them.
var operated = map[protoreflect.Name]bool{"StartSweep": true, "ListHeldRemovals": true, "ApproveRemovals": true, "RejectRemovals": true}

// question is a request of one RPC.
type question struct {
	method  protoreflect.MethodDescriptor
	request proto.Message
}

// ask sends a request, the question's own or one made of it.
func (q question) ask(ctx context.Context, b *bundle, request proto.Message) (proto.Message, error) {
	answer, err := protoregistry.GlobalTypes.FindMessageByName(q.method.Output().FullName())
	if err != nil {
		return nil, err
	}
	message := answer.New().Interface()
	err = b.conn.Invoke(ctx, fmt.Sprintf("/%s/%s", q.method.Parent().FullName(), q.method.Name()), request, message)
	return message, err
}

// questions are those of every RPC that readers may call, by a name. An RPC that
// nobody thought of is an error.
func questions(t testing.TB) map[string]question {
	t.Helper()
	all := map[string]question{}
	protoregistry.GlobalFiles.RangeFilesByPackage("orgmirror.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for k := range methods.Len() {
				method := methods.Get(k)
				if operated[method.Name()] {
					continue
				}
				if len(asked[string(method.Name())]) == 0 {
					t.Errorf("%s has no request in this test", method.FullName())
				}
				for n, request := range asked[string(method.Name())] {
					if request.ProtoReflect().Descriptor() != method.Input() {
						t.Errorf("%s is asked with a %T", method.FullName(), request)
						continue
					}
					all[fmt.Sprintf("%s %d", method.Name(), n+1)] = question{method, request}
				}
			}
		}
		return true
	})
	return all
}

// everyRead calls each RPC with a consistency token.
func everyRead(t testing.TB, b *bundle, token string) map[string]func(context.Context) (any, error) {
	t.Helper()
	calls := map[string]func(context.Context) (any, error){}
	for name, q := range questions(t) {
		request := proto.Clone(q.request)
		if field := q.method.Input().Fields().ByName("at_least_as_fresh"); token != "" {
			request.ProtoReflect().Set(field, protoreflect.ValueOfString(token))
		}
		calls[name] = func(ctx context.Context) (any, error) { return q.ask(ctx, b, request) }
	}
	return calls
}

// mayHold reports whether messages of a kind can have one of another in them.
func mayHold(message protoreflect.MessageDescriptor, name protoreflect.Name) bool {
	if message.Name() == name {
		return true
	}
	for i := range message.Fields().Len() {
		if of := message.Fields().Get(i).Message(); of != nil && of.ParentFile().Package() == message.ParentFile().Package() && mayHold(of, name) {
			return true
		}
	}
	return false
}

// TestEveryAnswerSaysWhenItIsFrom looks for what every answer has.
func TestEveryAnswerSaysWhenItIsFrom(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small", "resources")
	for name, q := range questions(t) {
		answer, err := q.ask(as(t, "reads"), b, q.request)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, field := range []protoreflect.Name{"position", "consistency_token", "mirrored_at", "staleness", "upstream_confirmed_at"} {
			if f := q.method.Output().Fields().ByName(field); f == nil || !answer.ProtoReflect().Has(f) {
				t.Errorf("%s does not answer %s", name, field)
			}
		}
		found := false
		answer.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
			found = found || field.Number() < 20
			return true
		})
		if !found {
			t.Errorf("%s found nothing: nothing is tested", name)
		}
	}
}

// TestEveryRPCRefusesNonsense asks each RPC with each thing wrong that requests have
// in common.
func TestEveryRPCRefusesNonsense(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small", "resources")
	nobody := protoreflect.ValueOfString("nobody")
	for name, q := range questions(t) {
		ask := func(field protoreflect.Name, value protoreflect.Value) error {
			request := proto.Clone(q.request)
			request.ProtoReflect().Set(q.method.Input().Fields().ByName(field), value)
			_, err := q.ask(as(t, "reads"), b, request)
			return err
		}
		fields := q.method.Input().Fields()
		for i := range fields.Len() {
			switch field := fields.Get(i); field.Name() {
			case "user_id_type", "department_id_type", "id_type", "at_least_as_fresh", "page_token":
				reason := map[protoreflect.Name]string{"at_least_as_fresh": "CONSISTENCY_TOKEN_INVALID", "page_token": "PAGE_TOKEN_INVALID"}[field.Name()]
				if reason == "" {
					reason = "ARGUMENT_INVALID"
				}
				wantField(t, ask(field.Name(), nobody), reason, string(field.Name()))
			case "page_size", "max_depth":
				wantField(t, ask(field.Name(), protoreflect.ValueOfInt32(-1)), "ARGUMENT_INVALID", string(field.Name()))
			case "read_mask":
				wantField(t, ask(field.Name(), protoreflect.ValueOfMessage((&fieldmaskpb.FieldMask{Paths: []string{"nothing"}}).ProtoReflect())), "ARGUMENT_INVALID", "read_mask")
			case "user", "department", "group", "unit":
				if code := codeOf(ask(field.Name(), nobody)); code.String() != "NotFound" {
					t.Errorf("%s of nobody: %v", name, code)
				}
				if q.method.Name() != "DiffOrganization" { // where no department is the whole company
					wantField(t, ask(field.Name(), protoreflect.ValueOfString("")), "ARGUMENT_INVALID", string(field.Name()))
				}
			case "query", "filter":
				wantField(t, ask(field.Name(), protoreflect.ValueOfString("\x00")), "ARGUMENT_INVALID", string(field.Name()))
			}
		}
	}
}
