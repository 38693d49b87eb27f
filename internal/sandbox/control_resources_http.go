package sandbox

import "net/http"

// resourceControls are those of groups, units, employee types and custom
// attributes.
func (s *Server) resourceControls(on route) {
	resourceRoutes(on, "/groups/{id}", "POST /groups", s.Group, s.AddGroup, s.changeGroup, s.RemoveGroup, func(given map[string]bool, g *Group) {
		forgetIf(given["users"], &g.Users)
		forgetIf(given["departments"], &g.Departments)
	})
	resourceRoutes(on, "/units/{id}", "POST /units", s.Unit, s.AddUnit, s.changeUnit, s.RemoveUnit, func(given map[string]bool, u *Unit) {
		forgetIf(given["departments"], &u.Departments)
	})
	// An enum_id may hold slashes.
	resourceRoutes(on, "/employee_types/{id...}", "POST /employee_types",
		s.EmployeeType, s.AddEmployeeType, s.changeEmployeeType, s.RemoveEmployeeType, func(given map[string]bool, e *EmployeeType) {
			forgetIf(given["i18n_content"], &e.I18nContent)
		})
	resourceRoutes(on, "/custom_attrs/{id}", "POST /custom_attrs",
		s.CustomAttr, s.AddCustomAttr, s.changeCustomAttr, s.RemoveCustomAttr, func(given map[string]bool, d *CustomAttrDefinition) {
			forgetIf(given["options"], &d.Options.Options)
			forgetIf(given["i18n_name"], &d.I18nName)
		})
	on("PUT /allow_open_query", func(r *http.Request) (any, error) {
		var b struct {
			Allowed *bool `json:"allow_open_query"`
		}
		if err := decode(r, &b); err != nil {
			return nil, err
		}
		if b.Allowed == nil {
			return nil, refuseWith(codeParam, "allow_open_query is true or false")
		}
		s.AllowOpenQuery(*b.Allowed)
		return nil, nil
	})
	on("GET /features", func(*http.Request) (any, error) { return s.Features(), nil })
	on("PATCH /features", func(r *http.Request) (any, error) {
		f := s.Features()
		if err := decode(r, &f); err != nil {
			return nil, err
		}
		s.SetFeatures(f)
		return f, nil
	})
}

// resourceRoutes adds the four controls of one kind of thing. renew drops the
// lists that a body gives: encoding/json would fill their old entries.
func resourceRoutes[T any](
	on route, one, post string, get func(string) (T, error), add func(T) (T, error),
	change func(string, func(*T) error) error, remove func(string) error, renew func(given map[string]bool, v *T),
) {
	on("GET "+one, func(r *http.Request) (any, error) { return get(r.PathValue("id")) })
	on(post, func(r *http.Request) (any, error) {
		var v T
		if err := decode(r, &v); err != nil {
			return nil, err
		}
		return add(v)
	})
	on("PATCH "+one, func(r *http.Request) (any, error) {
		raw, err := body(r)
		if err != nil {
			return nil, err
		}
		err = change(r.PathValue("id"), func(v *T) error {
			renew(keys(raw), v)
			return merge(raw, v)
		})
		if err != nil {
			return nil, err
		}
		return get(r.PathValue("id"))
	})
	on("DELETE "+one, func(r *http.Request) (any, error) { return nil, remove(r.PathValue("id")) })
}
