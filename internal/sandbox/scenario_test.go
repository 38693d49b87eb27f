package sandbox_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// until waits for something that another goroutine does.
func until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !happened() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("after a long time: no %s", what)
		}
	}
}

func staged(t *testing.T, text string) *kit {
	t.Helper()
	sc, err := sandbox.ParseScenario("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return start(t, sandbox.Config{Scenario: sc})
}

func called(t *testing.T, truth sandbox.Truth, name string) sandbox.User {
	t.Helper()
	return pick(t, truth.Users, func(u sandbox.User) bool { return u.Name == name })
}

func department(t *testing.T, truth sandbox.Truth, name string) sandbox.Department {
	t.Helper()
	return pick(t, truth.Departments, func(d sandbox.Department) bool { return d.Name == name })
}

// The example plays to its end, and each of its parts has its effect.
func TestExampleScenario(t *testing.T) {
	t.Parallel()
	sc, err := sandbox.ReadScenario(filepath.Join("testdata", "scenario.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	k := start(t, sandbox.Config{Scenario: sc})
	until(t, "pause", func() bool { s := k.Scenario(); return s.Waiting && s.Done == 6 })

	truth := k.Truth()
	if len(truth.Users) != 15 || len(truth.Departments) != 6 || truth.Tenant.Name != "晨星科技" {
		t.Errorf("%d people in %d departments of %s", len(truth.Users), len(truth.Departments), truth.Tenant.Name)
	}
	wang, li, zhang := called(t, truth, "王伟"), called(t, truth, "李娜"), called(t, truth, "张敏")
	rd, back, front := department(t, truth, "研发中心"), department(t, truth, "后端组"), department(t, truth, "前端组")
	if rd.DepartmentID != "RD" || rd.LeaderUserID != wang.OpenID || rd.Leaders[1].LeaderID != li.OpenID || back.ParentDepartmentID != rd.OpenDepartmentID {
		t.Errorf("研发中心 is %+v", rd)
	}
	if wang.UserID != "wangwei" || li.LeaderUserID != wang.OpenID || li.Mobile != "+8613800000001" || zhang.DottedLine[0] != wang.OpenID {
		t.Errorf("people are %+v %+v %+v", wang, li, zhang)
	}
	if !slices.Equal(zhang.DepartmentIDs, []string{front.OpenDepartmentID, back.OpenDepartmentID}) || front.LeaderUserID != zhang.OpenID || zhang.JobTitle != "前端负责人" {
		t.Errorf("after moving and rising: %+v, %+v", zhang, front)
	}
	if sun := called(t, truth, "孙莉"); sun.LeaderUserID != zhang.OpenID {
		t.Errorf("hired and renamed: %+v", sun)
	}
	if g := truth.Groups["g-night"]; len(g.Users) != 2 || g.Departments[0] != back.OpenDepartmentID {
		t.Errorf("group %+v", g)
	}
	if u, d := truth.Units["BU-east"], department(t, truth, "华东区"); u.Departments[0] != d.OpenDepartmentID || d.UnitIDs[0] != "BU-east" {
		t.Errorf("unit %+v, department %+v", u, d)
	}
	if seen, err := k.SeenBy("cli_sales"); err != nil || len(seen.Users) != 3 || len(seen.Departments) != 3 {
		t.Errorf("the second app sees %d people and %d departments, %v", len(seen.Users), len(seen.Departments), err)
	}
	faults := k.Faults()
	if len(faults) != 2 || faults[0].Probability != 0.05 || faults[1].Below != back.OpenDepartmentID {
		t.Errorf("faults %v", faults)
	}
	if r := k.get("/contact/v3/users/" + wang.OpenID); strings.Contains(r.raw, "mobile") || strings.Contains(r.raw, "job_title") || !strings.Contains(r.raw, "王伟") {
		t.Errorf("without the permissions: %s", r.raw)
	}

	k.wantControl("POST", "/scenario/continue", "", 200)
	until(t, "end", func() bool { s := k.Scenario(); return s.Done == len(s.Steps) || s.Error != "" })
	status := decodeAs[sandbox.ScenarioStatus](t, []byte(k.wantControl("GET", "/scenario", "", 200)))
	if status.Error != "" || status.Waiting || len(status.Steps) != 23 || status.Steps[1].What != "move" || !k.Life().Running {
		t.Errorf("in the end: %+v", status)
	}
	if len(k.Faults()) != 0 || k.ContinueScenario() {
		t.Errorf("faults left %v", k.Faults())
	}
	k.StopLife()
	if back := department(t, k.Truth(), back.Name); back.ParentDepartmentID == rd.OpenDepartmentID && k.Life().Changes["move_department"] == 0 {
		t.Error("后端组 was not moved")
	}
}

func TestScenarioOfAMadeUpCompany(t *testing.T) {
	t.Parallel()
	k := staged(t, "generate: {people: 60, departments: 9, seed: 4, shape: deep}\ncompany:\n  people: [新人]\n")
	truth := k.Truth()
	plain := start(t, sandbox.Config{People: 60, Departments: 9, Seed: 4, Shape: sandbox.ShapeDeep}).Truth()
	if len(truth.Users) != 61 || !slices.Equal(slices.Sorted(maps.Keys(truth.Departments)), slices.Sorted(maps.Keys(plain.Departments))) {
		t.Errorf("%d people, departments are others", len(truth.Users))
	}
	called(t, truth, "新人")
}

// What is wrong with a scenario is said all at once, with lines.
func TestScenariosThatAreWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "test.yaml: the file is empty"},
		{"no YAML", "company: [", "test.yaml: yaml: line 1"},
		{"two documents", "generate: {}\n---\nsteps: []\n", "there is a second document"},
		{"a list", "- x\n", "test.yaml:1: scenario: names with values"},
		{"a misspelt part", "generate: {}\ncompny: {}\n", `test.yaml:2: scenario: there is no "compny"; there are apps, company, event_faults, faults`},
		{"the same twice", "steps: []\nsteps: []\n", "test.yaml:2: scenario: steps stands here twice"},
		{"a wrong number", "generate:\n  people: many\n", `test.yaml:2: people: "many" is not a int`},
		{"a wrong shape", "generate:\n  shape: round\n", `shape "round": there are mixed wide deep matrix`},
		{"too many departments", "generate: {departments: 30001}\n", "at most 30000"},
		{"a misspelt field", "company:\n  people:\n    - name: 王伟\n      jobtitle: x\n", `test.yaml:4: person: unknown field "jobtitle"`},
		{"a number for a text", "company:\n  people:\n    - {name: 王伟, mobile: +8613800000001}\n", "test.yaml:3: person: mobile: a string is expected here, not a number"},
		{"nobody's name", "company:\n  people:\n    - {job_title: x}\n", "test.yaml:3: person: a name is needed"},
		{"a department without a name", "company:\n  departments:\n    - {leader: x}\n", "test.yaml:3: department: it needs a name"},
		{"an unknown permission", "apps:\n  - {id: a, secret: s, permissions: [contact:all]}\n", `test.yaml:2: app: there is no permission "contact:all"`},
		{"an unknown preset", "faults: [slow]\nsteps:\n  - fault: throtle\n", `test.yaml:3: fault "throtle": preset "throtle": unknown; there are slow`},
		{"a fault's misspelt field", "faults:\n  - {preset: slow, cont: 3}\n", `test.yaml:2: fault: unknown field "cont"`},
		{"an option", "options: {silent: true}\n", `test.yaml:1: options: unknown field "silent"`},
		{"a setting", "settings: {clock_skew: 5}\n", "test.yaml:1: clock_skew: \"5\" is no time"},
		{"an unknown step", "steps:\n  - fire: 王伟\n", `test.yaml:2: step: there is no "fire"; there are at, break_connections, change`},
		{"two steps in one", "steps:\n  - hire: 王伟\n    resign: 王伟\n", "test.yaml:3: step: it does two things"},
		{"an event fault that does nothing", "event_faults: [{count: 2}]\n", "test.yaml:1: event_fault: an event fault needs something that goes wrong"},
		{"an event fault's misspelt field", "steps:\n  - event_fault: {loose: true}\n", `event_fault: unknown field "loose"`},
		{"another way to break", "steps:\n  - break_connections: softly\n", `break_connections: a connection breaks as "dropped" or as "half_open"`},
		{"an idle step", "steps:\n  - at: 1s\n", "test.yaml:2: step: it does nothing; it may break_connections, change, clear_event_faults, clear_faults"},
		{"half a move", "steps:\n  - move: {person: 王伟}\n", "test.yaml:2: move: person and to are needed"},
		{"half a promotion", "steps:\n  - promote: {person: 王伟}\n", "test.yaml:2: promote: leads is missing"},
		{"narrow to nothing", "steps:\n  - narrow: {app: x}\n", "test.yaml:2: narrow: to what?"},
		{"an odd rate", "steps:\n  - life: fast\n", `test.yaml:2: life "fast": a rate is written as 2/s`},
		{"no change", "steps:\n  - live: 0\n", "test.yaml:2: live: a number of changes"},
		{"several mistakes", "steps:\n  - fire: x\n  - live: 0\n", "test.yaml:3"},

		// These are found by the rehearsal.
		{"an unknown leader", "company:\n  departments:\n    - name: A\n      leader: 王伟\n", `test.yaml:3: person "王伟": unknown`},
		{"an unknown department", "company:\n  people:\n    - 李娜\n    - {name: 王伟, departments: B}\n", `test.yaml:4: department "B": unknown`},
		{"namesakes", "company: {people: [王伟, 王伟]}\nsteps:\n  - resign: 王伟\n", `test.yaml:3: resign: 2 people are called "王伟": name one by user_id`},
		{"departments of one name", "company:\n  departments: [{name: A, departments: [C]}, {name: B, departments: [C]}]\nsteps:\n  - hire: {name: x, departments: C}\n", `test.yaml:4: hire: 2 departments are called "C": say more of the path`},
		{"somebody who has left", "company: {people: [王伟]}\nsteps:\n  - resign: 王伟\n  - promote: {person: 王伟, leads: root}\n", "test.yaml:4: promote: feishu code"},
		{"a department that is not empty", "company:\n  departments: [{name: A, people: [王伟]}]\nsteps:\n  - close_department: A\n", "test.yaml:4: close_department: feishu code 43011"},
		{"an app without a secret", "apps:\n  - {id: other}\n", "test.yaml:2: add app: it needs app_id and app_secret"},
		{"an unknown app", "steps:\n  - widen: other\n", `test.yaml:2: widen: app "other": unknown`},
		{"a group of nobody known", "company:\n  groups:\n    - {id: g, name: x, people: 王伟}\n", `test.yaml:3: person "王伟": unknown`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sc, err := sandbox.ParseScenario("test.yaml", []byte(c.text))
			if err == nil {
				var s *sandbox.Server
				if s, err = sandbox.Start(t.Context(), sandbox.Config{Scenario: sc}); err == nil {
					s.Close()
				}
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v\nwant %s", err, c.want)
			}
		})
	}
	if _, err := sandbox.ReadScenario(filepath.Join(t.TempDir(), "none.yaml")); !os.IsNotExist(err) && err == nil {
		t.Errorf("a missing file: %v", err)
	}
}

