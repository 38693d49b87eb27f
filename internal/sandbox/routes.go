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
	tier   []window // the rate; tier4 where nil
	handle func(*call) error

	open          bool // needs no token and has no limit
	write         bool // changes the company: the handler runs alone
	userToken     bool // takes a user's token too
	userTokenOnly bool // and no app's
	selfBuiltOnly bool // not for apps of the marketplace
	restParam     bool // the last parameter may hold slashes, as an enum_id that an SDK does not escape

	index int // in the list of endpoints
	meter meter
}

// unrouted is the name under which calls to no endpoint are counted.
const unrouted = "other"

const prefix = "/open-apis"

// endpoints lists what the service answers. The tables of the methods stand
// beside them.
func endpoints() []*endpoint {
	all := slices.Concat(
		tokenEndpoints(), tenantEndpoints(), scopeEndpoints(),
		departmentEndpoints(), departmentListEndpoints(), departmentWriteEndpoints(),
		userEndpoints(), userListEndpoints(), userWriteEndpoints(),
		groupEndpoints(), unitEndpoints(), employeeTypeEndpoints(), customAttrEndpoints(),
	)
	for i, e := range all {
		e.index = i
		if !e.open && e.tier == nil {
			e.tier = tier4
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
	rest    bool   // the parameter takes all that is left of the path
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
		at.rest = at.rest || e.restParam
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
	for i, segment := range segments {
		if r.param != nil && r.param.rest {
			segment = strings.Join(segments[i:], "/")
		}
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
		if r = next; r.rest {
			break
		}
	}
	e := r.verbs[verb]
	if e == nil || slashed && !e.open { // the token endpoints alone take a slash at the end
		return nil, nil
	}
	return e, params
}
