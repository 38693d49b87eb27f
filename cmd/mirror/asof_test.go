package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/directory/searchkey"
	orgmirrorv1 "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// TestThePastOfRandomLives lets a small company live, asks everything after each few
// records, and at the end asks it again of all those moments, on each axis. The
// answers must be those of then.
func TestThePastOfRandomLives(t *testing.T) {
	t.Parallel()
	seeds := []uint64{1, 2, 3}
	if text := os.Getenv("ORGMIRROR_PAST_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		must(t, err)
		if seeds = []uint64{seed}; seed == 0 {
			seeds[0] = rand.Uint64()
		}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			pastOfLife(t, rand.New(rand.NewPCG(seed, 8)))
		})
	}
}

// asked is a question and what was answered at its time.
type askedThen struct {
	method  protoreflect.MethodDescriptor
	request proto.Message
	answer  proto.Message
	code    codes.Code
}

func pastOfLife(t *testing.T, random *rand.Rand) {
	p := newPast(t)
	now := day(time.March, 1, 9)
	p.append(t, sweep(t, "11111111-1111-1111-1111-111111111111", now, []string{`{"open_department_id": "0"}`}, nil)...)
	p.exec(t, `UPDATE mirror.generation SET search_version = $1`, searchkey.Version) // the projector kept them from the beginning
	type then struct {
		moments map[string]*orgmirrorv1.GetUserRequest
		asked   []askedThen
	}
	var all []then
	there := map[string]bool{}
	for range 16 {
		for range 8 {
			now = now.Add(2 * time.Hour)
			p.append(t, p.anything(t, random, there, now))
		}
		var position int64
		var recorded time.Time
		must(t, p.pool.QueryRow(t.Context(), `SELECT position, recorded_at FROM mirror.event_log ORDER BY position DESC LIMIT 1`).Scan(&position, &recorded))
		moment := then{moments: map[string]*orgmirrorv1.GetUserRequest{
			"position": {AsOfPosition: &position},
			"recorded": {AsOfRecorded: timestamppb.New(recorded)},
			"feishu":   {AsOf: timestamppb.New(now.Add(time.Minute))},
		}}
		for name, requests := range randomQuestions(random) {
			method := methodNamed(t, name)
			for _, request := range requests {
				answer, err := p.ask(t, method, request)
				moment.asked = append(moment.asked, askedThen{method, request, answer, status.Code(err)})
			}
		}
		all = append(all, moment)
	}
	found := 0
	for i, moment := range all {
		for way, when := range moment.moments {
			for _, q := range moment.asked {
				request := proto.Clone(q.request)
				when.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
					request.ProtoReflect().Set(q.method.Input().Fields().ByName(field.Name()), value)
					return true
				})
				got, err := p.ask(t, q.method, request)
				if status.Code(err) != q.code {
					t.Fatalf("moment %d by %s: %s %v: %v, but then %v", i, way, q.method.Name(), request, err, q.code)
				}
				if err != nil {
					continue
				}
				if diff := gocmp.Diff(q.answer, got, protocmp.Transform(), notOfMoments); diff != "" {
					t.Fatalf("moment %d by %s: %s %v (-then +now):\n%s", i, way, q.method.Name(), request, diff)
				}
				found += min(1, proto.Size(got)/60)
			}
		}
	}
	if found < 500 {
		t.Errorf("%d answers have something in them", found)
	}
}

// notOfMoments leaves out what an answer says about itself, and page tokens, which
// are bound to their requests.
var notOfMoments = protocmp.FilterMessage(&timestamppb.Timestamp{}, gocmp.Ignore())

func methodNamed(t *testing.T, name string) protoreflect.MethodDescriptor {
	t.Helper()
	service, err := protoregistry.GlobalFiles.FindDescriptorByName("orgmirror.v1.DirectoryService")
	must(t, err)
	method := service.(protoreflect.ServiceDescriptor).Methods().ByName(protoreflect.Name(name))
	if method == nil {
		t.Fatalf("there is no RPC %s", name)
	}
	return method
}

