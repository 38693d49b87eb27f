package sandbox

import "slices"

// The types of the events about what a company has set for its people.
const (
	enumCreated     = "contact.employee_type_enum.created_v3"
	enumActivated   = "contact.employee_type_enum.actived_v3" // sic
	enumDeactivated = "contact.employee_type_enum.deactivated_v3"
	enumUpdated     = "contact.employee_type_enum.updated_v3"
	enumDeleted     = "contact.employee_type_enum.deleted_v3"
	attrsUpdated    = "contact.custom_attr_event.updated_v3"
)

// active is the value of EmployeeType.EnumStatus of one that can be chosen.
const active = 1

// employeeTypeEvents are the events for a change of an employee type. One call
// may change both its text and its status.
func (t *teller) employeeTypeEvents(c *change) []told {
	before, after := c.enumBefore, c.enumAfter
	tell := func(eventType string) told {
		return told{eventType, marshal(struct {
			New *EmployeeType `json:"new_enum,omitempty"`
			Old *EmployeeType `json:"old_enum,omitempty"`
		}{after, before})}
	}
	switch c.what {
	case created:
		return []told{tell(enumCreated)}
	case deleted:
		return []told{tell(enumDeleted)}
	case changed, returned:
	}
	var all []told
	switch {
	case before.EnumStatus == after.EnumStatus:
	case after.EnumStatus == active:
		all = append(all, tell(enumActivated))
	default:
		all = append(all, tell(enumDeactivated))
	}
	other := before.Content != after.Content || !slices.Equal(before.I18nContent, after.I18nContent)
	if other && (len(all) == 0 || !t.options.OneEmployeeTypeEvent) {
		all = slices.Insert(all, 0, tell(enumUpdated))
	}
	return all
}

// attrsEvents are the events for a change of the custom attributes there are, or
// of the switch that shows them to apps.
func (t *teller) attrsEvents(c *attrsChange) []told {
	if slices.Equal(c.before, c.after) && c.open[0] == c.open[1] {
		return nil
	}
	before, after := c.before, c.after
	if t.options.AffectedFieldKeys {
		before, after = missingIn(c.before, c.after), missingIn(c.after, c.before)
	}
	side := func(keys []string, open bool) any {
		return struct {
			Open bool     `json:"allow_open_query"`
			Keys []string `json:"contact_field_key"`
		}{open, append([]string{}, keys...)}
	}
	return []told{{attrsUpdated, marshal(map[string]any{"object": side(after, c.open[1]), "old_object": side(before, c.open[0])})}}
}
