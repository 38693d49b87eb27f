package query_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/orgmirror/orgmirror/internal/directory/searchkey"
	"github.com/orgmirror/orgmirror/internal/query"
)

// The withheld values of Ann and others, and other ones in their places, which sort
// otherwise too. In history the new values are those of all times: that some of
// them changed is withheld too.
const otherSecrets = `
UPDATE history.users
SET email = 'other@private.example', enterprise_email = 'other@corp.example', mobile = '+4477', employee_no = 'F1', gender = 0, custom_attrs = NULL;

UPDATE directory.users
SET email = 'other' || md5(open_id) || '@private.example', enterprise_email = 'other' || md5(open_id) || '@corp.example',
    mobile = '+4477' || (position * 7919 % 1000), employee_no = md5(open_id), gender = 3 - coalesce(gender, 0),
    custom_attrs = jsonb_build_array(jsonb_build_object('id', 'C-9', 'type', 'TEXT', 'value', jsonb_build_object('text', md5(open_id))))`

// moreHistory is what the small company's history does not have.
const moreHistory = `
UPDATE history.users AS v
SET dotted_line_leader_user_ids = u.dotted_line_leader_user_ids
FROM directory.users AS u
WHERE u.tenant_key = v.tenant_key AND u.open_id = v.open_id;

INSERT INTO history.groups (tenant_key, group_id, name, type, attributes, removed_at, from_position, valid_from)
SELECT tenant_key, group_id, name, type, attributes, removed_at, position, now() - interval '150 minutes'
FROM directory.groups;

INSERT INTO history.group_members (tenant_key, group_id, member_type, member_id, removed_at, from_position, valid_from)
SELECT tenant_key, group_id, member_type, member_id, removed_at, position, now() - interval '150 minutes'
FROM directory.group_members;

INSERT INTO history.memberships (tenant_key, open_department_id, open_id, is_primary_dept, from_position, valid_from)
SELECT tenant_key, open_department_id, open_id, is_primary_dept, position, now() - interval '150 minutes'
FROM directory.memberships`

// What somebody was found by in the past is withheld too.
const formerSecrets = `
DELETE FROM history.search_keys;
INSERT INTO history.search_keys
SELECT DISTINCT v.tenant_key, 'user', true, false, lower(k.key), v.open_id
FROM history.users AS v
CROSS JOIN unnest(ARRAY[v.email, v.enterprise_email, v.employee_no]) AS k (key)
WHERE k.key IS NOT NULL`

// secrets are Ann's withheld values, and beginnings of them.
var secrets = []string{
	"ann@private.example", "ann@priv", "ann@corp.example", "+8613800000001", "13800000001", "E001", "E0", "2", "C-1", "x",
}

