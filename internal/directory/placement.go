package directory

import (
	"encoding/json"
	"slices"
	"strings"
)

// Placement is one department of a user. The orders are nil where only the
// department is known.
type Placement struct {
	DepartmentID    string `json:"department_id"`
	UserOrder       *int64 `json:"user_order,omitempty"`       // among the department's people, larger first
	DepartmentOrder *int64 `json:"department_order,omitempty"` // among the user's departments, larger first
	IsPrimaryDept   *bool  `json:"is_primary_dept,omitempty"`
}

// placementFields decides what a user object says about departments.
// department_ids and orders are one field: taken one by one they could come
// from different records and disagree.
//
//	orders            departments and order
//	department_ids    the departments, the order unknown
//	neither           nothing
func placementFields(object map[string]json.RawMessage) (value json.RawMessage, ordered, ok bool, err error) {
	orders, hasOrders, err := list(orNull(object[fieldOrders]))
	if err != nil {
		return nil, false, false, err
	}
	ids, hasIDs, err := list(orNull(object[fieldDeptIDs]))
	if err != nil {
		return nil, false, false, err
	}
	if len(orders) == 0 && len(ids) > 0 {
		hasOrders = false // an answer that knows no orders sends an empty list
	}
	var all []Placement
	switch {
	case hasOrders:
		for _, o := range orders {
			p, err := onePlacement(o)
			if err != nil {
				return nil, false, false, err
			}
			all = append(all, p)
		}
	case hasIDs:
		for _, id := range ids {
			s, err := asText(id)
			if err != nil {
				return nil, false, false, err
			}
			all = append(all, Placement{DepartmentID: s})
		}
	default:
		return nil, false, false, nil
	}
	return encodePlacements(all), hasOrders, true, nil
}

// encodePlacements sorts, keeps each department once, and settles which one is
// primary: the one that says so, else the one with the greatest order.
func encodePlacements(all []Placement) json.RawMessage {
	slices.SortStableFunc(all, func(a, b Placement) int { return strings.Compare(a.DepartmentID, b.DepartmentID) })
	all = slices.CompactFunc(all, func(a, b Placement) bool { return a.DepartmentID == b.DepartmentID })
	if len(all) == 0 {
		return nil
	}
	said := slices.ContainsFunc(all, func(p Placement) bool { return p.IsPrimaryDept != nil && *p.IsPrimaryDept })
	greatest := -1
	for i, p := range all {
		if p.DepartmentOrder != nil && (greatest < 0 || *p.DepartmentOrder > *all[greatest].DepartmentOrder) {
			greatest = i
		}
	}
	if len(all) == 1 {
		greatest = 0
	}
	for i := range all {
		primary := all[i].IsPrimaryDept != nil && *all[i].IsPrimaryDept
		if !said {
			primary = i == greatest
		}
		all[i].IsPrimaryDept = &primary
	}
	return encode(all)
}

func onePlacement(raw json.RawMessage) (Placement, error) {
	var o struct {
		DepartmentID    json.RawMessage `json:"department_id"`
		UserOrder       json.RawMessage `json:"user_order"`
		DepartmentOrder json.RawMessage `json:"department_order"`
		IsPrimaryDept   json.RawMessage `json:"is_primary_dept"`
	}
	if json.Unmarshal(raw, &o) != nil {
		return Placement{}, errWrongType
	}
	id, err := asText(orNull(o.DepartmentID))
	if err != nil {
		return Placement{}, err
	}
	p := Placement{DepartmentID: id}
	if p.UserOrder, err = optionalInteger(o.UserOrder); err != nil {
		return Placement{}, err
	}
	if p.DepartmentOrder, err = optionalInteger(o.DepartmentOrder); err != nil {
		return Placement{}, err
	}
	primary, ok, err := boolean(orNull(o.IsPrimaryDept), fromEvent)
	if ok {
		is := string(primary) == "true"
		p.IsPrimaryDept = &is
	}
	return p, err
}

func optionalInteger(raw json.RawMessage) (*int64, error) {
	if isNull(orNull(raw)) {
		return nil, nil
	}
	n, err := asInteger(raw)
	return &n, err
}

// orNull makes an absent value a null, which every rule takes for "nothing".
func orNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}

// customAttrs splits a user's custom attributes: those that name a user do so
// by user_id in events and by the asked id kind in the API, so only
// observations set them.
func customAttrs(raw json.RawMessage, from origin) ([]FieldChange, error) {
	items, ok, err := list(orNull(raw))
	if !ok || err != nil {
		return nil, err
	}
	plain, users := []any{}, []any{}
	for _, item := range items {
		var v any
		if err := decodeNumbers(item, &v); err != nil {
			return nil, err
		}
		attr, ok := cleanTree(v).(map[string]any)
		if !ok {
			return nil, errWrongType
		}
		if attr["type"] == "GENERIC_USER" {
			users = append(users, attr)
		} else {
			plain = append(plain, attr)
		}
	}
	changes := []FieldChange{{Name: fieldCustomAttrs, Value: encodeAttrs(plain)}}
	if from == fromObservation {
		changes = append(changes, FieldChange{Name: fieldGenericUsers, Value: encodeAttrs(users)})
	}
	return changes, nil
}

// encodeAttrs sorts by id; lists of attributes have no order of their own.
func encodeAttrs(attrs []any) json.RawMessage {
	if len(attrs) == 0 {
		return nil
	}
	id := func(v any) string {
		s, _ := v.(map[string]any)["id"].(string)
		return s
	}
	slices.SortStableFunc(attrs, func(a, b any) int { return strings.Compare(id(a), id(b)) })
	return encode(attrs)
}
