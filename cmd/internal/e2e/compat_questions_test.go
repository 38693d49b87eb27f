package e2e_test

import (
	"fmt"
	"maps"
	"slices"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// vantage is what there is to ask about: the company as it is, and ids of what was
// there before.
type vantage struct {
	truth  sandbox.Truth
	users  map[string]sandbox.User       // all that ever were
	places map[string]sandbox.Department // likewise
	every  int                           // asks about each n-th person and department only
}

func newVantage() *vantage {
	return &vantage{users: map[string]sandbox.User{}, places: map[string]sandbox.Department{}, every: 1}
}

// look takes in the company as it is now.
func (v *vantage) look(server *sandbox.Server) {
	v.truth = server.Truth()
	maps.Copy(v.users, v.truth.Users)
	maps.Copy(v.users, v.truth.Resigned)
	maps.Copy(v.places, v.truth.Departments)
}

// idKinds are the kinds of ids that a call asks for; empty is the default.
type idKinds struct{ user, department string }

func everyKind() (all []idKinds) {
	for _, user := range []string{"", "union_id", "user_id"} {
		for _, department := range []string{"", "department_id"} {
			all = append(all, idKinds{user, department})
		}
	}
	return append(all, idKinds{"open_id", "open_department_id"})
}

func (k idKinds) params() map[string]any {
	p := map[string]any{}
	if k.user != "" {
		p["user_id_type"] = k.user
	}
	if k.department != "" {
		p["department_id_type"] = k.department
	}
	return p
}

func (k idKinds) of(u sandbox.User) string {
	switch k.user {
	case "union_id":
		return u.UnionID
	case "user_id":
		return u.UserID
	default:
		return u.OpenID
	}
}

func (k idKinds) place(d sandbox.Department) string {
	if k.department == "department_id" {
		return d.DepartmentID
	}
	return d.OpenDepartmentID
}

// people and departments are ids of one kind, those of nobody among them.
func (v *vantage) people(k idKinds) (ids []string) {
	for i, id := range slices.Sorted(maps.Keys(v.users)) {
		if id := k.of(v.users[id]); i%v.every == 0 && id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return append(ids, "ou_none", "on_none", "none", "王芳/?&=%2F +")
}

func (v *vantage) departments(k idKinds) (ids []string) {
	ids = []string{"0"}
	for i, id := range slices.Sorted(maps.Keys(v.places)) {
		if id := k.place(v.places[id]); i%v.every == 0 && id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return append(ids, "od-none", "none", "前/端?")
}

// questions are those about everything there is, in each pair of id kinds; polled are
// those about what has no events.
func (v *vantage) questions(polled bool) (all []question) {
	for _, k := range everyKind() {
		all = slices.Concat(all, v.aboutPeople(k), v.aboutDepartments(k))
		if polled {
			all = append(all, v.aboutPolled(k)...)
		}
	}
	if polled {
		all = append(all, v.polledMistakes()...)
	}
	return slices.Concat(all, v.aboutTheRest(), v.mistakes())
}

func (v *vantage) aboutPeople(k idKinds) (all []question) {
	ids := v.people(k)
	for _, id := range ids {
		all = append(all, question{method: "contact.v3.user.get", path: map[string]string{"user_id": id}, params: k.params()})
	}
	for chunk := range slices.Chunk(ids, 49) {
		all = append(all, question{method: "contact.v3.user.batch", params: k.params()}.with("user_ids", append(slices.Clone(chunk), chunk[0])))
	}
	for chunk := range slices.Chunk(slices.Sorted(maps.Keys(v.users)), 16) {
		body := map[string]any{"include_resigned": true, "emails": []string{"nobody@example.com"}, "mobiles": []string{"13100000000", "+100"}}
		for _, id := range chunk {
			u := v.users[id]
			if u.Email != "" {
				body["emails"] = append(body["emails"].([]string), u.Email)
			}
			if u.Mobile != "" {
				body["mobiles"] = append(body["mobiles"].([]string), u.Mobile, u.Mobile[len("+86"):])
			}
		}
		q := question{method: "contact.v3.user.batchGetId", data: body}
		if k.user != "" {
			q = q.with("user_id_type", k.user)
		}
		here := maps.Clone(body)
		here["include_resigned"] = false
		all = append(all, q, question{method: q.method, params: q.params, data: here})
	}
	return all
}

func (v *vantage) aboutDepartments(k idKinds) (all []question) {
	ids := v.departments(k)
	ask := func(method string, params map[string]any, sizes ...int) {
		q := question{method: method, params: params}
		all = append(all, q)
		for _, size := range sizes {
			all = append(all, q.with("page_size", size))
		}
	}
	with := func(name string, value any) map[string]any {
		p := k.params()
		p[name] = value
		return p
	}
	for i, id := range ids {
		all = append(all, question{method: "contact.v3.department.get", path: map[string]string{"department_id": id}, params: k.params()})
		sizes := []int{50}
		if i%5 == 0 {
			sizes = []int{1, 7, 50}
		}
		ask("contact.v3.user.findByDepartment", with("department_id", id), sizes...)
		ask("contact.v3.user.list", with("department_id", id), 100)
		ask("contact.v3.department.parent", with("department_id", id), 1, 2)
		ask("contact.v3.department.list", with("parent_department_id", id), sizes...)
		for _, deep := range []bool{true, false} {
			q := question{method: "contact.v3.department.children", path: map[string]string{"department_id": id}, params: k.params()}.with("fetch_child", deep)
			all = append(all, q)
			for _, size := range sizes {
				all = append(all, q.with("page_size", size))
			}
		}
	}
	for chunk := range slices.Chunk(ids, 49) {
		all = append(all, question{method: "contact.v3.department.batch", params: with("department_ids", append(slices.Clone(chunk), chunk[0]))})
	}
	ask("contact.v3.user.list", k.params(), 1, 100)
	ask("contact.v3.department.list", k.params(), 50)
	ask("contact.v3.department.list", with("fetch_child", true), 50)
	for _, word := range []string{"部", "组", "no such thing", " 中心 "} {
		q := question{method: "contact.v3.department.search", params: k.params(), data: map[string]any{"query": word}}
		all = append(all, q, q.with("page_size", 3), q.with("page_size", 50))
	}
	return all
}

// aboutTheRest are questions without ids of people.
func (v *vantage) aboutTheRest() (all []question) {
	all = append(all, question{method: "tenant.v2.tenant.query"})
	for _, method := range []string{"contact.v3.employeeTypeEnum.list", "contact.v3.customAttr.list"} {
		q := question{method: method}
		all = append(all, q, q.with("page_size", 1), q.with("page_size", 3), q.with("page_size", 100))
	}
	return all
}

// mistakes are questions that are refused, each for one reason.
func (v *vantage) mistakes() (all []question) {
	person, place := slices.Min(slices.Collect(maps.Keys(v.truth.Users))), slices.Min(slices.Collect(maps.Keys(v.truth.Departments)))
	byID := []question{
		{method: "contact.v3.user.get", path: map[string]string{"user_id": person}},
		{method: "contact.v3.department.get", path: map[string]string{"department_id": place}},
		{method: "contact.v3.user.batch", params: map[string]any{"user_ids": []string{person}}},
		{method: "contact.v3.department.batch", params: map[string]any{"department_ids": []string{place}}},
	}
	paged := map[int][]question{
		50: {
			{method: "contact.v3.user.findByDepartment", params: map[string]any{"department_id": place}},
			{method: "contact.v3.department.children", path: map[string]string{"department_id": place}},
			{method: "contact.v3.department.parent", params: map[string]any{"department_id": place}},
			{method: "contact.v3.department.list"},
			{method: "contact.v3.department.search", data: map[string]any{"query": "部"}},
		},
		100: {
			{method: "contact.v3.user.list"},
			{method: "contact.v3.user.list", params: map[string]any{"department_id": place}},
			{method: "contact.v3.employeeTypeEnum.list"},
			{method: "contact.v3.customAttr.list"},
		},
	}
	all = append(all,
		question{method: "contact.v3.user.batch"}, question{method: "contact.v3.department.batch"},
		question{method: "contact.v3.user.findByDepartment"}, question{method: "contact.v3.department.parent"},
		question{method: "contact.v3.user.batch", params: map[string]any{"user_ids": many("ou_", 51)}},
		question{method: "contact.v3.department.batch", params: map[string]any{"department_ids": many("od-", 51)}},
		question{method: "contact.v3.user.batchGetId", data: map[string]any{}},
		question{method: "contact.v3.user.batchGetId", data: map[string]any{"emails": many("e", 51)}},
		question{method: "contact.v3.user.batchGetId", data: map[string]any{"mobiles": many("1", 51)}},
		question{method: "contact.v3.department.search", data: map[string]any{}},
		question{method: "contact.v3.department.search", data: map[string]any{"query": " "}},
	)
	// Two mistakes at once: the gateway looks at ids first.
	for _, q := range []question{
		{method: "contact.v3.user.findByDepartment", params: map[string]any{"department_id": "od-none"}},
		{method: "contact.v3.department.children", path: map[string]string{"department_id": "od-none"}},
		{method: "contact.v3.department.parent", params: map[string]any{"department_id": "od-none"}},
	} {
		all = append(all, q.with("page_size", 0), q.with("page_token", "x"))
	}
	for most, questions := range paged {
		for _, q := range questions {
			all = append(all, q.with("page_size", 0), q.with("page_size", -1), q.with("page_size", most+1), q.with("page_size", most),
				q.with("page_token", "x"), q.with("page_token", "AAAA"))
			byID = append(byID, q)
		}
	}
	for _, q := range byID {
		if q.method == "contact.v3.employeeTypeEnum.list" || q.method == "contact.v3.customAttr.list" {
			continue // without ids
		}
		all = append(all, q.with("user_id_type", "email"), q.with("department_id_type", "name"))
	}
	return all
}

func many(prefix string, n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprint(prefix, i))
	}
	return ids
}
