package sandbox

import (
	"slices"
	"strings"
)

const (
	userPath      = "GET /contact/v3/users/:user_id"
	membersPath   = "GET /contact/v3/users/find_by_department"
	userBatchPath = "GET /contact/v3/users/batch"
	userIDPath    = "POST /contact/v3/users/batch_get_id"
)

func userEndpoints() []*endpoint {
	return []*endpoint{
		{name: userPath, scopes: readBase, handle: getUser, userToken: true},
		{name: membersPath, scopes: readTree, handle: listMembers, userToken: true},
		{name: userBatchPath, scopes: []string{scopeBase}, handle: batchUsers, userToken: true},
		{name: userIDPath, scopes: []string{scopeUserID}, handle: batchUserIDs},
	}
}

// getUser serves users/:user_id, for people who resigned too.
func getUser(c *call) error {
	u, err := c.view.findUser(c.params["user_id"])
	if err != nil {
		return err
	}
	if !c.view.sees(u) {
		return refuse(codeNoUser)
	}
	c.buf = append(c.buf, `{"user":`...)
	c.buf = append(c.view.appendUser(c.buf, u, getFields), '}')
	return nil
}

// listMembers serves users/find_by_department: the people directly in a
// department, by user_order from the greatest and then by open_id.
func listMembers(c *call) error {
	id := c.query.Get("department_id")
	if id == "" {
		return invalidField("department_id", "", "department_id is required")
	}
	return c.members(id, 10, 50, listFields)
}

// members lists the people directly in a department.
func (c *call) members(department string, usual, most int, shown userFields) error {
	n, err := c.view.findDepartment(department)
	if err != nil {
		return err
	}
	if !c.view.seesDepartment(n) {
		return refuse(codeNoDepartment)
	}
	page, err := c.page(usual, most)
	if err != nil {
		return err
	}
	list := n.members
	if c.server.options.ListResigned {
		list = c.view.org.withResigned(n)
	}
	list, token := cutPage(c, list, page, func(s seat) cursor { return cursor{rank: int64(s.order), id: s.user.OpenID} }, compareSeatCursor)
	people := make([]*User, len(list))
	for i, s := range list {
		people[i] = s.user
	}
	c.userPage(people, token, shown)
	return nil
}

// withResigned lists the people of a department together with those who left
// it by leaving the company.
func (o *organisation) withResigned(n *node) []seat {
	list := slices.Clone(n.members)
	for _, u := range o.users {
		for _, order := range u.Orders {
			if u.Status.IsResigned && order.DepartmentID == n.OpenDepartmentID {
				list = append(list, seat{order: order.UserOrder, user: u})
			}
		}
	}
	slices.SortFunc(list, compareSeats)
	return list
}

// batchUsers serves users/batch. Ids that do not exist, or that the app may not
// see, are dropped.
func batchUsers(c *call) error {
	ids := c.query["user_ids"]
	switch {
	case len(ids) == 0:
		return invalidField("user_ids", "", "user_ids is required")
	case len(ids) > maxBatch:
		return refuseWith(codeParam, "invalid parameter")
	}
	c.buf = append(c.buf, `{"items":[`...)
	var seen []*User
	for _, id := range ids {
		u, err := c.view.findUser(id)
		if err != nil || !c.view.sees(u) || slices.Contains(seen, u) {
			continue
		}
		if len(seen) > 0 {
			c.buf = append(c.buf, ',')
		}
		seen = append(seen, u)
		c.buf = c.view.appendUser(c.buf, u, batchFields)
	}
	c.buf = append(c.buf, `]}`...)
	return nil
}

// batchUserIDs serves users/batch_get_id: one entry for each e-mail and then
// each mobile, which holds nothing but its question where nobody has it.
func batchUserIDs(c *call) error {
	var body struct {
		Emails          []string `json:"emails"`
		Mobiles         []string `json:"mobiles"`
		IncludeResigned bool     `json:"include_resigned"`
	}
	if err := c.input(&body); err != nil {
		return err
	}
	if len(body.Emails) > maxBatch {
		return invalidField("emails", "", "the max len is 50")
	}
	if len(body.Mobiles) > maxBatch {
		return invalidField("mobiles", "", "the max len is 50")
	}
	find := func(index lookup, key string) *User {
		if body.IncludeResigned {
			return index.any(key)
		}
		return index.current[key]
	}
	c.buf = append(c.buf, `{"user_list":[`...)
	some := false
	for _, email := range body.Emails {
		c.userIDEntry(&some, "email", email, find(c.view.org.byEmail, email))
	}
	for _, mobile := range body.Mobiles {
		c.userIDEntry(&some, "mobile", mobile, find(c.view.org.byMobile, withCountry(mobile)))
	}
	c.buf = append(c.buf, `]}`...)
	return nil
}

// userIDEntry writes what batch_get_id says of one question.
func (c *call) userIDEntry(some *bool, key, asked string, u *User) {
	if *some {
		c.buf = append(c.buf, ',')
	}
	*some = true
	o := begin(c.buf, nil, nil)
	o.str(key, asked)
	if u != nil && c.view.sees(u) {
		if !c.view.hidden[KindUser]["status"] {
			c.view.status(&o, u.Status)
		}
		o.str("user_id", c.view.own(u))
	}
	c.buf = o.end()
}

// withCountry completes a mainland number, which may come without its code.
func withCountry(mobile string) string {
	if strings.HasPrefix(mobile, "+") {
		return mobile
	}
	return "+86" + mobile
}
