package sandbox

import (
	"slices"
	"strings"
	"time"
)

// recoverable is how long after they left a person can come back.
const recoverable = 30 * 24 * time.Hour

// maxDepartments is how many departments one person may be in, and maxUserID
// how long a user_id may be.
const (
	maxDepartments = 50
	maxUserID      = 64
)

type returnBody struct {
	Departments *[]struct {
		DepartmentID    *string `json:"department_id"`
		UserOrder       *int    `json:"user_order"`
		DepartmentOrder *int    `json:"department_order"`
	} `json:"departments"`
	SubscriptionIDs *[]string `json:"subscription_ids"`
}

// resurrectUser takes a person back who left, with the ids that they had: into
// the departments named, or the root.
func resurrectUser(c *call) error {
	var body returnBody
	if err := c.input(&body); err != nil {
		return err
	}
	u, err := c.view.findUser(c.params["user_id"])
	if err != nil {
		return err
	}
	if err := c.mayReturn(u); err != nil {
		return err
	}
	if err := c.seats(body.SubscriptionIDs); err != nil {
		return err
	}
	orders, err := c.returnTo(body)
	if err != nil {
		return err
	}
	next := u.clone()
	next.Status.IsResigned, next.Status.IsExited = false, false
	next.DepartmentIDs, next.Orders = nil, orders
	for _, order := range orders {
		next.DepartmentIDs = append(next.DepartmentIDs, order.DepartmentID)
	}
	if err := c.server.org.changeUser(u, next); err != nil {
		return err
	}
	c.nothing()
	return nil
}

func (c *call) mayReturn(u *User) error {
	o, options := c.server.org, c.server.options
	left := o.resignedAt[u.OpenID]
	switch {
	case !c.view.sees(u):
		return refuse(codeMayNotResurrect)
	case !u.Status.IsResigned:
		return refuse(codeNotResigned)
	case c.now.Before(left.Add(time.Duration(options.DeletionSeconds) * time.Second)):
		return refuse(codeBeingDeleted)
	case c.now.Sub(left) > recoverable:
		return refuse(codeTooLateToResurrect)
	case o.byMobile.current[u.Mobile] != nil:
		return refuse(codeMobileReused)
	case o.byEmail.current[u.Email] != nil:
		return refuse(codeEmailReused)
	case o.byUserID.current[u.UserID] != nil:
		return refuse(codeUserIDReused)
	}
	return nil
}

// returnTo is where somebody is to sit who comes back. Departments whose order
// was not sent rank in the order in which they were.
func (c *call) returnTo(body returnBody) ([]Order, error) {
	var ids []string
	var given []Order
	if body.Departments != nil {
		for _, d := range *body.Departments {
			if missing(d.DepartmentID) {
				return nil, invalidField("departments.department_id", "", "departments.department_id is required")
			}
			n, err := c.view.findDepartment(*d.DepartmentID)
			if err != nil {
				return nil, err
			}
			order := Order{DepartmentID: n.OpenDepartmentID}
			set(&order.UserOrder, d.UserOrder)
			set(&order.DepartmentOrder, d.DepartmentOrder)
			if slices.Contains(ids, order.DepartmentID) {
				return nil, refuse(codeParam)
			}
			ids, given = append(ids, order.DepartmentID), append(given, order)
		}
	}
	if len(ids) > maxDepartments {
		return nil, refuse(codeParam)
	}
	if len(ids) == 0 {
		ids = []string{rootID}
	}
	if !c.view.seesDepartments(ids) {
		return nil, refuse(codeMayNotResurrect)
	}
	if !slices.ContainsFunc(given, func(order Order) bool { return order.DepartmentOrder != 0 }) {
		return ordersFor(ids, given), nil
	}
	return given, nil
}

// updateUserID gives a person another user_id.
func updateUserID(c *call) error {
	var body struct {
		NewUserID *string `json:"new_user_id"`
	}
	if err := c.input(&body); err != nil {
		return err
	}
	u, err := c.view.findUser(c.params["user_id"])
	if err != nil {
		return err
	}
	id := body.NewUserID
	switch {
	case u.Status.IsResigned, !c.view.sees(u):
		return refuse(codeNoUser)
	case missing(id):
		return refuse(codeNewUserID)
	case !validUserID(*id):
		return refuseWith(codeParam, "Invalid params")
	case u.Mobile == "" && u.Email == "":
		return refuse(codeNoContact)
	case c.server.org.byUserID.current[*id] != nil && *id != u.UserID:
		return refuseWith(codeUserIDTaken, "user id already exist error")
	}
	next := u.clone()
	next.UserID = *id
	if err := c.server.org.changeUser(u, next); err != nil {
		return err
	}
	c.nothing()
	return nil
}

// validUserID tells whether a company could have chosen a user_id.
func validUserID(id string) bool {
	return id != "" && len([]rune(id)) <= maxUserID && !strings.ContainsAny(id, " \t\r\n")
}

// seesDepartments tells whether all of some departments are within the caller's
// range; those that are gone are nobody's.
func (v *view) seesDepartments(ids []string) bool {
	for _, id := range ids {
		if n := v.org.departments[id]; n != nil && !v.seesDepartment(n) {
			return false
		}
	}
	return true
}
