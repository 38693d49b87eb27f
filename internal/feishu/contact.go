package feishu

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
)

// The endpoints as limiters, counters and errors name them.
const (
	EndpointTenant             = "GET /tenant/v2/tenant/query"
	EndpointDepartment         = "GET /contact/v3/departments/:department_id"
	EndpointDepartmentChildren = "GET /contact/v3/departments/:department_id/children"
	EndpointDepartmentsBatch   = "GET /contact/v3/departments/batch"
	EndpointUser               = "GET /contact/v3/users/:user_id"
	EndpointUsersByDepartment  = "GET /contact/v3/users/find_by_department"
	EndpointUsersBatch         = "GET /contact/v3/users/batch"
	EndpointUsers              = "GET /contact/v3/users"
	EndpointGroupMembers       = "GET /contact/v3/group/:group_id/member/simplelist"
	EndpointGroups             = "GET /contact/v3/group/simplelist"
	EndpointGroup              = "GET /contact/v3/group/:group_id"
	EndpointUnits              = "GET /contact/v3/unit"
	EndpointUnit               = "GET /contact/v3/unit/:unit_id"
	EndpointUnitDepartments    = "GET /contact/v3/unit/list_department"
	EndpointScopes             = "GET /contact/v3/scopes"
	EndpointEmployeeTypes      = "GET /contact/v3/employee_type_enums"
	EndpointCustomAttrs        = "GET /contact/v3/custom_attrs"
)

// PageSize is the size of each page asked for, and the most ids that a batch
// takes: the greatest that Feishu allows for users and departments.
const PageSize = 50

// WidePageSize is the same for the lists that may be longer: the contact scope,
// groups and their members, units and their departments, and the historic list of
// users.
const WidePageSize = 100

// Page is one page of a list. An item is the JSON that came in, byte for byte,
// and may be of any type: it is the reader who knows what it should be.
type Page struct {
	Items     []json.RawMessage
	HasMore   bool
	PageToken string // for the next page; empty when there is none
	// RequestedAt is the instant the request was sent, on the upstream's clock:
	// never later than it truly was, and early by less than a second plus the
	// answer's travel time.
	RequestedAt time.Time
}

// Object is one entity as received.
type Object struct {
	Raw         json.RawMessage
	RequestedAt time.Time // as in Page
}

// ScopesPage is one page of what the app may see. Feishu fills users first, then
// departments, then groups.
type ScopesPage struct {
	DepartmentIDs []string
	UserIDs       []string
	GroupIDs      []string
	// HasUserIDs is false when the answer has no list of users at all: either
	// the page holds none, or the app lacks contact:user.employee_id:readonly.
	HasUserIDs  bool
	HasMore     bool
	PageToken   string
	RequestedAt time.Time // as in Page
}

// Tenant is the company that the app's token belongs to.
type Tenant struct {
	Key       string // the tenant_key of events
	Name      string
	DisplayID string
	Raw       json.RawMessage // the whole of it, as received
}

// Tenant asks who the company is. It needs tenant:tenant:readonly.
func (c *Client) Tenant(ctx context.Context) (Tenant, error) {
	var t Tenant
	_, err := c.do(ctx, request{
		endpoint: EndpointTenant,
		decode: func(env envelope) error {
			raw, err := decodeObject(env, "tenant")
			if err != nil {
				return err
			}
			var wire struct {
				Key       json.RawMessage `json:"tenant_key"`
				Name      json.RawMessage `json:"name"`
				DisplayID json.RawMessage `json:"display_id"`
			}
			if json.Unmarshal(raw, &wire) != nil || text(wire.Key) == "" {
				return errNoData
			}
			t = Tenant{Key: text(wire.Key), Name: text(wire.Name), DisplayID: text(wire.DisplayID), Raw: raw}
			return nil
		},
	})
	return t, err
}

// Department gets one department by its open_department_id; "0" is the root.
func (c *Client) Department(ctx context.Context, id string) (Object, error) {
	return c.object(ctx, "department", request{
		endpoint: EndpointDepartment,
		path:     larkcore.PathParams{"department_id": id},
		query:    idTypes(),
	})
}

// User gets one person by open_id. Feishu answers for people who left, too.
func (c *Client) User(ctx context.Context, id string) (Object, error) {
	return c.object(ctx, "user", request{
		endpoint: EndpointUser,
		path:     larkcore.PathParams{"user_id": id},
		query:    idTypes(),
		hide:     []string{id},
	})
}

