package feishu

import (
	"context"
	"encoding/json"
	"time"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
)

// The calls that only an app with a narrowed contact scope needs.

// IndependentUsers lists the people whom the app may see although it may see
// none of their departments: the historic list of users, without a department.
// It has most fields of a person, not all.
func (c *Client) IndependentUsers(ctx context.Context, pageToken string) (Page, error) {
	r := request{endpoint: EndpointUsers, query: idTypes()}
	r.paged(WidePageSize, pageToken)
	return c.page(ctx, r, pageToken)
}

// MemberType is what a list of a group's members is of: one kind a call.
type MemberType string

// The kinds of members.
const (
	MemberUser       MemberType = "user"
	MemberDepartment MemberType = "department"
)

// MembersPage is one page of the members of a group.
type MembersPage struct {
	IDs         []string // open_ids or open_department_ids
	HasMore     bool
	PageToken   string
	RequestedAt time.Time // as in Page
}

// GroupMembers lists the members of a group, people or departments.
func (c *Client) GroupMembers(ctx context.Context, groupID string, of MemberType, pageToken string) (MembersPage, error) {
	var page MembersPage
	r := request{
		endpoint: EndpointGroupMembers,
		path:     larkcore.PathParams{"group_id": groupID},
		query:    larkcore.QueryParams{},
	}
	r.query.Set("member_type", string(of))
	r.query.Set("member_id_type", "open_id") // for departments: open_department_id
	r.paged(WidePageSize, pageToken)
	r.decode = func(env envelope) (err error) {
		page, err = decodeMembers(env)
		return err
	}
	at, err := c.do(ctx, r)
	if err != nil {
		return MembersPage{}, err
	}
	page.RequestedAt = at
	return page, nil
}

// decodeMembers reads {memberlist, has_more, page_token}.
func decodeMembers(env envelope) (MembersPage, error) {
	var wire struct {
		Members   json.RawMessage `json:"memberlist"`
		HasMore   json.RawMessage `json:"has_more"`
		PageToken json.RawMessage `json:"page_token"`
	}
	if absent(env.data) || json.Unmarshal(env.data, &wire) != nil {
		return MembersPage{}, errNoData
	}
	var members []struct {
		ID json.RawMessage `json:"member_id"`
	}
	if !absent(wire.Members) && json.Unmarshal(wire.Members, &members) != nil {
		return MembersPage{}, errNoData
	}
	var page MembersPage
	for _, m := range members {
		id := text(m.ID)
		if id == "" {
			return MembersPage{}, errNoData // left out, somebody would seem not to be in the group
		}
		page.IDs = append(page.IDs, id)
	}
	var err error
	page.HasMore, page.PageToken, err = decodePaging(wire.HasMore, wire.PageToken)
	return page, err
}
