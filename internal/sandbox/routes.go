package sandbox

import (
	"net/url"
	"slices"
	"strings"
)

// endpoint is one method of the API.
type endpoint struct {
	name   string   // verb and path below /open-apis, as in "GET /contact/v3/users/:user_id"
	scopes []string // permissions, any of which allows it
	open   bool     // needs no token and has no limit
	handle func(*call) error

	limiter limiter
	meter   meter
}

// unrouted is the name under which calls to no endpoint are counted.
const unrouted = "other"

// Permissions, by the names of Feishu's permission list.
const (
	scopeBase      = "contact:contact.base:readonly"
	scopeOrganize  = "contact:department.organize:readonly"
	scopeLegacy    = "contact:contact:readonly_as_app"
	scopeHistoric  = "contact:contact:readonly"
	scopeAccess    = "contact:contact:access_as_app"
	scopeUserID    = "contact:user.id:readonly"
	scopeTenant    = "tenant:tenant:readonly"
	prefix         = "/open-apis"
	tokenPath      = "POST /auth/v3/tenant_access_token/internal"
	appTokenPath   = "POST /auth/v3/app_access_token/internal"
	tenantPath     = "GET /tenant/v2/tenant/query"
	scopesPath     = "GET /contact/v3/scopes"
	departmentPath = "GET /contact/v3/departments/:department_id"
	childrenPath   = "GET /contact/v3/departments/:department_id/children"
	parentPath     = "GET /contact/v3/departments/parent"
	deptBatchPath  = "GET /contact/v3/departments/batch"
	userPath       = "GET /contact/v3/users/:user_id"
	membersPath    = "GET /contact/v3/users/find_by_department"
	userBatchPath  = "GET /contact/v3/users/batch"
	userIDPath     = "POST /contact/v3/users/batch_get_id"
)

// endpoints lists what the service answers. Where Feishu publishes no rate
// (get department, ancestors), the common one holds.
func endpoints() []*endpoint {
	read := []string{scopeBase, scopeLegacy, scopeHistoric, scopeAccess}
	organize := []string{scopeBase, scopeOrganize, scopeLegacy, scopeHistoric, scopeAccess}
	base := []string{scopeBase}
	all := []*endpoint{
		{name: tokenPath, open: true, handle: tenantToken},
		{name: appTokenPath, open: true, handle: appToken},
		{name: tenantPath, scopes: []string{scopeTenant}, handle: queryTenant},
		{name: scopesPath, scopes: []string{scopeBase, scopeLegacy, scopeAccess}, handle: listScopes},
		{name: departmentPath, scopes: read, handle: getDepartment},
		{name: childrenPath, scopes: organize, handle: listChildren},
		{name: parentPath, scopes: organize, handle: listParents},
		{name: deptBatchPath, scopes: base, handle: batchDepartments},
		{name: userPath, scopes: read, handle: getUser},
		{name: membersPath, scopes: organize, handle: listMembers},
		{name: userBatchPath, scopes: base, handle: batchUsers},
		{name: userIDPath, scopes: []string{scopeUserID}, handle: batchUserIDs},
	}
	for _, e := range all {
		if !e.open {
			e.limiter.windows = tier4
		}
	}
	return all
}

// routes is a tree of path segments. A literal segment wins over a parameter,
// so that users/batch is never taken for the user "batch".
type routes struct {
	literal map[string]*routes
	param   *routes
	name    string // of the parameter that leads here
	verbs   map[string]*endpoint
}

func newRoutes(all []*endpoint) *routes {
	top := &routes{}
	for _, e := range all {
		verb, path, _ := strings.Cut(e.name, " ")
		at := top
		for segment := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
			at = at.child(segment)
		}
		if at.verbs == nil {
			at.verbs = map[string]*endpoint{}
		}
		at.verbs[verb] = e
	}
	return top
}

func (r *routes) child(segment string) *routes {
	if name, ok := strings.CutPrefix(segment, ":"); ok {
		if r.param == nil {
			r.param = &routes{name: name}
		}
		return r.param
	}
	if r.literal == nil {
		r.literal = map[string]*routes{}
	}
	if r.literal[segment] == nil {
		r.literal[segment] = &routes{}
	}
	return r.literal[segment]
}

// find routes on the escaped path, so that an id may hold a slash, and
// unescapes each segment once. It returns nil where nothing answers.
func (r *routes) find(verb, escapedPath string) (*endpoint, map[string]string) {
	path, ok := strings.CutPrefix(escapedPath, prefix+"/")
	if !ok {
		return nil, nil
	}
	segments := strings.Split(path, "/")
	last := len(segments) - 1
	slashed := segments[last] == ""
	if slashed {
		segments = slices.Delete(segments, last, last+1)
	}
	var params map[string]string
	for _, segment := range segments {
		text, err := url.PathUnescape(segment)
		if err != nil {
			return nil, nil
		}
		next := r.literal[text]
		if next == nil && r.param != nil && text != "" {
			next = r.param
			if params == nil {
				params = map[string]string{}
			}
			params[next.name] = text
		}
		if next == nil {
			return nil, nil
		}
		r = next
	}
	e := r.verbs[verb]
	if e == nil || slashed && !e.open { // the token endpoints alone take a slash at the end
		return nil, nil
	}
	return e, params
}
