package sandbox

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// happen makes a change that no method makes.
func (s *Server) happen(by *app, c change) {
	_ = s.mutate(by, func() error { s.org.record(c); return nil })
}

// toldTo lists what an app was told since the last call.
func (s *Server) toldTo(app string) []string {
	var out []string
	for _, e := range s.Events(app) {
		out = append(out, strings.TrimSuffix(strings.TrimPrefix(e.Type, "contact."), "_v3")+" "+string(e.Event))
	}
	s.ForgetEvents(app)
	return out
}

func quiet(t *testing.T) *Server {
	t.Helper()
	s, err := Start(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestEmployeeTypeEvents(t *testing.T) {
	t.Parallel()
	was := EmployeeType{EnumID: "e1", EnumValue: "6", Content: "驻场", EnumType: 2, EnumStatus: 2, I18nContent: []Text{{Locale: "zh_cn", Value: "驻场"}}}
	renamed, activated, translated, both := was.clone(), was.clone(), was.clone(), was.clone()
	renamed.Content = "外派"
	activated.EnumStatus = 1
	translated.I18nContent[0].Value = "x"
	both.Content, both.EnumStatus = "外派", 1
	const raw = `{"enum_id":"e1","enum_value":"6","content":"驻场","enum_type":2,"enum_status":2,"i18n_content":[{"locale":"zh_cn","value":"驻场"}]}`
	changed := func(before, after EmployeeType) change {
		return change{what: changed, entity: kindEmployeeType, enumBefore: &before, enumAfter: &after}
	}
	for _, c := range []struct {
		name string
		c    change
		one  bool
		want string // types
	}{
		{"created", change{what: created, entity: kindEmployeeType, enumAfter: &was}, false, "created"},
		{"deleted", change{what: deleted, entity: kindEmployeeType, enumBefore: &was}, false, "deleted"},
		{"nothing", changed(was, was), false, ""},
		{"renamed", changed(was, renamed), false, "updated"},
		{"translated", changed(was, translated), false, "updated"},
		{"activated", changed(was, activated), false, "actived"},
		{"deactivated", changed(activated, was), false, "deactivated"},
		{"both", changed(was, both), false, "updated actived"},
		{"both in one event", changed(was, both), true, "actived"},
		{"renamed in one event", changed(was, renamed), true, "updated"},
	} {
		s := quiet(t)
		s.SetOptions(func(o *Options) { o.OneEmployeeTypeEvent = c.one })
		s.happen(nil, c.c)
		var types []string
		for _, told := range s.toldTo(s.AppID()) {
			head, body, _ := strings.Cut(told, " ")
			types = append(types, strings.TrimPrefix(head, "employee_type_enum."))
			var e struct {
				Old json.RawMessage `json:"old_enum"`
				New json.RawMessage `json:"new_enum"`
			}
			if err := json.Unmarshal([]byte(body), &e); err != nil || (e.Old == nil) != (c.c.enumBefore == nil) || (e.New == nil) != (c.c.enumAfter == nil) {
				t.Errorf("%s: %s, %v", c.name, body, err)
			}
			if c.c.enumBefore == &was && string(e.Old) != raw {
				t.Errorf("%s: old_enum %s", c.name, e.Old)
			}
		}
		if got := strings.Join(types, " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestCustomAttrEvents(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	attrs := func(before, after []string, open ...bool) change {
		return change{what: changed, entity: kindCustomAttr, attrs: &attrsChange{before: before, after: after, open: [2]bool(open)}}
	}
	both, one := []string{"C-1", "C-2"}, []string{"C-1"}
	for _, c := range []struct {
		c        change
		affected bool
		want     []string
	}{
		{attrs(one, one, true, true), false, nil},
		{attrs(one, both, true, true), false, []string{`{"object":{"allow_open_query":true,"contact_field_key":["C-1","C-2"]},"old_object":{"allow_open_query":true,"contact_field_key":["C-1"]}}`}},
		{attrs(one, both, true, true), true, []string{`{"object":{"allow_open_query":true,"contact_field_key":["C-2"]},"old_object":{"allow_open_query":true,"contact_field_key":[]}}`}},
		{attrs(nil, nil, true, false), false, []string{`{"object":{"allow_open_query":false,"contact_field_key":[]},"old_object":{"allow_open_query":true,"contact_field_key":[]}}`}},
	} {
		s.SetOptions(func(o *Options) { o.AffectedFieldKeys = c.affected })
		s.happen(nil, c.c)
		var want []string
		for _, w := range c.want {
			want = append(want, "custom_attr_event.updated "+w)
		}
		if diff := cmp.Diff(want, s.toldTo(s.AppID())); diff != "" {
			t.Errorf("mismatch (-want +got)\n%s", diff)
		}
	}
	// While the switch is off, people have no custom attributes in events.
	s.org.allowOpenQuery = false
	if _, err := s.AddUser(User{Name: "王伟", CustomAttrs: []CustomAttr{{Type: "TEXT", ID: "C-1"}}}); err != nil {
		t.Fatal(err)
	}
	if told := s.toldTo(s.AppID()); len(told) != 1 || strings.Contains(told[0], "custom_attrs") {
		t.Errorf("%q", told)
	}
}

func TestWhoIsTold(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	if err := s.AddApp(App{ID: "cli_other", Secret: "x"}); err != nil {
		t.Fatal(err)
	}
	u := User{OpenID: "ou_a", Name: "王伟", Orders: []Order{{DepartmentID: "0"}}}
	came := change{what: created, entity: KindUser, userAfter: &u}
	count := func(by string, silent, follow bool, c change) [2]int {
		s.SetOptions(func(o *Options) { o.SilentOwnWrites, o.FollowUpEvents = silent, follow })
		s.happen(s.apps[by], c)
		return [2]int{len(s.toldTo(s.AppID())), len(s.toldTo("cli_other"))}
	}
	following := came
	following.followUp = true
	for _, c := range []struct {
		name           string
		by             string
		silent, follow bool
		c              change
		want           [2]int
	}{
		{"by a control", "", false, false, came, [2]int{1, 1}},
		{"by an app, which hears of it too", "cli_other", false, false, came, [2]int{1, 1}},
		{"by an app, which does not", "cli_other", true, false, came, [2]int{1, 0}},
		{"by a control, never silent", "", true, false, came, [2]int{1, 1}},
		{"what follows by itself", "", false, false, following, [2]int{0, 0}},
		{"what follows, told", "", false, true, following, [2]int{1, 1}},
		{"a group", "", false, false, change{what: changed, entity: "group"}, [2]int{0, 0}},
	} {
		if got := count(c.by, c.silent, c.follow, c.c); got != c.want {
			t.Errorf("%s: %v events, want %v", c.name, got, c.want)
		}
	}
}

// A member of a group that the range names is in it until they leave.
func TestALeavingMemberOfAGroup(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	u, err := s.AddUser(User{Name: "王伟"})
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.org.groups["g1"] = &Group{ID: "g1", Name: "组", Type: normalGroup, Users: []string{u.OpenID}}
	s.org.groupChanges++
	s.mu.Unlock()
	if err := s.AddApp(App{ID: "cli_g", Secret: "x", Range: Range{Groups: []string{"g1"}}}); err != nil {
		t.Fatal(err)
	}
	if err := s.ResignUser(u.OpenID); err != nil {
		t.Fatal(err)
	}
	if told := s.toldTo("cli_g"); len(told) != 1 || !strings.HasPrefix(told[0], "user.deleted ") {
		t.Errorf("%q", told)
	}
	if err := s.SetRange("cli_g", Range{Nobody: true}); err != nil {
		t.Fatal(err)
	}
	const want = `scope.updated {"added":{"departments":[],"user_groups":[],"users":[]},"removed":{"departments":[],` +
		`"user_groups":[{"member_count":0,"name":"组","status":1,"type":1,"user_group_id":"g1"}],"users":[]}}`
	if diff := cmp.Diff([]string{want}, s.toldTo("cli_g")); diff != "" {
		t.Errorf("mismatch (-want +got)\n%s", diff)
	}
}
