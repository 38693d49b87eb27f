package app

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/orgmirror/orgmirror/internal/query"
	orgmirrorv1 "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// words are what is tried in the text fields of requests about a company: ids,
// addresses and names of one person and one department, of each kind, and of one of
// each that shares its ids with the other company.
func (p *pair) words(t *testing.T, key string) []string {
	t.Helper()
	truth := p.of[key].Truth()
	words := []string{"0", key}
	for i, id := range slices.Sorted(maps.Keys(truth.Users))[:2] {
		u := truth.Users[id]
		words = append(words, u.OpenID, u.UserID, u.EmployeeNo)
		if i == 0 {
			words = append(words, u.UnionID, u.Name, u.Email, u.Mobile, u.EnterpriseEmail)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(truth.Departments))[:2] {
		words = append(words, id, truth.Departments[id].DepartmentID)
	}
	// What finds several, so that there is a second page.
	leaders, surnames, signs := map[string]int{}, map[string]int{}, map[string]int{}
	for _, u := range truth.Users {
		surnames[string([]rune(u.Name)[:1])]++
		if u.LeaderUserID != "" {
			leaders[u.LeaderUserID]++
		}
	}
	for _, d := range truth.Departments {
		for _, sign := range d.Name {
			signs[string(sign)]++
		}
	}
	words = append(words, most(surnames), most(signs), most(leaders), truth.Users[most(leaders)].UserID, truth.Users[most(leaders)].UnionID)
	for _, ids := range [][]string{
		slices.Sorted(maps.Keys(truth.Groups)), slices.Sorted(maps.Keys(truth.Units)),
		slices.Sorted(maps.Keys(truth.EmployeeTypes)), slices.Sorted(maps.Keys(truth.CustomAttrs)),
	} {
		if len(ids) > 0 {
			words = append(words, ids[0])
		}
	}
	words = slices.DeleteFunc(words, func(w string) bool { return w == "" })
	slices.Sort(words)
	return slices.Compact(words)
}

func most(times map[string]int) string {
	return slices.MaxFunc(slices.Sorted(maps.Keys(times)), func(a, b string) int { return times[a] - times[b] })
}

// rpc is one method of the service, whatever it is.
type rpc struct {
	path          string
	input, output protoreflect.MessageDescriptor
}

// rpcs are all methods that the server has, those that are added later too.
func (p *pair) rpcs(t *testing.T) (all []rpc) {
	t.Helper()
	for name := range p.service.grpc.GetServiceInfo() {
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
		must(t, err)
		service := d.(protoreflect.ServiceDescriptor)
		if service.ParentFile().Package() != "orgmirror.v1" {
			continue // health and reflection know no company
		}
		for i := range service.Methods().Len() {
			m := service.Methods().Get(i)
			if m.IsStreamingClient() || m.IsStreamingServer() {
				t.Errorf("%s streams: teach this test to try it", m.FullName())
			}
			all = append(all, rpc{fmt.Sprintf("/%s/%s", name, m.Name()), m.Input(), m.Output()})
		}
	}
	slices.SortFunc(all, func(a, b rpc) int { return cmp.Compare(a.path, b.path) })
	return all
}

// shared are the fields of requests that mean the same everywhere.
var shared = []string{"user_id_type", "department_id_type", "read_mask", "at_least_as_fresh", "page_size", "page_token"}

// tellNobody are the methods whose answers name nobody and nothing of a company:
// that they answer about the right one is all there is to see.
var tellNobody = []string{"/orgmirror.v1.SyncService/GetSyncStatus"}

// decide are the methods that do something, which TestNoDecisionCrossesTenants
// tries.
var decide = []string{
	"/orgmirror.v1.SyncService/StartSweep", "/orgmirror.v1.SyncService/ApproveRemovals", "/orgmirror.v1.SyncService/RejectRemovals",
}

// hints are requests that trying each word in each field does not come to. A method
// whose requests need more than one word has to have some; the test says so.
var hints = map[string]func(p *pair, t *testing.T, key string) []proto.Message{
	"/orgmirror.v1.DirectoryService/TranslateUserIds": func(p *pair, t *testing.T, key string) (all []proto.Message) {
		kinds := []string{"open_id", "union_id", "user_id", "email", "enterprise_email", "mobile", "employee_no"}
		for _, word := range p.words(t, key) {
			for _, kind := range kinds {
				all = append(all, &orgmirrorv1.TranslateUserIdsRequest{Ids: []string{word}, IdType: kind, ToIdTypes: kinds})
			}
		}
		return all
	},
	"/orgmirror.v1.DirectoryService/ListUsers": func(p *pair, t *testing.T, key string) (all []proto.Message) {
		for _, word := range p.words(t, key) {
			for _, filter := range []string{"department_ids:%q", "employee_no = %q", "mobile = %q", "email = %q"} {
				all = append(all, &orgmirrorv1.ListUsersRequest{Filter: fmt.Sprintf(filter, word), DepartmentIdType: "department_id", Recursive: true})
			}
		}
		return all
	},
	"/orgmirror.v1.HistoryService/DiffOrganization": func(p *pair, _ *testing.T, _ string) []proto.Message {
		return []proto.Message{
			&orgmirrorv1.DiffOrganizationRequest{FromPosition: &p.begun},
			&orgmirrorv1.DiffOrganizationRequest{FromPosition: &p.begun, Department: "0", UserIdType: "user_id", DepartmentIdType: "department_id"},
		}
	},
}

// requests are what is tried on a method to learn something of a company.
func (p *pair) requests(t *testing.T, m rpc, key string) (all []proto.Message) {
	t.Helper()
	kind, err := protoregistry.GlobalTypes.FindMessageByName(m.input.FullName())
	must(t, err)
	if more := hints[m.path]; more != nil {
		all = more(p, t, key)
	}
	fill := func(ids [2]string, all bool) protoreflect.Message {
		r := kind.New()
		for i, name := range []protoreflect.Name{"user_id_type", "department_id_type"} {
			if f := m.input.Fields().ByName(name); f != nil && ids[i] != "" {
				r.Set(f, protoreflect.ValueOfString(ids[i]))
			}
		}
		for i := range m.input.Fields().Len() {
			if f := m.input.Fields().Get(i); f.Kind() == protoreflect.BoolKind && !f.IsList() && all {
				r.Set(f, protoreflect.ValueOfBool(true))
			}
		}
		return r
	}
	for _, how := range []struct {
		ids   [2]string
		flags bool
	}{{}, {flags: true}, {ids: [2]string{"union_id", "department_id"}}, {[2]string{"user_id", "department_id"}, true}} {
		all = append(all, fill(how.ids, how.flags).Interface())
		for i := range m.input.Fields().Len() {
			f := m.input.Fields().Get(i)
			if f.Kind() != protoreflect.StringKind || f.IsMap() || slices.Contains(shared, string(f.Name())) {
				continue
			}
			for _, word := range p.words(t, key) {
				r := fill(how.ids, how.flags)
				if f.IsList() {
					r.Mutable(f).List().Append(protoreflect.ValueOfString(word))
				} else {
					r.Set(f, protoreflect.ValueOfString(word))
				}
				all = append(all, r.Interface())
			}
		}
	}
	if m.input.Fields().ByName("as_of_position") != nil { // the same of the past
		for _, request := range slices.Clone(all) {
			all = append(all, set(request, "as_of_position", p.begun))
		}
	}
	return all
}

// ask makes a call as a client about a company; of none where about is empty.
func (p *pair) ask(t *testing.T, m rpc, request proto.Message, client, about string) (proto.Message, error) {
	t.Helper()
	kind, err := protoregistry.GlobalTypes.FindMessageByName(m.output.FullName())
	must(t, err)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+client+":"+pairSecret)
	if about != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, strings.ToLower(query.TenantHeader), about)
	}
	answer := kind.New().Interface()
	return answer, p.conn.Invoke(ctx, m.path, request, answer)
}

