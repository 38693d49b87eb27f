package sandbox

import (
	"net/http"
	"slices"
)

func userWriteEndpoints() []*endpoint {
	return []*endpoint{
		{name: "POST /contact/v3/users", scopes: writeScope, handle: createUser, write: true, selfBuiltOnly: true},
		{name: "DELETE /contact/v3/users/:user_id", scopes: writeScope, handle: deleteUser, write: true, selfBuiltOnly: true},
		{name: "PATCH /contact/v3/users/:user_id", scopes: []string{scopeWrite, scopeUserWrite}, handle: patchUser, write: true, userToken: true, selfBuiltOnly: true},
		{name: "PUT /contact/v3/users/:user_id", scopes: writeScope, handle: replaceUser, write: true, selfBuiltOnly: true},
		{name: "POST /contact/v3/users/:user_id/resurrect", scopes: writeScope, tier: tier1, handle: resurrectUser, write: true, selfBuiltOnly: true},
		{name: "PATCH /contact/v3/users/:user_id/update_user_id", scopes: []string{scopeUpdateUserID}, tier: tier8, handle: updateUserID, write: true, selfBuiltOnly: true},
	}
}

// createUser brings a person in, who has not joined until they accept.
func createUser(c *call) error {
	return c.once(func() error {
		w := userWrite{c: c, how: creating}
		if err := w.read(); err != nil {
			return err
		}
		w.next = User{Status: Status{IsUnjoin: true}}
		orElse(&w.body.MobileVisible, true)
		orElse(&w.body.JoinTime, c.now.Unix())
		if err := w.settle(); err != nil {
			return err
		}
		u, err := c.server.org.addUser(w.next)
		if err != nil {
			return err
		}
		c.userResult(u, createFields)
		return nil
	})
}

// patchUser changes what was sent and leaves the rest as it is.
func patchUser(c *call) error {
	w := userWrite{c: c, how: patching}
	if err := w.readFor(c.params["user_id"]); err != nil {
		return err
	}
	if err := w.mayWriteFields(); err != nil {
		return err
	}
	if w.body.DepartmentIDs != nil || w.body.IsFrozen != nil {
		if err := c.slowly(); err != nil {
			return err
		}
	}
	if w.before.Status.IsResigned {
		return w.patchResigned()
	}
	w.body.UserID, w.body.Geo = nil, nil
	return w.change(patchFields)
}

// replaceUser replaces all that the method knows of: what was not sent is
// cleared, and what it does not know of stays.
func replaceUser(c *call) error {
	w := userWrite{c: c, how: replacing}
	if err := w.readFor(c.params["user_id"]); err != nil {
		return err
	}
	if w.before.Status.IsResigned {
		return refuse(codeResigned)
	}
	b := &w.body
	b.UserID, b.Geo, b.JobLevelID, b.JobFamilyID, b.SubscriptionIDs, b.DottedLine = nil, nil, nil, nil, nil, nil
	for _, text := range []**string{&b.EnName, &b.Nickname, &b.Email, &b.AvatarKey, &b.Leader, &b.City, &b.Country, &b.WorkStation, &b.EmployeeNo, &b.EnterpriseEmail, &b.JobTitle, &b.Description} {
		orElse(text, "")
	}
	orElse(&b.MobileVisible, true)
	orElse(&b.Gender, 0)
	orElse(&b.JoinTime, 0)
	orElse(&b.IsFrozen, false)
	orElse(&b.CustomAttrs, nil)
	return w.change(putFields)
}

// change checks the request and takes it over.
func (w *userWrite) change(shown userFields) error {
	switch status := w.before.Status; {
	case status.IsExited:
		return refuse(codeExited)
	case status.IsUnjoin && w.c.server.options.RefuseUnjoined:
		return refuse(codeUnjoined)
	}
	w.next = w.before.clone()
	if err := w.settle(); err != nil {
		return err
	}
	if err := w.c.server.org.changeUser(w.before, w.next); err != nil {
		return err
	}
	w.c.userResult(w.before, shown)
	return nil
}

