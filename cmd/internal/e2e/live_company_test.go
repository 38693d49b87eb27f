package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// liveCompany changes a company in every way that there is: by itself, by the
// API, and by what only administrators can do.
type liveCompany struct {
	t      *testing.T
	server *sandbox.Server
	random *rand.Rand
	token  string
	made   map[string]int // changes by kind; those that were refused are not among them
	part   bool           // the app never sees everybody
	number int
	never  []string // kinds of changes that are not made
	told   bool     // nothing happens of which no app is told

	// As of a moment ago.
	people, gone, departments, types, attrs []string
}

// changesASecond is how fast the company changes: slowly enough for events of one
// person to be apart, most of the time, and quickly enough for thousands.
const changesASecond = 120

func newLiveCompany(t *testing.T, server *sandbox.Server, seed uint64) *liveCompany {
	t.Helper()
	c := &liveCompany{t: t, server: server, random: rand.New(rand.NewPCG(seed, 3)), made: map[string]int{}}
	var answer struct {
		Token string `json:"tenant_access_token"`
	}
	raw := c.post(http.MethodPost, "/auth/v3/tenant_access_token/internal", map[string]string{"app_id": server.AppID(), "app_secret": server.AppSecret()})
	if err := json.Unmarshal(raw, &answer); err != nil || answer.Token == "" {
		t.Fatalf("no token in %s", raw)
	}
	c.token = answer.Token
	return c
}

// live makes so many changes. Where it is not told everything, Feishu also does
// what no event announces.
func (c *liveCompany) live(ctx context.Context, changes int, silently bool) {
	ticker := time.NewTicker(time.Second / changesASecond)
	defer ticker.Stop()
	acts := c.writes()
	if c.told = !silently; silently {
		acts = append(acts, c.silentActs()...)
	}
	acts = slices.DeleteFunc(acts, func(a liveAct) bool { return slices.Contains(c.never, a.name) })
	for i := range changes {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if i%20 == 0 {
			c.look()
		}
		if c.random.IntN(2) == 0 {
			for kind, n := range c.server.LiveOnce(1) {
				c.made[kind] += n
			}
			continue
		}
		a := acts[c.random.IntN(len(acts))]
		if a.do() {
			c.made[a.name]++
		}
	}
}

// settle brings the company to rest, with every field to be seen.
func (c *liveCompany) settle() {
	c.server.AllowOpenQuery(true)
	people, departments := c.seen()
	if len(people) < 2 || len(departments) == 0 { // most of the range was removed meanwhile
		c.narrow()
		people, departments = c.seen()
	}
	c.number++
	// Where nobody has a field whose permission shows nothing else, nothing proves
	// that nobody has it.
	err := c.server.ChangeUser(people[0], func(u *sandbox.User) {
		u.DottedLine, u.Geo, u.JobLevelID, u.JobFamilyID, u.Email = people[1:2], "cn", "level", "family", c.new("z")+"@example.com"
	})
	if err == nil {
		err = c.server.ChangeDepartment(departments[0], func(d *sandbox.Department) { d.HRBPs = people[1:2] })
	}
	if err != nil {
		c.t.Errorf("give somebody every field: %v", err)
	}
	if _, err := c.server.AddEmployeeType(sandbox.EmployeeType{Content: fmt.Sprint("末", c.number)}); err != nil {
		c.t.Logf("the last employee type: %v", err) // there may be as many as there can be
	}
	if _, err := c.server.AddCustomAttr(textAttr(c.number)); err != nil {
		c.t.Errorf("the last custom attribute: %v", err)
	}
}

func textAttr(number int) sandbox.CustomAttrDefinition {
	return sandbox.CustomAttrDefinition{Type: "TEXT", I18nName: []sandbox.Text{{Locale: "zh_cn", Value: fmt.Sprint("字段", number)}}}
}

// seen are the people and departments whom the app may see.
func (c *liveCompany) seen() (people, departments []string) {
	seen, err := c.server.SeenBy(c.server.AppID())
	if err != nil {
		c.t.Errorf("see what the app may see: %v", err)
	}
	return slices.Sorted(maps.Keys(seen.Users)), slices.Sorted(maps.Keys(seen.Departments))
}

// look reads anew who and what there is.
func (c *liveCompany) look() {
	truth := c.server.Truth()
	c.people, c.gone = slices.Sorted(maps.Keys(truth.Users)), slices.Sorted(maps.Keys(truth.Resigned))
	c.departments = slices.Sorted(maps.Keys(truth.Departments))
	c.types, c.attrs = nil, slices.Sorted(maps.Keys(truth.CustomAttrs))
	for id, e := range truth.EmployeeTypes {
		if e.EnumType == 2 {
			c.types = append(c.types, id)
		}
	}
	slices.Sort(c.types)
}

// liveAct is a kind of change; do reports whether it was one.
type liveAct struct {
	name string
	do   func() bool
}

func (c *liveCompany) one(of []string) string {
	if len(of) == 0 {
		return "none"
	}
	return of[c.random.IntN(len(of))]
}

func (c *liveCompany) new(what string) string {
	c.number++
	return fmt.Sprint(what, c.number)
}

// changePerson lets an administrator change somebody. Who has left since the last
// look stays as they are, where apps are to be told of everything: of who is gone
// they hear no more.
func (c *liveCompany) changePerson(change func(*sandbox.User)) bool {
	return c.server.ChangeUser(c.one(c.people), func(u *sandbox.User) {
		was := *u
		if change(u); was.Status.IsResigned && c.told {
			*u = was
		}
	}) == nil
}