// A step that fails although the rehearsal went well ends the scenario, and
// GET /scenario says why.
func TestScenarioThatIsDisturbed(t *testing.T) {
	t.Parallel()
	k := staged(t, "company: {people: [王伟, 李娜]}\nsteps:\n  - wait: 1h\n  - resign: 王伟\n  - resign: 李娜\n")
	until(t, "pause", func() bool { return k.Scenario().Waiting })
	if err := k.EraseUser(called(t, k.Truth(), "王伟").OpenID); err != nil {
		t.Fatal(err)
	}
	if raw := k.wantControl("POST", "/scenario/continue", "", 200); raw != `{"continued":true}` {
		t.Error(raw)
	}
	until(t, "error", func() bool { return k.Scenario().Error != "" })
	if s := k.Scenario(); s.Done != 1 || !strings.Contains(s.Error, `test.yaml:4: resign: person "王伟": unknown`) {
		t.Errorf("%+v", s)
	}
	if n := len(k.Truth().Users); n != 1 {
		t.Errorf("%d people are left", n)
	}
}

// Close does not wait for a scenario.
func TestCloseDuringAScenario(t *testing.T) {
	t.Parallel()
	k := staged(t, "steps:\n  - at: 1h\n    hire: 王伟\n")
	until(t, "pause", func() bool { return k.Scenario().Waiting })
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if s := k.Scenario(); s.Done != 0 {
		t.Errorf("%+v", s)
	}
	if raw := fmt.Sprint(start(t, sandbox.Config{}).Scenario()); raw != "{ [] 0 false }" {
		t.Errorf("without a scenario: %s", raw)
	}
}
