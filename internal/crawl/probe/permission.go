package probe

import (
	"maps"
	"slices"
	"strings"

	"github.com/orgmirror/orgmirror/internal/feishu"
)

// Permission is one of Feishu's permissions that the mirror has a use for.
type Permission struct {
	Name  string
	Kind  string   // of the objects that it shows fields of; empty for one that lets the app call
	Gives []string // fields, or for one without a kind what it lets the app do
	Lost  string   // what the mirror lacks without it
	// Always is set where every object shows the fields once it is granted, so
	// that their absence proves its absence.
	Always bool
}

// losses says of each permission for fields what is lost without it. Which
// fields a permission shows is in package feishu; here is only what they are
// good for.
var losses = []Permission{
	{Name: "contact:user.base:readonly", Kind: "user", Always: true, Lost: "people have no names, and cannot be searched for"},
	{Name: "contact:user.department:readonly", Kind: "user", Always: true, Lost: "nobody belongs to a department or has a manager"},
	{Name: "contact:user.employee:readonly", Kind: "user", Always: true, Lost: "no job data, and no status: who resigned, is frozen or never logged in is not seen"},
	{Name: "contact:user.employee_id:readonly", Kind: "user", Always: true, Lost: "people cannot be found by user_id, and in a limited range those authorised one by one are not listed"},
	{Name: "contact:user.gender:readonly", Kind: "user", Always: true, Lost: "gender is unknown"},
	{Name: "contact:user.email:readonly", Kind: "user", Always: true, Lost: "e-mail addresses are unknown"},
	{Name: "contact:user.phone:readonly", Kind: "user", Always: true, Lost: "mobile numbers are unknown"},
	{Name: "contact:user.dotted_line_leader_info.read", Kind: "user", Lost: "dotted-line managers are unknown"},
	{Name: "contact:user.job_level:readonly", Kind: "user", Lost: "job levels are unknown"},
	{Name: "contact:user.job_family:readonly", Kind: "user", Lost: "job families are unknown"},
	{Name: "contact:user.user_geo", Kind: "user", Lost: "data residency is unknown"},
	{Name: "contact:department.base:readonly", Kind: "department", Always: true, Lost: "departments have no names"},
	{Name: "contact:department.organize:readonly", Kind: "department", Always: true, Lost: "the tree cannot be drawn, departments have no leaders and no counts"},
	{Name: "contact:department.hrbp:readonly", Kind: "department", Lost: "HR business partners are unknown"},
}

// Permissions lists what the mirror has a use for, the necessary ones first.
func Permissions() []Permission {
	all := []Permission{
		{
			Name: "contact:contact.base:readonly", Gives: []string{"reading departments and people at all"},
			Lost: "nothing can be mirrored",
		},
		{
			Name: "tenant:tenant:readonly", Gives: []string{"asking which company it is"},
			Lost: "MIRROR_FEISHU_TENANT_KEY has to name the company",
		},
		{
			Name: "contact:group:readonly", Gives: []string{"reading groups and their members"},
			Lost: "groups are unknown, and in a limited range the people who are in it by a group",
		},
		{
			Name: "contact:unit:readonly", Gives: []string{"reading units and their departments"},
			Lost: "units are unknown",
		},
	}
	for _, p := range losses {
		for field, permission := range feishu.FieldPermissions(p.Kind) {
			if permission == p.Name {
				p.Gives = append(p.Gives, field)
			}
		}
		slices.Sort(p.Gives)
		all = append(all, p)
	}
	return all
}

// doubtful are fields that another permission shows too, so that they do not
// prove the one that they are listed with.
var doubtful = []string{"employee_no"}

// fields judges the permissions of one kind by what the sampled objects show.
func fields(kind string, seen map[string]bool, objects int) []Finding {
	var findings []Finding
	for _, p := range Permissions() {
		if p.Kind != kind {
			continue
		}
		check := "permission " + p.Name
		shown := slices.DeleteFunc(slices.Clone(p.Gives), func(f string) bool { return !seen[f] || slices.Contains(doubtful, f) })
		switch {
		case objects == 0:
			findings = append(findings, Skipped(check, "no "+kind+" to look at"))
		case len(shown) > 0:
			findings = append(findings, Finding{Check: check, State: OK, Says: "shows " + strings.Join(shown, ", ")})
		case p.Always:
			findings = append(findings, Finding{
				Check: check, State: Warn, Says: "no " + kind + " shows " + strings.Join(p.Gives, ", ") + ": " + p.Lost,
				Do: "grant it in the developer console and publish a version",
			})
		default:
			findings = append(findings, Skipped(check, "no "+kind+" shows "+strings.Join(p.Gives, ", ")+": either it is set for nobody, or it is not granted and "+p.Lost))
		}
	}
	return findings
}

// Markdown is the README's table of the permissions.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| permission | gives | without it |\n|---|---|---|\n")
	for _, p := range Permissions() {
		gives := strings.Join(p.Gives, ", ")
		if p.Kind != "" {
			gives = "of a " + p.Kind + ": `" + strings.Join(p.Gives, "`, `") + "`"
		}
		b.WriteString("| `" + p.Name + "` | " + gives + " | " + p.Lost + " |\n")
	}
	return b.String()
}

// calls says what is lost where an endpoint is refused, and whether a walk is
// possible without it.
var calls = map[string]struct {
	lost string
	walk bool
}{
	feishu.EndpointDepartment:         {"the range of the app is unknown", true},
	feishu.EndpointDepartmentChildren: {"departments cannot be listed", true},
	feishu.EndpointUsersByDepartment:  {"people cannot be listed", true},
	feishu.EndpointDepartmentsBatch:   {"departments cannot be looked up again, so that none can be proven to be gone", false},
	feishu.EndpointUsersBatch:         {"people cannot be looked up again, so that nobody can be proven to have left", false},
	feishu.EndpointUser:               {"one person cannot be looked up", false},
	feishu.EndpointScopes:             {"the nodes of a limited range are unknown", false},
	feishu.EndpointGroups:             {"groups are not mirrored", false},
	feishu.EndpointGroupMembers:       {"the members of groups are not mirrored", false},
	feishu.EndpointUnits:              {"units are not mirrored", false},
	feishu.EndpointUnitDepartments:    {"the departments of units are not mirrored", false},
	feishu.EndpointEmployeeTypes:      {"the names of employee types are unknown", false},
	feishu.EndpointCustomAttrs:        {"the definitions of custom attributes are unknown", false},
}

// refusals judges the endpoints that were refused.
func refusals(refused map[string]error) []Finding {
	if len(refused) == 0 {
		return []Finding{{Check: "calls", State: OK, Says: "the app may make every call that a walk and a second look need"}}
	}
	var findings []Finding
	for _, endpoint := range slices.Sorted(maps.Keys(refused)) {
		do := "grant one of " + strings.Join(feishu.EndpointPermissions(endpoint), ", ") + " and publish a version"
		f := Finding{Check: "call " + endpoint, State: Warn, Says: "not allowed: " + calls[endpoint].lost, Do: do}
		if calls[endpoint].walk {
			f.State, f.Err = Fail, refused[endpoint]
		}
		findings = append(findings, f)
	}
	return findings
}
