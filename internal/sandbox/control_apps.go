package sandbox

import (
	"net/http"
)

// appControls are about who calls: apps, their permissions and ranges, tokens
// of people.
func (s *Server) appControls(on route) {
	on("GET /permissions", func(*http.Request) (any, error) { return s.permissionTable(), nil })
	on("GET /apps", func(*http.Request) (any, error) { return s.Apps(), nil })
	on("POST /apps", func(r *http.Request) (any, error) {
		var a App
		if err := decode(r, &a); err != nil {
			return nil, err
		}
		return nil, s.AddApp(a)
	})
	on("PUT /apps/{id}/range", func(r *http.Request) (any, error) {
		var b Range
		if err := decode(r, &b); err != nil {
			return nil, err
		}
		return nil, s.SetRange(r.PathValue("id"), b)
	})
	on("PUT /apps/{id}/permissions/{scope}", func(r *http.Request) (any, error) {
		return nil, s.GrantScope(r.PathValue("id"), r.PathValue("scope"))
	})
	on("DELETE /apps/{id}/permissions/{scope}", func(r *http.Request) (any, error) {
		return nil, s.RevokeScope(r.PathValue("id"), r.PathValue("scope"))
	})
	on("PUT /apps/{id}/monthly_calls", func(r *http.Request) (any, error) {
		var b struct {
			MonthlyCalls int `json:"monthly_calls"`
		}
		if err := decode(r, &b); err != nil {
			return nil, err
		}
		return nil, s.SetMonthlyCalls(r.PathValue("id"), b.MonthlyCalls)
	})
	on("POST /tokens/user", func(r *http.Request) (any, error) {
		var b struct {
			AppID  string   `json:"app_id"`
			OpenID string   `json:"open_id"`
			Scopes []string `json:"scopes"`
		}
		if err := decode(r, &b); err != nil {
			return nil, err
		}
		token, err := s.MintUserToken(b.AppID, b.OpenID, b.Scopes)
		return map[string]string{"user_access_token": token}, err
	})
}

// permissionTable says which permission opens which endpoint and shows which
// field.
func (s *Server) permissionTable() any {
	methods := map[string][]string{}
	for _, e := range s.endpoints {
		if len(e.scopes) > 0 {
			methods[e.name] = e.scopes
		}
	}
	return map[string]any{"endpoints": methods, "fields": FieldPermissions()}
}
