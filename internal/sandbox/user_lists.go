package sandbox

import (
	"slices"
	"strings"
)

func userListEndpoints() []*endpoint {
	return []*endpoint{
		{name: "GET /contact/v3/users", scopes: readTree, handle: listUsers, userToken: true},
		{name: "POST /contact/v3/users/basic_batch", scopes: []string{scopeBasicBatch}, tier: tier6, handle: basicBatch, userToken: true},
		{name: "GET /search/v1/user", scopes: []string{scopeUserSearch}, handle: searchUsers, userToken: true, userTokenOnly: true},
	}
}

// listUsers serves the historic list: the people of a department, or without
// one the independent ones, who are in the app's range without a department of
// theirs.
func listUsers(c *call) error {
	const usual, most = 10, 100
	if id := c.query.Get("department_id"); id != "" {
		return c.members(id, usual, most, historicFields)
	}
	list, token, err := pageByKey(c, usual, most, c.view.independent(), openIDOf)
	if err != nil {
		return err
	}
	c.userPage(list, token, historicFields)
	return nil
}

// independent are the people in the caller's range of whose departments none
// is, by open_id.
func (v *view) independent() []*User {
	if v.seesAll() {
		return nil
	}
	var list []*User
	for id := range v.app.covers(v.org).users {
		u := v.org.users[id]
		if u == nil || u.Status.IsResigned || slices.ContainsFunc(u.DepartmentIDs, func(id string) bool {
			return v.seesDepartment(v.org.departments[id])
		}) {
			continue
		}
		list = append(list, u)
	}
	slices.SortFunc(list, compareUsers)
	return list
}

func compareUsers(a, b *User) int { return strings.Compare(a.OpenID, b.OpenID) }

// userPage writes a page of people.
func (c *call) userPage(list []*User, token string, shown userFields) {
	c.buf = append(c.buf, '{')
	c.buf = append(appendHasMore(c.buf, token != ""), `,"items":[`...)
	for i, u := range list {
		if i > 0 {
			c.buf = append(c.buf, ',')
		}
		c.buf = c.view.appendUser(c.buf, u, shown)
	}
	c.buf = append(c.buf, ']')
	c.buf = append(appendPageToken(c.buf, token), '}')
}

// basicBatch tells the names of people, also of those outside of the range.
func basicBatch(c *call) error {
	var body struct {
		UserIDs *[]string `json:"user_ids"`
	}
	if err := c.input(&body); err != nil {
		return err
	}
	const most = 10
	if body.UserIDs == nil || len(*body.UserIDs) == 0 || len(*body.UserIDs) > most {
		return refuseWith(codeParam, "param is invalid")
	}
	c.buf = append(c.buf, `{"users":[`...)
	var named []*User
	for _, id := range *body.UserIDs {
		u, err := c.view.findUser(id)
		if err != nil || slices.Contains(named, u) {
			continue
		}
		if len(named) > 0 {
			c.buf = append(c.buf, ',')
		}
		named = append(named, u)
		o := begin(c.buf, nil, nil)
		o.key("i18n_name")
		o.buf = appendI18n(o.buf, I18nName{ZhCN: u.Name, EnUS: u.EnName})
		o.str("name", u.Name)
		o.str("user_id", c.view.own(u))
		c.buf = o.end()
	}
	c.buf = append(c.buf, `]}`...)
	return nil
}

// searchUsers finds people who are here by a part of their names, by open_id. It
// is of an older service, with answers of its own.
func searchUsers(c *call) error {
	query := strings.TrimSpace(c.query.Get("query"))
	if query == "" {
		return invalidField("query", query, "query is required")
	}
	var found []*User
	for _, u := range c.view.org.users {
		if !u.Status.IsResigned && c.view.sees(u) &&
			(containsFold(u.Name, query) || containsFold(u.EnName, query)) {
			found = append(found, u)
		}
	}
	slices.SortFunc(found, compareUsers)
	found, token, err := pageByKey(c, 20, 200, found, openIDOf)
	if err != nil {
		return err
	}
	c.flat = true // its msg is "ok"
	c.buf = append(c.buf, '{')
	c.buf = appendHasMore(c.buf, token != "")
	c.buf = append(appendPageToken(c.buf, token), `,"users":[`...)
	for i, u := range found {
		if i > 0 {
			c.buf = append(c.buf, ',')
		}
		c.foundUser(u)
	}
	c.buf = append(c.buf, `]},"msg":"ok"}`...)
	return nil
}

func openIDOf(u *User) string { return u.OpenID }

func (c *call) foundUser(u *User) {
	o := begin(c.buf, c.view.hidden[KindUser], nil)
	if o.key("avatar") {
		o.buf = appendAvatar(o.buf, u.AvatarKey)
	}
	o.strs("department_ids", u.DepartmentIDs, c.view.department)
	o.str("name", u.Name)
	o.str("open_id", c.view.app.openID(u.OpenID))
	o.str("user_id", u.UserID)
	c.buf = o.end()
}
