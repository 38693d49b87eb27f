package sandbox_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// writer changes the company at random.
type writer struct {
	*kit
	rng     *rand.Rand
	n       int // to make things that are unique
	done    map[string]int
	refused int
}

// write makes one random change. What Feishu would refuse changes nothing.
func (w *writer) write(t testing.TB) {
	t.Helper()
	w.n++
	truth := w.Truth()
	acts := map[string]func(sandbox.Truth) error{
		"hire": w.hire, "edit": w.edit, "move": w.move, "lead": w.lead, "contact": w.contact, "suspend": w.suspend, "resign": w.resign,
		"return": w.comeBack, "erase": w.erase, "attrs": w.attrs, "found": w.found, "reform": w.reform, "shift": w.shift, "close": w.closeOne, "head": w.head,
		"unit": w.unit, "api hire": w.apiHire, "api edit": w.apiEdit, "api ids": w.apiIDs, "api leave": w.apiLeave, "api department": w.apiDepartment,
	}
	names := slices.Sorted(maps.Keys(acts))
	name := names[w.rng.IntN(len(names))]
	err := acts[name](truth)
	var refused *sandbox.Error
	switch {
	case err == nil:
		w.done[name]++
	case errors.As(err, &refused):
		w.refused++
	default:
		t.Fatalf("%s: %v", name, err)
	}
}

func anyOf[T any](w *writer, all map[string]T) string {
	ids := slices.Sorted(maps.Keys(all))
	if len(ids) == 0 {
		return ""
	}
	return ids[w.rng.IntN(len(ids))]
}