func (p *past) ask(t *testing.T, method protoreflect.MethodDescriptor, request proto.Message) (proto.Message, error) {
	t.Helper()
	kind, err := protoregistry.GlobalTypes.FindMessageByName(method.Output().FullName())
	must(t, err)
	answer := kind.New()
	err = p.conn.Invoke(as(t, "sees"), fmt.Sprintf("/%s/%s", method.Parent().FullName(), method.Name()), request, answer.Interface())
	for _, name := range []protoreflect.Name{"position", "consistency_token", "mirrored_at", "staleness", "upstream_confirmed_at", "next_page_token"} {
		if field := method.Output().Fields().ByName(name); field != nil {
			answer.Clear(field)
		}
	}
	return answer.Interface(), err
}

// randomQuestions are some of each RPC.
func randomQuestions(random *rand.Rand) map[string][]proto.Message {
	user := fmt.Sprintf("ou_%d", random.IntN(10))
	userID := fmt.Sprintf("u%d", random.IntN(6))
	department := []string{"0", fmt.Sprintf("od-%d", 1+random.IntN(6))}[random.IntN(2)]
	departmentID := fmt.Sprintf("D%d", random.IntN(4))
	group := fmt.Sprintf("g%d", random.IntN(3))
	removed, recursive := random.IntN(2) == 0, random.IntN(2) == 0
	size := int32(1 + random.IntN(8))
	search := []string{"张", "三", "zhang", "li", "n", "d1", "a", "e1"}[random.IntN(8)]
	return map[string][]proto.Message{
		"GetUser":                   {&orgmirrorv1.GetUserRequest{User: user}, &orgmirrorv1.GetUserRequest{User: userID, UserIdType: "user_id", DepartmentIdType: "department_id"}},
		"BatchGetUsers":             {&orgmirrorv1.BatchGetUsersRequest{UserIds: []string{"ou_1", user, "ou_none"}}},
		"SearchUsers":               {&orgmirrorv1.SearchUsersRequest{Query: search, ShowRemoved: removed, PageSize: size}, &orgmirrorv1.SearchUsersRequest{Query: "n"}},
		"ListUsers":                 {&orgmirrorv1.ListUsersRequest{ShowRemoved: removed, PageSize: size}, &orgmirrorv1.ListUsersRequest{Filter: `department_ids:"` + department + `"`, Recursive: recursive}, &orgmirrorv1.ListUsersRequest{Filter: `email = "e1@corp"`}},
		"TranslateUserIds":          {&orgmirrorv1.TranslateUserIdsRequest{IdType: "user_id", Ids: []string{"u1", userID}}, &orgmirrorv1.TranslateUserIdsRequest{IdType: "email", Ids: []string{"e1@corp", "e2@corp"}}},
		"ListUserManagers":          {&orgmirrorv1.ListUserManagersRequest{User: user, ShowRemoved: removed}},
		"ListUserReports":           {&orgmirrorv1.ListUserReportsRequest{User: user, ShowRemoved: removed, Recursive: recursive, PageSize: size}},
		"ListUserDottedLineLeaders": {&orgmirrorv1.ListUserDottedLineLeadersRequest{User: user, ShowRemoved: removed}},
		"ListUserDepartments":       {&orgmirrorv1.ListUserDepartmentsRequest{User: user, ShowRemoved: removed}},
		"GetDepartment":             {&orgmirrorv1.GetDepartmentRequest{Department: department}, &orgmirrorv1.GetDepartmentRequest{Department: departmentID, DepartmentIdType: "department_id", UserIdType: "user_id"}},
		"BatchGetDepartments":       {&orgmirrorv1.BatchGetDepartmentsRequest{DepartmentIds: []string{department, "od-1"}}},
		"SearchDepartments":         {&orgmirrorv1.SearchDepartmentsRequest{Query: "d", ShowRemoved: removed, PageSize: size}},
		"ListDepartmentChildren":    {&orgmirrorv1.ListDepartmentChildrenRequest{Department: department, ShowRemoved: removed, PageSize: size}},
		"ListDepartmentDescendants": {&orgmirrorv1.ListDepartmentDescendantsRequest{Department: department, ShowRemoved: removed}},
		"ListDepartmentAncestors":   {&orgmirrorv1.ListDepartmentAncestorsRequest{Department: department}},
		"GetDepartmentPath":         {&orgmirrorv1.GetDepartmentPathRequest{Department: department}},
		"ListDepartmentLeaders":     {&orgmirrorv1.ListDepartmentLeadersRequest{Department: department, ShowRemoved: removed}},
		"ListDepartmentUsers":       {&orgmirrorv1.ListDepartmentUsersRequest{Department: department, ShowRemoved: removed, Recursive: recursive}, &orgmirrorv1.ListDepartmentUsersRequest{Department: "0", Recursive: true}},
		"CountDepartmentUsers":      {&orgmirrorv1.CountDepartmentUsersRequest{Department: department}},
		"GetGroup":                  {&orgmirrorv1.GetGroupRequest{Group: group}},
		"ListGroups":                {&orgmirrorv1.ListGroupsRequest{ShowRemoved: removed}},
		"ListGroupMembers":          {&orgmirrorv1.ListGroupMembersRequest{Group: group, ShowRemoved: removed}},
		"ListGroupUsers":            {&orgmirrorv1.ListGroupUsersRequest{Group: group, ShowRemoved: removed, Recursive: recursive}},
		"ListUserGroups":            {&orgmirrorv1.ListUserGroupsRequest{User: user, ShowRemoved: removed, Recursive: recursive}},
		"GetUnit":                   {&orgmirrorv1.GetUnitRequest{Unit: "BU1"}},
		"ListUnits":                 {&orgmirrorv1.ListUnitsRequest{ShowRemoved: removed}},
		"ListUnitDepartments":       {&orgmirrorv1.ListUnitDepartmentsRequest{Unit: "BU1", ShowRemoved: removed}},
		"ListEmployeeTypes":         {&orgmirrorv1.ListEmployeeTypesRequest{ShowRemoved: removed}},
		"ListCustomAttributes":      {&orgmirrorv1.ListCustomAttributesRequest{ShowRemoved: removed}},
		"ListScopeNodes":            {&orgmirrorv1.ListScopeNodesRequest{ShowRemoved: removed}},
	}
}

