package directory_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// rendered are events as the sandbox writes them: of every type, and each with
// every behaviour that no document confirms.
func rendered(t testing.TB) (records []directory.Record) {
	t.Helper()
	server, err := sandbox.Start(t.Context(), sandbox.Config{People: 30, Departments: 8, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, set := range behaviours() {
		server.SetOptions(func(o *sandbox.Options) {
			*o = sandbox.Options{}
			set(o)
		})
		everyChange(t, server)
	}
	for i, e := range server.Events(server.AppID()) {
		records = append(records, directory.Record{
			OccurredAt: e.Created, RecordedAt: e.Created, TenantKey: "t", EventID: fmt.Sprint("e", i), EventType: e.Type, Source: directory.SourceWebhook,
			Payload: json.RawMessage(fmt.Sprintf(`{"schema":"2.0","header":{"event_type":%q},"event":%s}`, e.Type, e.Event)),
		})
	}
	return records
}

// behaviours set one option each, the first none.
func behaviours() []func(*sandbox.Options) {
	all := []func(*sandbox.Options){
		func(*sandbox.Options) {},
		func(o *sandbox.Options) { o.ResurrectEvent = sandbox.ResurrectAsCreated },
		func(o *sandbox.Options) { o.ResurrectEvent = sandbox.ResurrectAsUpdated },
		func(o *sandbox.Options) { o.RootParent = sandbox.RootParentEmpty },
		func(o *sandbox.Options) { o.RootParent = sandbox.RootParentAbsent },
		func(o *sandbox.Options) { o.MovesAcrossRange = sandbox.MovesAreSilent },
		func(o *sandbox.Options) { o.MovesAcrossRange = sandbox.MovesComeAndLeave },
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[sandbox.Options]()) {
		if field.Type.Kind() == reflect.Bool {
			all = append(all, func(o *sandbox.Options) { reflect.ValueOf(o).Elem().FieldByIndex(field.Index).SetBool(true) })
		}
	}
	return all
}

// everyChange makes changes of every kind, and leaves the company as it was, as
// far as that goes.
func everyChange(t testing.TB, server *sandbox.Server) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	truth := server.Truth()
	people, departments := slices.Sorted(maps.Keys(truth.Users)), slices.Sorted(maps.Keys(truth.Departments))
	attr, err := server.AddCustomAttr(sandbox.CustomAttrDefinition{Type: "GENERIC_USER", I18nName: []sandbox.Text{{Locale: "zh_cn", Value: "师傅"}}})
	must(err)
	enum, err := server.AddEmployeeType(sandbox.EmployeeType{Content: fmt.Sprint("型", len(server.Events(server.AppID()))), EnumStatus: 1})
	must(err)
	must(server.ChangeEmployeeType(enum.EnumID, func(e *sandbox.EmployeeType) { e.EnumStatus, e.Content = 2, e.Content+"改" }))
	must(server.ChangeEmployeeType(enum.EnumID, func(e *sandbox.EmployeeType) { e.EnumStatus = 1 }))
	must(server.RemoveEmployeeType(enum.EnumID))
	d, err := server.AddDepartment(sandbox.Department{Name: "甲部", ChatID: "oc_1", HRBPs: people[:1], I18nName: sandbox.I18nName{EnUS: "A"}})
	must(err)
	must(server.ChangeDepartment(d.OpenDepartmentID, func(d *sandbox.Department) {
		d.Name, d.ParentDepartmentID, d.HRBPs, d.ChatID, d.I18nName = "乙部", departments[0], nil, "", sandbox.I18nName{EnUS: "B"}
		d.Leaders = []sandbox.Leader{{LeaderType: 1, LeaderID: people[1]}, {LeaderType: 2, LeaderID: people[2]}}
	}))
	must(server.ChangeDepartment(d.OpenDepartmentID, func(d *sandbox.Department) { d.LeaderUserID, d.Leaders, d.ParentDepartmentID = "", nil, "0" }))
	u, err := server.AddUser(sandbox.User{Name: "王\"<&伟", DepartmentIDs: []string{d.OpenDepartmentID}, Mobile: "+8613900000001", Email: "w@example.com"})
	must(err)
	must(server.ChangeUser(u.OpenID, func(u *sandbox.User) {
		u.Name, u.EnName, u.Nickname, u.Gender, u.City, u.Country, u.JobTitle = "王芳", "Fang", "芳", 2, "北京", "CN", "架构师"
		u.Email, u.Mobile, u.EnterpriseEmail, u.EmployeeNo, u.JoinTime, u.Description = "", "", "w@corp.example.com", "n1", 1_600_000_000, "签"
		u.LeaderUserID, u.DottedLine, u.JobLevelID, u.JobFamilyID, u.AvatarKey, u.IsTenantManager = people[3], people[4:6], "l", "f", "v2_a", true
		u.CustomAttrs = []sandbox.CustomAttr{{ID: attr.ID, Type: attr.Type, Value: sandbox.CustomAttrValue{GenericUser: people[6]}}}
		u.DepartmentIDs = []string{departments[0], d.OpenDepartmentID}
	}))
	must(server.ChangeUser(u.OpenID, func(u *sandbox.User) {
		u.EnName, u.Nickname, u.City, u.Country, u.JoinTime, u.LeaderUserID, u.DottedLine, u.CustomAttrs = "", "", "", "", 0, "", nil, nil
		u.Status, u.IsTenantManager, u.DepartmentIDs = sandbox.Status{IsActivated: true, IsFrozen: true}, false, departments[:1]
	}))
	must(server.SetRange(server.AppID(), sandbox.Range{Departments: departments[1:2], Users: people[:1]}))
	must(server.MoveUser(people[7], departments[1]))
	must(server.MoveUser(people[7], departments[0]))
	must(server.SetRange(server.AppID(), sandbox.Range{}))
	must(server.ResignUser(u.OpenID))
	must(server.ChangeUser(u.OpenID, func(u *sandbox.User) { u.Status = sandbox.Status{IsActivated: true} }))
	must(server.EraseUser(u.OpenID))
	must(server.RemoveDepartment(d.OpenDepartmentID))
	server.AllowOpenQuery(false)
	server.AllowOpenQuery(true)
	must(server.RemoveCustomAttr(attr.ID))
}

// What Feishu writes, in whichever way it may be, is read whole.
func TestEveryRenderedEventIsRead(t *testing.T) {
	t.Parallel()
	types := map[string]int{}
	for _, r := range rendered(t) {
		types[r.EventType]++
		d := directory.Decode(r)
		if len(d.Problems) > 0 {
			t.Errorf("%s: %+v\n%s", r.EventType, d.Problems, r.Payload)
		}
		if len(d.Changes) == 0 && d.AskSweep == "" {
			t.Errorf("%s says nothing: %s", r.EventType, r.Payload)
		}
	}
	for _, name := range sampleTypes {
		if class := directory.ClassOf(name); len(name) > 8 && name[:8] == "contact." && types[name] == 0 {
			t.Errorf("no event of the type %s (%s)", name, class)
		}
	}
	t.Logf("%v", types)
}