// patchResigned changes the picture and the signature of a person who left,
// which is all that Feishu lets change of them.
func (w *userWrite) patchResigned() error {
	for _, name := range given(w.body) {
		if name != "avatar_key" && name != "description" {
			return refuse(codeResigned)
		}
	}
	if missing(w.body.AvatarKey) && missing(w.body.Description) {
		return refuse(codeResignedEmpty)
	}
	w.next = w.before.clone()
	if err := w.texts(); err != nil {
		return err
	}
	if err := w.c.server.org.changeUser(w.before, w.next); err != nil {
		return err
	}
	w.c.userResult(w.before, patchFields)
	return nil
}

// mayWriteFields keeps callers to the fields that they may write: a person, and
// an app that may only update people's basic information.
func (w *userWrite) mayWriteFields() error {
	allowed := []string{"name", "en_name", "avatar_key"}
	switch {
	case w.c.caller.person != nil:
	case !w.c.caller.app.may(writeScope):
		allowed = append(allowed, "nickname", "gender", "description")
	default:
		return nil
	}
	for _, name := range given(w.body) {
		if !slices.Contains(allowed, name) {
			return refuse(codeFieldAuthority)
		}
	}
	return nil
}

// slowly holds changes of departments and of frozen accounts to one a second.
func (c *call) slowly() error {
	if !c.server.rateLimits {
		return nil
	}
	return c.caller.app.slow.take(c.now)
}

func (c *call) userResult(u *User, shown userFields) {
	c.buf = append(c.buf, `{"user":`...)
	c.buf = append(c.view.appendUser(c.buf, u, shown), '}')
}

// acceptorsBody names who gets what a person leaves behind.
type acceptorsBody struct {
	DepartmentChat *string `json:"department_chat_acceptor_user_id"`
	ExternalChat   *string `json:"external_chat_acceptor_user_id"`
	Docs           *string `json:"docs_acceptor_user_id"`
	Calendar       *string `json:"calendar_acceptor_user_id"`
	Application    *string `json:"application_acceptor_user_id"`
	Minutes        *string `json:"minutes_acceptor_user_id"`
	Survey         *string `json:"survey_acceptor_user_id"`
	AnyCross       *string `json:"anycross_acceptor_user_id"`
	Email          *struct {
		ProcessingType *string `json:"processing_type"`
		Acceptor       *string `json:"acceptor_user_id"`
	} `json:"email_acceptor"`
}

// deleteUser makes a person resign.
func deleteUser(c *call) error {
	var body acceptorsBody
	if err := c.input(&body); err != nil {
		return err
	}
	u, err := c.view.findUser(c.params["user_id"])
	if err != nil {
		return err
	}
	gone := u.Status.IsResigned
	switch {
	case gone && c.server.options.RepeatedDelete && c.view.sees(u):
		c.nothing()
		return nil
	case gone, !c.view.sees(u):
		return refuse(codeNoUser).at(http.StatusForbidden)
	case !c.view.seesDepartments(u.DepartmentIDs):
		return refuse(codeNoDepartment)
	case u.IsTenantManager:
		return refuse(codeDeleteManager)
	}
	if err := c.acceptors(body, u); err != nil {
		return err
	}
	next := u.clone()
	next.Status = Status{IsResigned: true, IsActivated: u.Status.IsActivated}
	if err := c.server.org.changeUser(u, next); err != nil {
		return err
	}
	c.nothing()
	return nil
}

// acceptors checks that whoever is to inherit is here, and is somebody else.
func (c *call) acceptors(b acceptorsBody, leaver *User) error {
	named := []*string{b.DepartmentChat, b.ExternalChat, b.Docs, b.Calendar, b.Application, b.Minutes, b.Survey, b.AnyCross}
	if e := b.Email; e != nil {
		if e.ProcessingType == nil || !slices.Contains([]string{"1", "2", "3"}, *e.ProcessingType) {
			return refuse(codeParam)
		}
		if *e.ProcessingType == "1" {
			if missing(e.Acceptor) {
				return refuse(codeAcceptor)
			}
			named = append(named, e.Acceptor)
		}
	}
	for _, id := range named {
		if missing(id) {
			continue
		}
		if u, err := c.view.findUser(*id); err != nil || u == leaver || u.Status.IsResigned || !c.view.sees(u) {
			return refuse(codeAcceptor)
		}
	}
	return nil
}
