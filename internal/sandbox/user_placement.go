package sandbox

import (
	"cmp"
	"slices"
)

// orderBody is a place in a department as requests have it.
type orderBody struct {
	DepartmentID    *string `json:"department_id"`
	UserOrder       *int    `json:"user_order"`
	DepartmentOrder *int    `json:"department_order"`
	IsPrimaryDept   *bool   `json:"is_primary_dept"`
}

// placement is about the departments of a person and their order.
func (w *userWrite) placement() error {
	b := &w.body
	switch {
	case b.DepartmentIDs == nil && b.Orders != nil:
		return refuse(codeOrdersAlone)
	case b.DepartmentIDs == nil:
		return nil
	case len(*b.DepartmentIDs) > maxDepartments:
		return refuse(codeManyDepartments)
	}
	ids, err := w.departments(*b.DepartmentIDs)
	if err != nil {
		return err
	}
	if err := w.mayPlace(ids); err != nil {
		return err
	}
	if b.Orders != nil && len(*b.Orders) > 0 {
		w.next.Orders, err = w.orders(ids)
	} else {
		var old []Order
		if w.how == patching {
			old = w.before.Orders
		}
		w.next.Orders = ordersFor(ids, old)
	}
	w.next.DepartmentIDs = nil
	for _, order := range w.next.Orders {
		w.next.DepartmentIDs = append(w.next.DepartmentIDs, order.DepartmentID)
	}
	return err
}

// departments finds what department_ids names.
func (w *userWrite) departments(named []string) ([]string, error) {
	ids := make([]string, 0, len(named))
	for _, id := range named {
		if blank(&id) {
			return nil, refuse(codeDepartmentEmpty)
		}
		n, err := w.c.view.findDepartment(id)
		if err != nil {
			return nil, err
		}
		if slices.Contains(ids, n.OpenDepartmentID) {
			return nil, refuse(codeParam)
		}
		ids = append(ids, n.OpenDepartmentID)
	}
	return ids, nil
}

// mayPlace checks the range, for the departments that a person leaves as for
// those where they come, and that there is room.
func (w *userWrite) mayPlace(ids []string) error {
	var before []string
	if w.before != nil {
		before = w.before.DepartmentIDs
	}
	if sameSet(ids, before) {
		return nil
	}
	v, o := &w.c.view, w.c.server.org
	if !v.seesDepartments(ids) || !v.seesDepartments(before) {
		return refuse(codeNoDepartment)
	}
	for _, id := range ids {
		if !slices.Contains(before, id) && len(o.departments[id].members) >= o.limits.members {
			return refuse(codeFullDepartment)
		}
	}
	return nil
}

// orders reads the order that was sent. A department that it leaves out comes
// last; the primary one must be the first.
func (w *userWrite) orders(ids []string) ([]Order, error) {
	var orders []Order
	for _, sent := range *w.body.Orders {
		if missing(sent.DepartmentID) {
			return nil, refuse(codeOrderDepartment)
		}
		n, err := w.c.view.findDepartment(*sent.DepartmentID)
		if err != nil {
			return nil, err
		}
		order := Order{DepartmentID: n.OpenDepartmentID}
		set(&order.UserOrder, sent.UserOrder)
		set(&order.DepartmentOrder, sent.DepartmentOrder)
		set(&order.IsPrimaryDept, sent.IsPrimaryDept)
		if !slices.Contains(ids, order.DepartmentID) || slices.ContainsFunc(orders, order.sameDepartment) {
			return nil, refuse(codeOrderDepartment)
		}
		orders = append(orders, order)
	}
	for _, id := range ids {
		if other := (Order{DepartmentID: id}); !slices.ContainsFunc(orders, other.sameDepartment) {
			orders = append(orders, other)
		}
	}
	slices.SortStableFunc(orders, func(a, b Order) int {
		return cmp.Or(cmp.Compare(b.DepartmentOrder, a.DepartmentOrder), primaryFirst(a, b))
	})
	for _, order := range orders[1:] {
		if order.IsPrimaryDept {
			return nil, refuse(codePrimaryNotFirst)
		}
	}
	return orders, nil
}

func (order Order) sameDepartment(other Order) bool { return order.DepartmentID == other.DepartmentID }

func primaryFirst(a, b Order) int {
	switch {
	case a.IsPrimaryDept == b.IsPrimaryDept:
		return 0
	case a.IsPrimaryDept:
		return -1
	default:
		return 1
	}
}
