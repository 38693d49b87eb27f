package directory

import (
	"slices"
	"strconv"
	"strings"
)

// Placement is one department of a user. The orders are nil where only the
// department is known; then nothing is known about the primary one either,
// unless there is no other.
type Placement struct {
	DepartmentID    string `json:"department_id"`
	UserOrder       *int64 `json:"user_order,omitempty"`       // among the department's people, larger first
	DepartmentOrder *int64 `json:"department_order,omitempty"` // among the user's departments, larger first
	IsPrimaryDept   *bool  `json:"is_primary_dept,omitempty"`
}

// sitting is what a user object says about departments.
type sitting struct {
	value []byte // nil: nowhere
	said  bool   // whether it says anything
	whole bool   // whether nothing is left to ask
}

// sittingOf reads department_ids and orders, which are one field: taken one by
// one they could come from different records and disagree.
//
//	orders            departments and order
//	department_ids    the departments, the order unknown
//	neither           nothing
//
// Empty lists in an event count as neither. Everybody is somewhere, if only in
// the root, and Feishu's pages say of department_ids in events that it "has in
// fact no value".
func sittingOf(o object, from origin) (s sitting, err error) {
	orders, err := asList(o.get(fieldOrders))
	if err != nil {
		return s, err
	}
	ids, err := asList(o.get(fieldDeptIDs))
	if err != nil {
		return s, err
	}
	all := make([]Placement, 0, len(orders)+len(ids))
	for _, raw := range orders {
		p, err := onePlacement(raw)
		if err != nil {
			return s, err
		}
		all = append(all, p)
	}
	named := make([]string, 0, len(ids))
	for _, raw := range ids {
		id, err := asKey(raw)
		if err != nil {
			return s, err
		}
		named = append(named, id)
		if len(orders) == 0 {
			all = append(all, Placement{DepartmentID: id})
		}
	}
	switch {
	case len(all) > 0:
		all = settle(all)
		return sitting{value: writePlacements(all), said: true, whole: len(orders) > 0 && agree(all, named)}, nil
	case from == fromObservation && o.says(fieldDeptIDs):
		return sitting{said: true, whole: true}, nil
	default:
		return sitting{}, nil
	}
}

// agree reports whether department_ids, where given, names the same
// departments as orders.
func agree(all []Placement, named []string) bool {
	if len(named) == 0 {
		return true
	}
	slices.Sort(named)
	return slices.EqualFunc(all, slices.Compact(named), func(p Placement, id string) bool { return p.DepartmentID == id })
}

// settle sorts, keeps each department once, and settles which one is primary:
// the one that says so, else the one with the greatest order.
func settle(all []Placement) []Placement {
	slices.SortStableFunc(all, func(a, b Placement) int { return strings.Compare(a.DepartmentID, b.DepartmentID) })
	all = slices.CompactFunc(all, func(a, b Placement) bool { return a.DepartmentID == b.DepartmentID })
	primary := -1
	for i := range all {
		if outranks(all, i, primary) {
			primary = i
		}
	}
	for i := range all {
		is := i == primary
		all[i].IsPrimaryDept = &is
	}
	return all
}

// outranks reports whether the department at i is rather the primary one than
// the one at best, which is -1 while there is none.
func outranks(all []Placement, i, best int) bool {
	says := func(i int) bool { return all[i].IsPrimaryDept != nil && *all[i].IsPrimaryDept }
	switch {
	case best < 0:
		return len(all) == 1 || says(i) || all[i].DepartmentOrder != nil
	case says(i) != says(best):
		return says(i)
	case all[i].DepartmentOrder == nil || all[best].DepartmentOrder == nil:
		return all[best].DepartmentOrder == nil && all[i].DepartmentOrder != nil
	default:
		return *all[i].DepartmentOrder > *all[best].DepartmentOrder
	}
}

// writePlacements gives what encoding/json would give.
func writePlacements(all []Placement) (value []byte) {
	for _, p := range all {
		value = append(value, separator(value))
		value = appendQuoted(append(value, `{"department_id":`...), p.DepartmentID)
		if p.UserOrder != nil {
			value = strconv.AppendInt(append(value, `,"user_order":`...), *p.UserOrder, 10)
		}
		if p.DepartmentOrder != nil {
			value = strconv.AppendInt(append(value, `,"department_order":`...), *p.DepartmentOrder, 10)
		}
		value = append(strconv.AppendBool(append(value, `,"is_primary_dept":`...), *p.IsPrimaryDept), '}')
	}
	return closeList(value)
}

func onePlacement(raw []byte) (p Placement, err error) {
	if raw[0] != '{' {
		return p, errWrongType
	}
	o, err := readObject(raw, nil)
	if err != nil {
		return p, err
	}
	if p.DepartmentID, err = asKey(o.get("department_id")); err != nil {
		return p, err
	}
	if p.UserOrder, err = optionalInteger(o.get("user_order")); err != nil {
		return p, err
	}
	if p.DepartmentOrder, err = optionalInteger(o.get("department_order")); err != nil {
		return p, err
	}
	if o.says("is_primary_dept") {
		is, err := asBoolean(o.get("is_primary_dept"))
		if err != nil {
			return p, err
		}
		p.IsPrimaryDept = &is
	}
	return p, nil
}

func optionalInteger(raw []byte) (*int64, error) {
	if isNull(raw) || string(raw) == `""` {
		return nil, nil
	}
	n, err := asInteger(raw)
	return &n, err
}