// DepartmentChildren lists the departments below id, all of them with
// fetchChild, else those directly below. The department itself is not listed.
func (c *Client) DepartmentChildren(ctx context.Context, id string, fetchChild bool, pageToken string) (Page, error) {
	r := request{
		endpoint: EndpointDepartmentChildren,
		path:     larkcore.PathParams{"department_id": id},
		query:    idTypes(),
	}
	r.query.Set("fetch_child", strconv.FormatBool(fetchChild))
	return c.listPage(ctx, r, pageToken)
}

// UsersByDepartment lists the direct members of a department; "0" is the root.
// Whoever is in several departments is listed in each.
func (c *Client) UsersByDepartment(ctx context.Context, departmentID, pageToken string) (Page, error) {
	if departmentID == "" {
		return Page{}, fmt.Errorf("feishu %s: %w", EndpointUsersByDepartment, errNoID)
	}
	r := request{endpoint: EndpointUsersByDepartment, query: idTypes()}
	r.query.Set("department_id", departmentID)
	return c.listPage(ctx, r, pageToken)
}

// DepartmentsBatch gets up to 50 departments. Feishu leaves out, without a word,
// those it does not know or show.
func (c *Client) DepartmentsBatch(ctx context.Context, ids []string) (Page, error) {
	r := request{endpoint: EndpointDepartmentsBatch, query: idTypes()}
	r.query["department_ids"] = ids
	return c.batch(ctx, r, ids)
}

// UsersBatch gets up to 50 people, and leaves out as DepartmentsBatch does.
func (c *Client) UsersBatch(ctx context.Context, ids []string) (Page, error) {
	r := request{endpoint: EndpointUsersBatch, query: idTypes(), hide: ids}
	r.query["user_ids"] = ids
	return c.batch(ctx, r, ids)
}

// Scopes lists what the app may see: for all staff the departments of the first
// level and the people of the root, else the configured nodes.
func (c *Client) Scopes(ctx context.Context, pageToken string) (ScopesPage, error) {
	var page ScopesPage
	r := request{endpoint: EndpointScopes, query: idTypes()}
	r.paged(WidePageSize, pageToken)
	r.decode = func(env envelope) (err error) {
		page, err = decodeScopes(env)
		return err
	}
	at, err := c.do(ctx, r)
	if err != nil {
		return ScopesPage{}, err
	}
	page.RequestedAt = at
	return page, nil
}

var (
	errNoID      = errors.New("an empty id names nothing")
	errBatchSize = fmt.Errorf("a batch takes 1 to %d ids", PageSize)
)

// idTypes are the ids that the mirror uses: the ones that never change. They are
// Feishu's defaults too, and are sent so that the answer does not hang on it.
func idTypes() larkcore.QueryParams {
	q := larkcore.QueryParams{}
	q.Set("user_id_type", "open_id")
	q.Set("department_id_type", "open_department_id")
	return q
}

// paged adds the page. The first page has no token: an empty one is not the same.
func (r *request) paged(size int, pageToken string) {
	r.query.Set("page_size", strconv.Itoa(size))
	if pageToken != "" {
		r.query.Set("page_token", pageToken)
		r.hide = append(r.hide, pageToken)
	}
}

func (c *Client) object(ctx context.Context, member string, r request) (Object, error) {
	var o Object
	r.decode = func(env envelope) (err error) {
		o.Raw, err = decodeObject(env, member)
		return err
	}
	at, err := c.do(ctx, r)
	if err != nil {
		return Object{}, err
	}
	o.RequestedAt = at
	return o, nil
}

func (c *Client) listPage(ctx context.Context, r request, pageToken string) (Page, error) {
	r.paged(PageSize, pageToken)
	return c.page(ctx, r, pageToken)
}

func (c *Client) batch(ctx context.Context, r request, ids []string) (Page, error) {
	if len(ids) == 0 || len(ids) > PageSize {
		return Page{}, fmt.Errorf("feishu %s: %w, not %d", r.endpoint, errBatchSize, len(ids))
	}
	for _, id := range ids {
		if id == "" {
			return Page{}, fmt.Errorf("feishu %s: %w", r.endpoint, errNoID)
		}
	}
	return c.page(ctx, r, "")
}

func (c *Client) page(ctx context.Context, r request, pageToken string) (Page, error) {
	var page Page
	r.decode = func(env envelope) (err error) {
		page, err = decodePage(env, cmp.Or(r.items, "items"), pageToken)
		return err
	}
	at, err := c.do(ctx, r)
	if err != nil {
		return Page{}, err
	}
	page.RequestedAt = at
	return page, nil
}
