package sandbox

import (
	"encoding/json"
	"net/http"
)

func (s *Server) entityControls(on route) {
	on("GET /truth", func(r *http.Request) (any, error) {
		if app := r.URL.Query().Get("app_id"); app != "" {
			return s.SeenBy(app)
		}
		return s.Truth(), nil
	})
	on("GET /users/{id}", func(r *http.Request) (any, error) { return s.User(r.PathValue("id")) })
	on("POST /users", s.postUser)
	on("PATCH /users/{id}", s.patchUser)
	on("DELETE /users/{id}", s.deleteUser)
	on("GET /departments/{id}", func(r *http.Request) (any, error) { return s.Department(r.PathValue("id")) })
	on("POST /departments", s.postDepartment)
	on("PATCH /departments/{id}", s.patchDepartment)
	on("DELETE /departments/{id}", func(r *http.Request) (any, error) {
		return nil, s.RemoveDepartment(r.PathValue("id"))
	})
}

func (s *Server) postUser(r *http.Request) (any, error) {
	u := User{MobileVisible: true}
	if err := decode(r, &u); err != nil {
		return nil, err
	}
	return s.AddUser(u)
}

func (s *Server) patchUser(r *http.Request) (any, error) {
	raw, err := body(r)
	if err != nil {
		return nil, err
	}
	err = s.changeUser(r.PathValue("id"), func(u *User) error {
		// encoding/json would fill a list's old entries instead of new ones.
		given := keys(raw)
		forgetIf(given["department_ids"], &u.DepartmentIDs)
		forgetIf(given["orders"], &u.Orders)
		forgetIf(given["dotted_line_leader_user_ids"], &u.DottedLine)
		forgetIf(given["custom_attrs"], &u.CustomAttrs)
		forgetIf(given["assign_info"], &u.AssignInfo)
		return merge(raw, u)
	})
	if err != nil {
		return nil, err
	}
	return s.User(r.PathValue("id"))
}

func (s *Server) deleteUser(r *http.Request) (any, error) {
	if r.URL.Query().Get("erase") == "true" {
		return nil, s.EraseUser(r.PathValue("id"))
	}
	return nil, s.ResignUser(r.PathValue("id"))
}

func (s *Server) postDepartment(r *http.Request) (any, error) {
	var d Department
	if err := decode(r, &d); err != nil {
		return nil, err
	}
	return s.AddDepartment(d)
}

func (s *Server) patchDepartment(r *http.Request) (any, error) {
	raw, err := body(r)
	if err != nil {
		return nil, err
	}
	err = s.changeDepartment(r.PathValue("id"), func(d *Department) error {
		given := keys(raw)
		forgetIf(given["leaders"], &d.Leaders)
		forgetIf(given["unit_ids"], &d.UnitIDs)
		forgetIf(given["group_chat_employee_types"], &d.GroupChatEmployeeTypes)
		forgetIf(given["department_hrbps"], &d.HRBPs)
		return merge(raw, d)
	})
	if err != nil {
		return nil, err
	}
	return s.Department(r.PathValue("id"))
}

// keys tells which names a JSON object has.
func keys(raw []byte) map[string]bool {
	var object map[string]json.RawMessage
	_ = json.Unmarshal(raw, &object) // merge reports what is wrong with it
	given := map[string]bool{}
	for name := range object {
		given[name] = true
	}
	return given
}

func forgetIf[T any](given bool, list *[]T) {
	if given {
		*list = nil
	}
}