// anything is a record of whatever the mirror keeps.
func (p *past) anything(t *testing.T, random *rand.Rand, there map[string]bool, at time.Time) directory.Record {
	switch random.IntN(8) {
	case 0, 1:
		return p.polled(t, random, at)
	case 2, 3, 4:
		id := fmt.Sprintf("ou_%d", random.IntN(10))
		if !there[id] {
			there[id] = true
			return p.event(userEvent+created, at, fmt.Sprintf(`{"open_id": %q, "union_id": "on_%s", "status": {"is_resigned": false}, %s}`, id, id[3:], fieldsOfSomebody(random)), "")
		}
		return p.event(userEvent+updated, at, fmt.Sprintf(`{"open_id": %q, %s}`, id, fieldsOfSomebody(random)), `{"name": "x"}`)
	default:
		return p.something(random, there, at)
	}
}

func fieldsOfSomebody(random *rand.Rand) string {
	names := []string{"张三", "张伟", "曾单", "李四 Smith", "n1", "n2", "王二张"}
	return fmt.Sprintf(`"name": %q, "en_name": "En%d", "user_id": "u%d", "email": "e%d@corp", "leader_user_id": "ou_%d", "dotted_line_leader_user_ids": ["ou_%d"], "employee_no": "e%d", "city": "c%d",
		"orders": [{"department_id": "od-%d", "user_order": %d, "department_order": 2, "is_primary_dept": true}, {"department_id": "0", "user_order": 1, "department_order": 1}]`,
		names[random.IntN(len(names))], random.IntN(3), random.IntN(6), random.IntN(4), random.IntN(10), random.IntN(10), random.IntN(3), random.IntN(2), 1+random.IntN(6), random.IntN(9))
}

