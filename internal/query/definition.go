package query

import (
	"context"
	"encoding/json"
	"time"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

var (
	employeeTypeDescriptor    = (&pb.EmployeeType{}).ProtoReflect().Descriptor()
	customAttributeDescriptor = (&pb.CustomAttribute{}).ProtoReflect().Descriptor()
	scopeNodeDescriptor       = (&pb.ScopeNode{}).ProtoReflect().Descriptor()
)

// ListEmployeeTypes implements the RPC.
func (s *Service) ListEmployeeTypes(ctx context.Context, req *pb.ListEmployeeTypesRequest) (*pb.ListEmployeeTypesResponse, error) {
	t, err := termsOf(ctx, req, employeeTypeDescriptor)
	if err != nil {
		return nil, err
	}
	p, err := pagingOf[listKey](s.company(ctx), req)
	if err != nil {
		return nil, err
	}
	newRow := func() *resourceRow[*pb.EmployeeType] {
		e := &pb.EmployeeType{}
		var names []byte
		var removedAt *time.Time
		return &resourceRow[*pb.EmployeeType]{
			columns: []any{&e.EnumValue, &e.Content, &e.EnumType, &e.EnumStatus, &names, &removedAt, &e.RemovedReason},
			finish: func(id string) *pb.EmployeeType {
				e.EnumId, e.I18NContent, e.RemovedAt = id, translationsOf(names), timestamp(removedAt)
				return e
			},
		}
	}
	types, next, _, meta, err := readResources(ctx, s, t, p, newRow, selectEmployeeTypes, s.company(ctx), req.GetShowRemoved(), afterKey(p).First, p.limit())
	if err != nil {
		return nil, err
	}
	return &pb.ListEmployeeTypesResponse{
		EmployeeTypes: types, NextPageToken: next,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

const selectEmployeeTypes = `WITH page AS (
    SELECT e.enum_id
    FROM directory.employee_types AS e
    WHERE e.tenant_key = $1 AND e.enum_id > $3 AND ($2 OR e.removed_at IS NULL)
    ORDER BY e.enum_id
    LIMIT $4
)
SELECT ` + momentColumns + `, true, coalesce(p.enum_id, ''), '',
    e.enum_id, e.enum_value, e.content, e.enum_type, e.enum_status, e.i18n_content, e.removed_at, e.removed_reason` + fromMoment + `
LEFT JOIN (page AS p JOIN directory.employee_types AS e ON e.tenant_key = $1 AND e.enum_id = p.enum_id) ON true
ORDER BY p.enum_id`

// translationsOf reads [{locale, value}].
func translationsOf(raw []byte) (list []*pb.Translation) {
	var all []struct{ Locale, Value string }
	if len(raw) == 0 || json.Unmarshal(raw, &all) != nil {
		return nil // the fold writes no other form
	}
	for _, one := range all {
		list = append(list, &pb.Translation{Locale: one.Locale, Value: one.Value})
	}
	return list
}

// ListCustomAttributes implements the RPC.
func (s *Service) ListCustomAttributes(ctx context.Context, req *pb.ListCustomAttributesRequest) (*pb.ListCustomAttributesResponse, error) {
	t, err := termsOf(ctx, req, customAttributeDescriptor)
	if err != nil {
		return nil, err
	}
	p, err := pagingOf[listKey](s.company(ctx), req)
	if err != nil {
		return nil, err
	}
	newRow := func() *resourceRow[*pb.CustomAttribute] {
		a := &pb.CustomAttribute{}
		var options, names []byte
		var removedAt *time.Time
		return &resourceRow[*pb.CustomAttribute]{
			columns: []any{&a.Type, &options, &names, &removedAt, &a.RemovedReason},
			finish: func(id string) *pb.CustomAttribute {
				a.Id, a.Options, a.I18NName, a.RemovedAt = id, attributeOptionsOf(options), translationsOf(names), timestamp(removedAt)
				return a
			},
		}
	}
	attributes, next, _, meta, err := readResources(ctx, s, t, p, newRow, selectCustomAttributes, s.company(ctx), req.GetShowRemoved(), afterKey(p).First, p.limit())
	if err != nil {
		return nil, err
	}
	return &pb.ListCustomAttributesResponse{
		CustomAttributes: attributes, NextPageToken: next,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

const selectCustomAttributes = `WITH page AS (
    SELECT a.id
    FROM directory.custom_attributes AS a
    WHERE a.tenant_key = $1 AND a.id > $3 AND ($2 OR a.removed_at IS NULL)
    ORDER BY a.id
    LIMIT $4
)
SELECT ` + momentColumns + `, true, coalesce(p.id, ''), '',
    a.id, a.type, a.options, a.i18n_name, a.removed_at, a.removed_reason` + fromMoment + `
LEFT JOIN (page AS p JOIN directory.custom_attributes AS a ON a.tenant_key = $1 AND a.id = p.id) ON true
ORDER BY p.id`

// attributeOptionsOf reads the options of an attribute. The fold keeps them as Feishu
// gave them; what has another form is left out.
func attributeOptionsOf(raw []byte) *pb.CustomAttributeOptions {
	var all struct {
		DefaultOptionID string `json:"default_option_id"`
		OptionType      string `json:"option_type"`
		Options         []struct {
			ID, Value, Name string
		} `json:"options"`
	}
	if len(raw) == 0 || json.Unmarshal(raw, &all) != nil {
		return nil
	}
	options := &pb.CustomAttributeOptions{DefaultOptionId: all.DefaultOptionID, OptionType: all.OptionType}
	for _, o := range all.Options {
		options.Options = append(options.Options, &pb.CustomAttributeOption{Id: o.ID, Value: o.Value, Name: o.Name})
	}
	return options
}

// ListScopeNodes implements the RPC.
func (s *Service) ListScopeNodes(ctx context.Context, req *pb.ListScopeNodesRequest) (*pb.ListScopeNodesResponse, error) {
	t, err := termsOf(ctx, req, scopeNodeDescriptor)
	if err != nil {
		return nil, err
	}
	of, err := oneOf("node_type", req.GetNodeType(), "", "department", "user", "group")
	if err != nil {
		return nil, err
	}
	p, err := pagingOf[listKey](s.company(ctx), req)
	if err != nil {
		return nil, err
	}
	newRow := func() *resourceRow[*pb.ScopeNode] {
		n := &pb.ScopeNode{}
		var removedAt *time.Time
		return &resourceRow[*pb.ScopeNode]{
			columns: []any{&n.NodeId, &removedAt, &n.RemovedReason},
			finish: func(of string) *pb.ScopeNode {
				n.NodeType, n.RemovedAt = of, timestamp(removedAt)
				return n
			},
		}
	}
	nodes, next, _, meta, err := readResources(ctx, s, t, p, newRow, selectScopeNodes,
		s.company(ctx), t.userIDType, t.departmentIDType, of, req.GetShowRemoved(), afterKey(p).First, afterKey(p).Second, p.limit())
	if err != nil {
		return nil, err
	}
	return &pb.ListScopeNodesResponse{
		Nodes: nodes, NextPageToken: next,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

const selectScopeNodes = `WITH page AS (
    SELECT n.node_type, n.node_id, n.removed_at, n.removed_reason
    FROM directory.scopes AS n
    WHERE n.tenant_key = $1
      AND (n.node_type, n.node_id) > ($6, $7)
      AND ($4 = '' OR n.node_type = $4)
      AND ($5 OR n.removed_at IS NULL)
    ORDER BY n.node_type, n.node_id
    LIMIT $8
)
SELECT ` + momentColumns + `, true, coalesce(p.node_type, ''), coalesce(p.node_id, ''), p.node_type,
    CASE p.node_type
         WHEN 'user' THEN CASE $2 WHEN 'open_id' THEN p.node_id WHEN 'union_id' THEN u.union_id ELSE u.user_id END
         WHEN 'department' THEN CASE WHEN $3 = 'open_department_id' OR p.node_id = '0' THEN p.node_id ELSE d.department_id END
         ELSE p.node_id
    END,
    p.removed_at, p.removed_reason` + fromMoment + `
LEFT JOIN page AS p ON true
LEFT JOIN directory.users AS u ON $2 <> 'open_id' AND p.node_type = 'user' AND u.tenant_key = $1 AND u.open_id = p.node_id
LEFT JOIN directory.departments AS d
       ON $3 <> 'open_department_id' AND p.node_type = 'department' AND d.tenant_key = $1 AND d.open_department_id = p.node_id
ORDER BY p.node_type, p.node_id`
