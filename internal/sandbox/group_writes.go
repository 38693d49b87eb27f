package sandbox

// Codes of what the SDK's bodies of groups have and the documents do not: rules
// of dynamic groups, and who may see a group.
const (
	codeGroupRule          = 42018
	codeGroupExpression    = 42019
	codeGroupExpressionVal = 42022
	codeNoDynamicGroups    = 42024
	codeGroupJoiner        = 42025
	codeGroupVisible       = 42027
	codeGroupAdminOnly     = 42029
)

// How methods word codes.
const (
	parameterInvalid    = "parameter invalid"            // 40001 of create and patch
	noAuthorityPatch    = "no userGroup authority error" // 42009
	noAuthorityUsual    = "no user group authority error"
	noAuthorityBatchAdd = "no user group authority"
	noAuthorityBatchOff = "no group authority"
)

// groupBody is the body of create and patch.
type groupBody struct {
	GroupID      string        `json:"group_id"`
	Name         *string       `json:"name"`
	Description  *string       `json:"description"`
	Type         *int          `json:"type"`
	Rule         *groupRule    `json:"dynamic_group_rule"`
	VisibleScope *groupVisible `json:"visible_scope"`
}

type groupRule struct {
	Expressions []struct {
		Field    string   `json:"field"`
		Operator string   `json:"operator"`
		Value    string   `json:"value"`
		Values   []string `json:"values"`
	} `json:"expressions"`
	JoinerRule string `json:"joiner_rule"`
}

type groupVisible struct {
	Users       []string `json:"visible_users"`
	Departments []string `json:"visible_departments"`
}

// createGroup serves POST group: normal groups alone, and only for an app that
// sees everybody.
func createGroup(c *call) error {
	b, err := c.groupBody()
	if err != nil {
		return err
	}
	if !c.view.seesAll() {
		return refuse(codeNotFullRange)
	}
	g := Group{ID: b.GroupID, Type: normalGroup}
	if b.Type != nil && *b.Type != normalGroup {
		return refuse(codeGroupType)
	}
	b.into(&g)
	made, err := c.view.org.addGroup(g)
	if err != nil {
		return err
	}
	return c.answerField("group_id", made.ID)
}

// patchGroup serves PATCH group/:group_id.
func patchGroup(c *call) error {
	b, err := c.groupBody()
	if err != nil {
		return err
	}
	if !c.view.org.features.Groups {
		return refuse(codeGroupsOff)
	}
	g, err := c.normalGroup(noAuthorityPatch)
	if err != nil {
		return err
	}
	if b.Name != nil && *b.Name == "" {
		return refuse(codeParam).saying(parameterInvalid)
	}
	next := g.clone()
	b.into(&next)
	if err := c.view.org.changeGroup(g, next); err != nil {
		return err
	}
	return c.answerNothing()
}

// deleteGroup serves DELETE group/:group_id, for an app that sees everybody.
func deleteGroup(c *call) error {
	if !c.view.org.features.Groups {
		return refuse(codeGroupsOff)
	}
	g, err := c.normalGroup(noAuthorityUsual)
	switch {
	case err != nil:
		return err
	case !c.view.seesAll():
		return refuse(codeNoGroup)
	case len(g.Users)+len(g.Departments) > 0:
		return refuse(codeGroupNotEmpty)
	}
	c.view.org.removeGroup(g)
	return c.answerNothing()
}

// normalGroup finds the group of the path for a write. Dynamic groups cannot be
// written by the API, whoever asks. Methods word 42009 in their own ways.
func (c *call) normalGroup(noAuthority string) (*Group, error) {
	g := c.view.org.groups[c.params["group_id"]]
	switch {
	case g == nil:
		return nil, refuse(codeGroupID)
	case g.Type == normalGroup && c.view.seesGroup(g):
		return g, nil
	}
	return nil, refuse(codeNoGroup).saying(noAuthority)
}

// groupBody reads the body of create and patch, and looks at what only the SDK
// knows of. A rule never makes a dynamic group; who may see a group is checked
// and not kept.
func (c *call) groupBody() (groupBody, error) {
	var b groupBody
	if err := c.bodyInto(&b, refuse(codeParam).saying(parameterInvalid)); err != nil {
		return b, err
	}
	if b.Rule != nil {
		return b, b.Rule.check()
	}
	if b.VisibleScope != nil {
		return b, b.VisibleScope.check(c)
	}
	return b, nil
}

func (b *groupBody) into(g *Group) {
	if b.Name != nil {
		g.Name = *b.Name
	}
	if b.Description != nil {
		g.Description = *b.Description
	}
}

// check says what is wrong with a rule: at last, that there may be none.
func (r *groupRule) check() error {
	if len(r.Expressions) == 0 {
		return refuse(codeGroupRule)
	}
	for _, e := range r.Expressions {
		if e.Field == "" || e.Operator == "" {
			return refuse(codeGroupExpression)
		}
		if e.Value == "" && len(e.Values) == 0 {
			return refuse(codeGroupExpressionVal)
		}
	}
	if len(r.Expressions) > 1 && r.JoinerRule == "" {
		return refuse(codeGroupJoiner)
	}
	return refuse(codeNoDynamicGroups)
}

func (s *groupVisible) check(c *call) error {
	for _, id := range s.Users {
		if _, err := c.view.findUser(id); err != nil {
			return refuse(codeGroupVisible)
		}
	}
	for _, id := range s.Departments {
		if _, err := c.view.findDepartment(id); err != nil {
			return refuse(codeGroupVisible)
		}
	}
	return nil
}