// polled is of what is polled: it is there, or not any more.
func (p *past) polled(t *testing.T, random *rand.Rand, at time.Time) directory.Record {
	group, unit := fmt.Sprintf("g%d", random.IntN(3)), fmt.Sprintf("BU%d", random.IntN(2))
	var kind directory.Kind
	var id, object string
	switch random.IntN(6) {
	case 0:
		kind, id = directory.KindGroup, group
		object = fmt.Sprintf(`{"id": %q, "name": "group %d", "type": %d}`, group, random.IntN(100), 1+random.IntN(2))
	case 1:
		kind, id = directory.KindGroupMember, directory.LinkID(group, directory.LinkUser, fmt.Sprintf("ou_%d", random.IntN(10)))
	case 2:
		kind, id = directory.KindGroupMember, directory.LinkID(group, directory.LinkDepartment, fmt.Sprintf("od-%d", 1+random.IntN(6)))
	case 3:
		kind, id = directory.KindUnit, unit
		object = fmt.Sprintf(`{"unit_id": %q, "name": "unit %d"}`, unit, random.IntN(100))
	case 4:
		kind, id = directory.KindUnitDepartment, directory.LinkID(unit, fmt.Sprintf("od-%d", 1+random.IntN(6)))
	default:
		kind, id = directory.KindScopeNode, directory.LinkID(directory.LinkGroup, group)
	}
	p.events++
	r := directory.Record{OccurredAt: at, EventID: fmt.Sprintf("p%04d", p.events), EntityKind: kind, EntityID: id, Source: directory.SourcePoll}
	if random.IntN(4) == 0 {
		r.EventType, r.Payload = directory.EventType(kind, "missing"), encoded(t, directory.Missing{Reason: directory.ReasonDeleted})
		return r
	}
	payload := []byte(object)
	if object == "" {
		payload = directory.LinkObject(kind, id)
	}
	r.EventType, r.Payload = directory.EventType(kind, "observed"), encoded(t, directory.Observation{Object: payload, Listed: true, SkewMarginMS: 10_000})
	return r
}

func encoded(t *testing.T, value any) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(value)
	must(t, err)
	return raw
}

// TestTreeAndPersonOfTheStory runs the commands on the company of story_test.go.
func TestTreeAndPersonOfTheStory(t *testing.T) {
	t.Parallel()
	p := storyOf(t)
	p.exec(t, `UPDATE mirror.generation SET search_version = $1`, searchkey.Version) // the projector kept them from the beginning
	run := func(ask func(*cobra.Command, orgmirrorv1.DirectoryServiceClient) error, moment asOf) string {
		service, err := moment.service(p.conn)
		must(t, err)
		out := &bytes.Buffer{}
		cmd := &cobra.Command{}
		cmd.SetContext(as(t, "reads"))
		cmd.SetOut(out)
		if err := ask(cmd, service); err != nil {
			return err.Error()
		}
		return out.String()
	}
	drawn := func(moment asOf) string {
		return run(func(cmd *cobra.Command, service orgmirrorv1.DirectoryServiceClient) error {
			return drawTree(cmd, service, "0", 0)
		}, moment)
	}
	shown := func(name string, moment asOf) string {
		return run(func(cmd *cobra.Command, service orgmirrorv1.DirectoryServiceClient) error {
			return showPerson(cmd, service, name)
		}, moment)
	}
	for name, c := range map[string]struct{ got, want string }{
		"the first days": {drawn(asOf{when: "2026-03-05T00:00:00Z"}), `
公司  0
├── 研发中心  od-rd
│   ├── 后端组  od-be
│   └── 前端组  od-fe
└── 销售部  od-sales
`},
		"after the reorganisation": {drawn(asOf{when: "2026-03-26T00:00:00Z"}), `
公司  0
├── 研发中心  od-rd
│   └── 平台组  od-pl
└── 销售部  od-sales
    └── 体验组  od-fe
`},
		"by position":                  {drawn(asOf{when: "15"}), drawn(asOf{when: "2026-03-25T09:30:00Z"})},
		"somebody who was hired later": {shown("陈静", asOf{when: "2026-03-05T00:00:00Z"}), `nobody in the mirror is called "陈静" or has this id`},
		"a name that was another": {shown("王伟", asOf{when: "2026-03-05T00:00:00Z"}), `
name          王伟
open_id       ou_wang
union_id      on_wang
user_id       wang
department    销售部
`},
		"and is not any more": {shown("王伟", asOf{}), `nobody in the mirror is called "王伟" or has this id`},
		"by pinyin, with a path of that time": {shown("lilei", asOf{when: "2026-03-05T00:00:00Z"}), `
name          李雷
open_id       ou_li
union_id      on_li
user_id       li
title         工程师
department    研发中心 / 前端组
manager       赵敏  ou_zhao
`},
		"before history": {drawn(asOf{when: "2026-02-01T00:00:00Z"}), "rpc error: code = OutOfRange desc = as_of: history exists since 2026-03-01T09:02:00Z, position 11 of the log"},
	} {
		if diff := gocmp.Diff(strings.TrimPrefix(c.want, "\n"), c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, bad := range []asOf{{when: "yesterday"}, {when: "12", recorded: true}, {recorded: true}} {
		if _, err := bad.service(p.conn); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}
