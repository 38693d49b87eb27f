package feishu

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
)

// GroupType is what a list of groups is of: one type a call.
type GroupType int

// The types of groups.
const (
	NormalGroups  GroupType = 1
	DynamicGroups GroupType = 2
)

// Groups lists the company's groups of one type; an app that does not see everybody
// sees those of its range.
func (c *Client) Groups(ctx context.Context, of GroupType, pageToken string) (Page, error) {
	r := request{endpoint: EndpointGroups, query: idTypes(), items: "grouplist"}
	r.query.Set("type", strconv.Itoa(int(of)))
	r.paged(WidePageSize, pageToken)
	return c.page(ctx, r, pageToken)
}

// Group gets one group. ErrNotFound for one that does not exist.
func (c *Client) Group(ctx context.Context, id string) (Object, error) {
	return c.object(ctx, "group", request{
		endpoint: EndpointGroup,
		path:     larkcore.PathParams{"group_id": id},
		query:    idTypes(),
	})
}

// Units lists the company's units.
func (c *Client) Units(ctx context.Context, pageToken string) (Page, error) {
	r := request{endpoint: EndpointUnits, query: larkcore.QueryParams{}, items: "unitlist"}
	r.paged(WidePageSize, pageToken)
	return c.page(ctx, r, pageToken)
}

// Unit gets one unit. ErrNotFound for one that does not exist.
func (c *Client) Unit(ctx context.Context, id string) (Object, error) {
	return c.object(ctx, "unit", request{endpoint: EndpointUnit, path: larkcore.PathParams{"unit_id": id}, query: larkcore.QueryParams{}})
}

// UnitDepartmentsPage is one page of the departments that are bound to a unit.
type UnitDepartmentsPage struct {
	IDs         []string // open_department_ids
	HasMore     bool
	PageToken   string
	RequestedAt time.Time // as in Page
}

// UnitDepartments lists the departments that are bound to a unit.
func (c *Client) UnitDepartments(ctx context.Context, unitID, pageToken string) (UnitDepartmentsPage, error) {
	if unitID == "" {
		return UnitDepartmentsPage{}, fmt.Errorf("feishu %s: %w", EndpointUnitDepartments, errNoID)
	}
	var page UnitDepartmentsPage
	r := request{endpoint: EndpointUnitDepartments, query: larkcore.QueryParams{}}
	r.query.Set("unit_id", unitID)
	r.query.Set("department_id_type", "open_department_id")
	r.paged(WidePageSize, pageToken)
	r.decode = func(env envelope) (err error) {
		page, err = decodeUnitDepartments(env, pageToken)
		return err
	}
	at, err := c.do(ctx, r)
	if err != nil {
		return UnitDepartmentsPage{}, err
	}
	page.RequestedAt = at
	return page, nil
}

// decodeUnitDepartments reads {departmentlist: [{unit_id, department_id}], has_more, page_token}.
func decodeUnitDepartments(env envelope, askedToken string) (page UnitDepartmentsPage, err error) {
	list, err := decodePage(env, "departmentlist", askedToken)
	if err != nil {
		return page, err
	}
	for _, item := range list.Items {
		var binding struct {
			DepartmentID json.RawMessage `json:"department_id"`
		}
		if json.Unmarshal(item, &binding) != nil || text(binding.DepartmentID) == "" {
			return page, errNoData // left out, a department would seem not to be bound
		}
		page.IDs = append(page.IDs, text(binding.DepartmentID))
	}
	page.HasMore, page.PageToken = list.HasMore, list.PageToken
	return page, nil
}