// administration is what the admin console does and apps are told of.
func (c *liveCompany) administration() []liveAct {
	return []liveAct{
		{"person's other fields", func() bool {
			return c.changePerson(func(u *sandbox.User) {
				u.JobLevelID, u.JobFamilyID = pick(c.random, "", c.new("level")), pick(c.random, "", c.new("family"))
				u.AvatarKey, u.IsTenantManager = pick(c.random, "", c.new("v2_")), c.random.IntN(4) == 0
				u.Geo, u.MobileVisible = pick(c.random, "", "cn", "sg"), c.random.IntN(2) == 0
				u.EnterpriseEmail = pick(c.random, "", c.new("e")+"@corp.example.com")
			})
		}},
		{"person's flags", func() bool {
			return c.changePerson(func(u *sandbox.User) {
				u.Status = sandbox.Status{IsActivated: c.random.IntN(3) > 0, IsFrozen: c.random.IntN(3) == 0, IsUnjoin: c.random.IntN(4) == 0}
			})
		}},
		{"person's custom attributes", func() bool {
			definition, err := c.server.CustomAttr(c.one(c.attrs))
			if err != nil {
				return false
			}
			value := sandbox.CustomAttrValue{Text: c.new("值")}
			switch definition.Type {
			case "GENERIC_USER":
				value = sandbox.CustomAttrValue{GenericUser: c.one(c.people)}
			case "HREF":
				value.URL = "https://example.com/" + c.new("x")
			case "TEXT":
			default:
				return false
			}
			return c.changePerson(func(u *sandbox.User) {
				u.CustomAttrs = slices.DeleteFunc(slices.Clone(u.CustomAttrs), func(a sandbox.CustomAttr) bool { return a.ID == definition.ID })
				if c.random.IntN(4) > 0 {
					u.CustomAttrs = append(u.CustomAttrs, sandbox.CustomAttr{ID: definition.ID, Type: definition.Type, Value: value})
				}
			})
		}},
		{"person erased", func() bool { return c.random.IntN(3) == 0 && c.server.EraseUser(c.one(c.people)) == nil }},
		{"employee type removed", func() bool { return c.random.IntN(2) == 0 && c.server.RemoveEmployeeType(c.one(c.types)) == nil }},
		{"department's leaders", func() bool {
			return c.server.ChangeDepartment(c.one(c.departments), func(d *sandbox.Department) {
				d.LeaderUserID, d.Leaders = "", nil
				for i := range c.random.IntN(4) {
					d.Leaders = append(d.Leaders, sandbox.Leader{LeaderType: 1 + min(i, 1), LeaderID: c.one(c.people)})
				}
			}) == nil
		}},
		{"custom attribute defined", func() bool {
			c.number++
			_, err := c.server.AddCustomAttr(textAttr(c.number))
			return err == nil
		}},
	}
}

// silentActs are changes of which an app hears nothing, or not all.
func (c *liveCompany) silentActs() []liveAct {
	return []liveAct{
		{"custom attribute renamed", func() bool {
			return c.server.ChangeCustomAttr(c.one(c.attrs), func(d *sandbox.CustomAttrDefinition) {
				d.I18nName = []sandbox.Text{{Locale: "zh_cn", Value: c.new("栏")}}
			}) == nil
		}},
		{"custom attributes shown or not", func() bool {
			c.server.AllowOpenQuery(c.random.IntN(3) > 0)
			return true
		}},
		{"unit bound", func() bool {
			_, err := c.server.AddUnit(sandbox.Unit{Name: c.new("单位"), UnitType: "子公司", Departments: []string{c.one(c.departments)}})
			return err == nil
		}},
		{"range", c.changeRange},
	}
}

// narrow lets the app see a part of the company only.
func (c *liveCompany) narrow() {
	c.look()
	var top []string
	for _, id := range c.departments {
		if d, err := c.server.Department(id); err == nil && d.ParentDepartmentID == "0" {
			top = append(top, id)
		}
	}
	c.setRange(sandbox.Range{Departments: top[:(len(top)+1)/2], Users: c.people[:3]})
}

func (c *liveCompany) setRange(r sandbox.Range) {
	if err := c.server.SetRange(c.server.AppID(), r); err != nil {
		c.t.Errorf("set the app's range: %v", err)
	}
}

// changeRange narrows what the app may see, or widens it to everybody where it
// may.
func (c *liveCompany) changeRange() bool {
	r := sandbox.Range{}
	if c.random.IntN(3) == 0 || c.part {
		for range 3 + c.random.IntN(12) {
			r.Departments = append(r.Departments, c.one(c.departments))
		}
		r.Users = []string{c.one(c.people), c.one(c.people)}
	}
	return c.random.IntN(4) == 0 && c.server.SetRange(c.server.AppID(), r) == nil
}

// call asks Feishu for a change, and reports whether it was made.
func (c *liveCompany) call(method, path string, body object) bool {
	var answer struct{ Code int }
	raw := c.post(method, path, body)
	return json.Unmarshal(raw, &answer) == nil && answer.Code == 0
}

func (c *liveCompany) post(method, path string, body any) []byte {
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err) // it is made of texts and numbers
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.server.URL()+"/open-apis"+path, bytes.NewReader(raw))
	if err != nil {
		c.t.Error(err)
		return nil
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("Authorization", "Bearer "+c.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil // the test ends
	}
	defer resp.Body.Close()
	var all bytes.Buffer
	if _, err := all.ReadFrom(resp.Body); err != nil {
		return nil
	}
	return all.Bytes()
}