// textsIn are all texts in a message.
func textsIn(m protoreflect.Message, found map[string]bool) map[string]bool {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		var values []protoreflect.Value
		switch {
		case f.IsList():
			for i := range v.List().Len() {
				values = append(values, v.List().Get(i))
			}
		case !f.IsMap():
			values = []protoreflect.Value{v}
		}
		for _, v := range values {
			switch f.Kind() {
			case protoreflect.StringKind:
				found[v.String()] = true
			case protoreflect.MessageKind:
				textsIn(v.Message(), found)
			default:
			}
		}
		return true
	})
	return found
}

// told are the texts of a company that an answer, or an error, tells although the
// request did not hold them.
func (p *pair) told(key string, request, answer proto.Message, err error) (of []string) {
	said := textsIn(request.ProtoReflect(), map[string]bool{})
	found := textsIn(answer.ProtoReflect(), map[string]bool{})
	if err != nil {
		for _, detail := range status.Convert(err).Proto().GetDetails() {
			found[string(detail.GetValue())] = true
		}
		for text := range p.texts[key] { // in the middle of a sentence
			if !said[text] && strings.Contains(err.Error(), text) {
				of = append(of, text)
			}
		}
	}
	for text := range found {
		if p.texts[key][text] && !said[text] {
			of = append(of, text)
		}
	}
	return of
}

func field(m proto.Message, name protoreflect.Name) string {
	f := m.ProtoReflect().Descriptor().Fields().ByName(name)
	if f == nil {
		return ""
	}
	return m.ProtoReflect().Get(f).String()
}

func set(m proto.Message, name protoreflect.Name, v any) proto.Message {
	m = proto.Clone(m)
	if f := m.ProtoReflect().Descriptor().Fields().ByName(name); f != nil {
		m.ProtoReflect().Set(f, protoreflect.ValueOf(v))
	}
	return m
}