// places are one to three departments.
func (w *writer) places(truth sandbox.Truth) []string {
	var ids []string
	for range 1 + w.rng.IntN(3) {
		if id := anyOf(w, truth.Departments); id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 || w.rng.IntN(8) == 0 {
		return []string{"0"}
	}
	return ids
}

func (w *writer) word(of string) string {
	if w.rng.IntN(4) == 0 {
		return "" // sometimes a field is cleared
	}
	return fmt.Sprint(of, w.n)
}

func (w *writer) user(truth sandbox.Truth, change func(*sandbox.User)) error {
	return w.ChangeUser(anyOf(w, truth.Users), change)
}

func (w *writer) hire(truth sandbox.Truth) error {
	_, err := w.AddUser(sandbox.User{
		Name: fmt.Sprint("人", w.n), Mobile: fmt.Sprint("+86", w.n), JobTitle: w.word("title"), LeaderUserID: anyOf(w, truth.Users),
		DepartmentIDs: w.places(truth), JoinTime: int64(w.rng.IntN(2)) * 1_600_000_000,
	})
	return err
}

func (w *writer) edit(truth sandbox.Truth) error {
	return w.user(truth, func(u *sandbox.User) {
		u.Name, u.City, u.Country, u.WorkStation = fmt.Sprint("名", w.n), w.word("city"), w.word("C"), w.word("desk")
		u.EmployeeType, u.Gender, u.JoinTime = 1+w.rng.IntN(5), w.rng.IntN(4), int64(w.rng.IntN(2))*1_500_000_000
		u.EnName, u.Nickname, u.EmployeeNo, u.JobTitle = w.word("en"), w.word("nick"), w.word("no"), w.word("title")
		u.JobLevelID, u.JobFamilyID, u.AvatarKey = w.word("jl"), w.word("jf"), w.word("av")
		u.MobileVisible, u.IsTenantManager = w.rng.IntN(2) == 0, w.rng.IntN(2) == 0
		if w.rng.IntN(3) == 0 {
			u.UserID = fmt.Sprint("uid", w.n)
		}
	})
}

func (w *writer) contact(truth sandbox.Truth) error {
	return w.user(truth, func(u *sandbox.User) {
		u.Mobile, u.Email, u.EnterpriseEmail = w.word("+86"), w.word("a@x."), w.word("a@ent.")
		if w.rng.IntN(2) == 0 {
			u.City = w.word("city")
		}
	})
}

func (w *writer) move(truth sandbox.Truth) error {
	places := w.places(truth)
	return w.user(truth, func(u *sandbox.User) {
		u.Orders = nil
		for i, id := range places {
			u.Orders = append(u.Orders, sandbox.Order{DepartmentID: id, DepartmentOrder: 10 - i, UserOrder: w.rng.IntN(5)})
		}
	})
}

func (w *writer) lead(truth sandbox.Truth) error {
	leader, dotted := anyOf(w, truth.Users), anyOf(w, truth.Users)
	return w.user(truth, func(u *sandbox.User) {
		u.LeaderUserID, u.DottedLine = leader, []string{dotted}
		if w.rng.IntN(3) == 0 {
			u.LeaderUserID, u.DottedLine = "", nil
		}
	})
}

func (w *writer) suspend(truth sandbox.Truth) error {
	return w.user(truth, func(u *sandbox.User) { u.Status.IsFrozen = !u.Status.IsFrozen })
}

func (w *writer) resign(truth sandbox.Truth) error { return w.ResignUser(anyOf(w, truth.Users)) }
func (w *writer) erase(truth sandbox.Truth) error  { return w.EraseUser(anyOf(w, truth.Users)) }

func (w *writer) comeBack(truth sandbox.Truth) error {
	id := anyOf(w, truth.Resigned)
	if id == "" {
		return nil
	}
	places := w.places(truth)
	return w.ChangeUser(id, func(u *sandbox.User) { u.Status.IsResigned, u.DepartmentIDs = false, places })
}

func (w *writer) attrs(truth sandbox.Truth) error {
	friend := anyOf(w, truth.Users)
	return w.user(truth, func(u *sandbox.User) {
		u.CustomAttrs = nil
		if w.rng.IntN(3) > 0 {
			u.CustomAttrs = []sandbox.CustomAttr{
				{Type: "GENERIC_USER", ID: "C-1", Value: sandbox.CustomAttrValue{GenericUser: friend}},
				{Type: "TEXT", ID: "C-2", Value: sandbox.CustomAttrValue{Text: w.word("text")}},
			}
		}
	})
}

func (w *writer) parent(truth sandbox.Truth) string {
	if w.rng.IntN(4) == 0 {
		return "0"
	}
	return anyOf(w, truth.Departments)
}

func (w *writer) department(truth sandbox.Truth, change func(*sandbox.Department)) error {
	id := anyOf(w, truth.Departments)
	if id == "" {
		return nil
	}
	return w.ChangeDepartment(id, change)
}

func (w *writer) found(truth sandbox.Truth) error {
	_, err := w.AddDepartment(sandbox.Department{
		Name: fmt.Sprint("部", w.n), ParentDepartmentID: w.parent(truth), LeaderUserID: anyOf(w, truth.Users), ChatID: w.word("oc_"),
	})
	return err
}

func (w *writer) reform(truth sandbox.Truth) error {
	return w.department(truth, func(d *sandbox.Department) {
		d.Name, d.Order, d.ChatID, d.I18nName.EnUS = fmt.Sprint("部门", w.n), int64(w.rng.IntN(100)), w.word("oc_"), w.word("Dept")
		if w.rng.IntN(3) == 0 {
			d.DepartmentID = fmt.Sprint("D", w.n)
		}
	})
}

func (w *writer) shift(truth sandbox.Truth) error {
	parent := w.parent(truth)
	return w.department(truth, func(d *sandbox.Department) { d.ParentDepartmentID = parent })
}

func (w *writer) head(truth sandbox.Truth) error {
	main, deputy, hrbp := anyOf(w, truth.Users), anyOf(w, truth.Users), anyOf(w, truth.Users)
	return w.department(truth, func(d *sandbox.Department) {
		d.Leaders, d.HRBPs = nil, nil
		if w.rng.IntN(4) > 0 {
			d.Leaders = []sandbox.Leader{{LeaderType: 1, LeaderID: main}, {LeaderType: 2, LeaderID: deputy}}
			d.HRBPs = []string{hrbp}
		}
	})
}

// closeOne removes a department that is empty, or fails.
func (w *writer) closeOne(truth sandbox.Truth) error {
	for _, id := range slices.Sorted(maps.Keys(truth.Departments)) {
		var refused *sandbox.Error
		if err := w.RemoveDepartment(id); !errors.As(err, &refused) {
			return err
		}
	}
	return nil
}

// unit binds a department to a unit of its own, or its unit to no department.
func (w *writer) unit(truth sandbox.Truth) error {
	d := truth.Departments[anyOf(w, truth.Departments)]
	if len(d.UnitIDs) > 0 {
		return w.ChangeUnit(d.UnitIDs[0], func(u *sandbox.Unit) { u.Departments = nil })
	}
	_, err := w.AddUnit(sandbox.Unit{Name: fmt.Sprint("单位", w.n), UnitType: "t", Departments: []string{d.OpenDepartmentID}})
	return err
}

// api makes a call of the contact API as the first app.
func (w *writer) api(verb, path, body string) error {
	r := w.send(verb, "/open-apis/contact/v3"+path, "Bearer "+w.token, body)
	if r.Code != 0 {
		return &sandbox.Error{Status: r.status, Code: r.Code, Msg: r.Msg}
	}
	return nil
}

func (w *writer) apiHire(truth sandbox.Truth) error {
	return w.api(http.MethodPost, "/users", rawOf(object{
		"name": fmt.Sprint("聘", w.n), "mobile": fmt.Sprint("+8613", 100000000+w.n), "department_ids": w.places(truth), "employee_type": 1,
		"leader_user_id": anyOf(w, truth.Users), "city": w.word("city"),
	}))
}

func (w *writer) apiEdit(truth sandbox.Truth) error {
	return w.api(http.MethodPatch, "/users/"+anyOf(w, truth.Users), rawOf(object{
		"name": fmt.Sprint("改", w.n), "email": fmt.Sprint("e", w.n, "@x.cn"), "city": fmt.Sprint("c", w.n), "department_ids": w.places(truth),
	}))
}

func (w *writer) apiIDs(truth sandbox.Truth) error {
	if w.rng.IntN(2) == 0 {
		return w.api(http.MethodPatch, "/departments/"+anyOf(w, truth.Departments)+"/update_department_id", rawOf(object{"new_department_id": fmt.Sprint("ND", w.n)}))
	}
	return w.api(http.MethodPatch, "/users/"+anyOf(w, truth.Users)+"/update_user_id", rawOf(object{"new_user_id": fmt.Sprint("nuid", w.n)}))
}

func (w *writer) apiLeave(truth sandbox.Truth) error {
	return w.api(http.MethodDelete, "/users/"+anyOf(w, truth.Users), "{}")
}

func (w *writer) apiDepartment(truth sandbox.Truth) error {
	if w.rng.IntN(2) == 0 {
		return w.api(http.MethodPost, "/departments", rawOf(object{"name": fmt.Sprint("处", w.n), "parent_department_id": w.parent(truth)}))
	}
	return w.api(http.MethodPatch, "/departments/"+anyOf(w, truth.Departments), rawOf(object{"name": fmt.Sprint("处", w.n), "leader_user_id": anyOf(w, truth.Users)}))
}
