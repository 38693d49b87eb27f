package sandbox

import (
	"slices"
	"strconv"
)

// regions are the places where the data of a person can be kept.
var regions = []string{"cn", "eu", "jp", "sg", "us"}

// employment is about what somebody is employed as, and where.
func (w *userWrite) employment() error {
	b, n, o := &w.body, &w.next, w.c.server.org
	if b.EmployeeType != nil && (w.before == nil || *b.EmployeeType != w.before.EmployeeType) {
		if err := o.checkEmployeeType(*b.EmployeeType); err != nil {
			return err
		}
	}
	set(&n.EmployeeType, b.EmployeeType)
	switch {
	case b.JobLevelID != nil && *b.JobLevelID != "" && !slices.Contains(jobLevels, *b.JobLevelID):
		return refuse(codeJobLevel)
	case b.JobFamilyID != nil && *b.JobFamilyID != "" && !slices.Contains(jobFamilies, *b.JobFamilyID):
		return refuse(codeJobFamily)
	case b.Geo != nil && !w.c.caller.app.may([]string{scopeGeo}):
		return refuse(codeGeoAuthority)
	case b.Geo != nil && !slices.Contains(regions, *b.Geo):
		return refuse(codeGeoUnknown)
	case b.EmployeeNo != nil && *b.EmployeeNo != "" && o.another(w.before, func(u *User) bool { return u.EmployeeNo == *b.EmployeeNo }):
		return refuse(codeEmployeeNoTaken)
	}
	set(&n.JobLevelID, b.JobLevelID)
	set(&n.JobFamilyID, b.JobFamilyID)
	set(&n.Geo, b.Geo)
	return nil
}

// checkEmployeeType looks a type up among those of the company. A company that
// has none defined has Feishu's five.
func (o *organisation) checkEmployeeType(value int) error {
	const builtIn, inactive = 5, 2
	if len(o.employeeTypes) == 0 && value >= 1 && value <= builtIn {
		return nil
	}
	for _, e := range o.employeeTypes {
		if e.EnumValue != strconv.Itoa(value) {
			continue
		}
		if e.EnumStatus == inactive {
			return refuse(codeEmployeeTypeOff)
		}
		return nil
	}
	return refuse(codeEmployeeType)
}

// another tells whether somebody else who is here meets a condition.
func (o *organisation) another(than *User, meets func(*User) bool) bool {
	for _, u := range o.users {
		if u != than && !u.Status.IsResigned && meets(u) {
			return true
		}
	}
	return false
}

// licences is about seats, which this company has none of, and about the
// invitation.
func (w *userWrite) licences() error {
	if err := w.c.seats(w.body.SubscriptionIDs); err != nil {
		return err
	}
	b := &w.body
	if b.NeedNotification == nil || !*b.NeedNotification || b.Notification == nil || w.next.Email != "" {
		return nil
	}
	if slices.Contains(b.Notification.Channels, "email") {
		return refuseWith(codeNewUserID, "need send email but not set mail")
	}
	return nil
}

func (c *call) seats(ids *[]string) error {
	switch {
	case ids == nil:
		return nil
	case !c.caller.app.may([]string{scopeSeats}):
		return refuse(codeSeatAuthority)
	case len(*ids) > 0:
		return refuse(codeSeatInvalid)
	}
	return nil
}