// variants are requests like one, each with something else in it: every switch, every
// word that is a withheld value, and every way to ask for or by a withheld field.
func variants(request proto.Message) []proto.Message {
	all := []proto.Message{request}
	with := func(set func(protoreflect.Message)) {
		other := proto.Clone(request)
		set(other.ProtoReflect())
		all = append(all, other)
	}
	fields := request.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		words := func() []string {
			switch field.Name() {
			case "filter":
				var filters []string
				for _, name := range sensitive {
					for _, secret := range secrets {
						filters = append(filters, fmt.Sprintf("%s = %q", name, secret), fmt.Sprintf("%s = 2", name))
					}
				}
				return filters
			case "id_type", "to_id_types", "user_id_type", "department_id_type":
				return append([]string{"open_id", "union_id", "user_id", "department_id"}, sensitive...)
			case "page_token", "at_least_as_fresh":
				return nil
			default:
				return secrets
			}
		}
		switch {
		case field.Name() == "read_mask":
			for _, name := range sensitive {
				with(func(m protoreflect.Message) {
					m.Set(field, protoreflect.ValueOfMessage((&fieldmaskpb.FieldMask{Paths: []string{name}}).ProtoReflect()))
				})
			}
		case field.Kind() == protoreflect.BoolKind:
			with(func(m protoreflect.Message) { m.Set(field, protoreflect.ValueOfBool(!m.Get(field).Bool())) })
		case field.Kind() == protoreflect.Int32Kind && !field.IsList():
			with(func(m protoreflect.Message) { m.Set(field, protoreflect.ValueOfInt32(1)) })
		case field.Kind() == protoreflect.Int64Kind:
			with(func(m protoreflect.Message) { m.Set(field, protoreflect.ValueOfInt64(95)) })
		case field.Kind() == protoreflect.StringKind && field.IsList():
			for _, word := range words() {
				with(func(m protoreflect.Message) { m.Mutable(field).List().Append(protoreflect.ValueOfString(word)) })
			}
		case field.Kind() == protoreflect.StringKind:
			for _, word := range words() {
				with(func(m protoreflect.Message) { m.Set(field, protoreflect.ValueOfString(word)) })
			}
		case field.Message() == nil:
			panic("a request has a field of a kind that this test does not know: " + field.FullName())
		}
	}
	// Whatever ids are of a kind that is withheld are looked up by the values too.
	if idType, ids := fields.ByName("id_type"), fields.ByName("ids"); idType != nil && ids != nil {
		for _, name := range sensitive {
			with(func(m protoreflect.Message) {
				m.Set(idType, protoreflect.ValueOfString(name))
				list := m.Mutable(ids).List()
				list.Truncate(0)
				for _, secret := range secrets {
					list.Append(protoreflect.ValueOfString(secret))
				}
			})
		}
	}
	return all
}

// answers asks everything that can be asked as a client, of now and of the past, and
// writes down what comes.
func (b *bundle) answers(t *testing.T, client string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	ctx := as(t, client)
	for name, q := range questions(t) {
		for _, request := range variants(q.request) {
			all[name] = append(all[name], fmt.Sprintf("%v\n%s", request, b.heard(ctx, q, request)))
			if position := q.method.Input().Fields().ByName("as_of_position"); position != nil {
				then := proto.Clone(request)
				then.ProtoReflect().Set(position, protoreflect.ValueOfInt64(95))
				all[name+" then"] = append(all[name+" then"], fmt.Sprintf("%v\n%s", then, b.heard(ctx, q, then)))
			}
		}
	}
	return all
}

func (b *bundle) heard(ctx context.Context, q question, request proto.Message) string {
	answer, err := q.ask(ctx, b, request)
	if err != nil {
		return err.Error()
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(answer)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// TestNobodyInfersWhatIsWithheld asks everything twice, with other withheld values
// behind it the second time. Who may not see them must hear the same, whatever he
// asks for or by; so he learns nothing about them. Who may see them hears the
// difference in every answer that has people in it.
func TestNobodyInfersWhatIsWithheld(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small", "resources")
	b.exec(t, `UPDATE mirror.generation SET search_version = $1`, searchkey.Version)
	b.exec(t, moreHistory)
	b.exec(t, formerSecrets)
	before := map[string]map[string][]string{}
	for _, client := range []string{"reads", "runs", "sees"} {
		before[client] = b.answers(t, client)
	}
	b.exec(t, otherSecrets)
	b.exec(t, formerSecrets)
	query.FillSearch(t, b.pool)
	for _, client := range []string{"reads", "runs"} {
		for name, now := range b.answers(t, client) {
			for i := range now {
				if now[i] != before[client][name][i] {
					t.Errorf("%s hears by %s that withheld values changed: %q, and before %q", client, name, now[i], before[client][name][i])
				}
			}
		}
	}
	all := questions(t)
	for name, now := range b.answers(t, "sees") {
		if out := all[strings.TrimSuffix(name, " then")].method.Output(); (mayHold(out, "User") || mayHold(out, "UserIds")) && slices.Equal(now, before["sees"][name]) {
			t.Errorf("who sees everything sees no change by %s: nothing is tested", name)
		}
	}
}
