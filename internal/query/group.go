package query

import (
	"context"
	"time"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

var (
	groupDescriptor       = (&pb.Group{}).ProtoReflect().Descriptor()
	groupMemberDescriptor = (&pb.GroupMember{}).ProtoReflect().Descriptor()
)

// groupColumns are those of a group g; references are in the id kind asked for ($3).
const groupColumns = `
    g.group_id, g.name, g.description, g.type, g.member_user_count, g.member_department_count,
    CASE WHEN $3 = 'open_department_id' THEN g.department_scope_list
         ELSE ARRAY(SELECT CASE WHEN x.id = '0' THEN '0' ELSE d.department_id END
                    FROM unnest(g.department_scope_list) WITH ORDINALITY AS x (id, n)
                    LEFT JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = x.id
                    WHERE x.id = '0' OR d.department_id IS NOT NULL
                    ORDER BY x.n)
    END,
    g.removed_at, g.removed_reason`

func newGroupRow() *resourceRow[*pb.Group] {
	g := &pb.Group{}
	var removedAt *time.Time
	return &resourceRow[*pb.Group]{
		columns: []any{
			&g.Name, &g.Description, &g.Type, &g.MemberUserCount, &g.MemberDepartmentCount, &g.DepartmentScopeList, &removedAt, &g.RemovedReason,
		},
		finish: func(id string) *pb.Group {
			g.GroupId, g.RemovedAt = id, timestamp(removedAt)
			return g
		},
	}
}

func groupNotFound() error {
	return &failure{reason: reasonGroupNotFound, message: "no group has this id"}
}

// GetGroup implements the RPC.
func (s *Service) GetGroup(ctx context.Context, req *pb.GetGroupRequest) (*pb.GetGroupResponse, error) {
	t, err := termsOf(ctx, req, groupDescriptor)
	if err != nil {
		return nil, err
	}
	id, err := text("group", req.GetGroup())
	if err != nil {
		return nil, err
	}
	group, meta, err := readResource(ctx, s, t, newGroupRow, selectGroup, s.company(ctx), id, t.departmentIDType)
	switch {
	case err != nil:
		return nil, err
	case group == nil:
		return nil, groupNotFound()
	}
	return &pb.GetGroupResponse{
		Group:    group,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

const selectGroup = `SELECT ` + momentColumns + `, true, '', '',` + groupColumns + fromMoment + `
LEFT JOIN directory.groups AS g ON g.tenant_key = $1 AND g.group_id = $2`

// ListGroups implements the RPC.
func (s *Service) ListGroups(ctx context.Context, req *pb.ListGroupsRequest) (*pb.ListGroupsResponse, error) {
	t, err := termsOf(ctx, req, groupDescriptor)
	if err != nil {
		return nil, err
	}
	if req.GetType() < 0 || req.GetType() > 2 {
		return nil, badField(reasonArgument, "type", "must be 1 for normal groups, 2 for dynamic ones, or 0 for both")
	}
	p, err := pagingOf[listKey](s.company(ctx), req)
	if err != nil {
		return nil, err
	}
	groups, next, _, meta, err := readResources(ctx, s, t, p, newGroupRow, selectGroups,
		s.company(ctx), req.GetType(), t.departmentIDType, req.GetShowRemoved(), afterKey(p).First, p.limit())
	if err != nil {
		return nil, err
	}
	return &pb.ListGroupsResponse{
		Groups: groups, NextPageToken: next,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

const selectGroups = `WITH page AS (
    SELECT g.group_id
    FROM directory.groups AS g
    WHERE g.tenant_key = $1
      AND g.group_id > $5
      AND ($4 OR g.removed_at IS NULL)
      AND ($2 = 0 OR g.type = $2)
    ORDER BY g.group_id
    LIMIT $6
)
SELECT ` + momentColumns + `, true, coalesce(p.group_id, ''), '',` + groupColumns + fromMoment + `
LEFT JOIN (page AS p JOIN directory.groups AS g ON g.tenant_key = $1 AND g.group_id = p.group_id) ON true
ORDER BY p.group_id`

// askedGroup is the group that a request names by $4.
const askedGroup = `target AS (
    SELECT g.group_id AS id
    FROM directory.groups AS g
    WHERE g.tenant_key = $1 AND g.group_id = $4
)`

// ListGroupMembers implements the RPC.
func (s *Service) ListGroupMembers(ctx context.Context, req *pb.ListGroupMembersRequest) (*pb.ListGroupMembersResponse, error) {
	t, err := termsOf(ctx, req, groupMemberDescriptor)
	if err != nil {
		return nil, err
	}
	id, err := text("group", req.GetGroup())
	if err != nil {
		return nil, err
	}
	of, err := oneOf("member_type", req.GetMemberType(), "", "user", "department")
	if err != nil {
		return nil, err
	}
	p, err := pagingOf[listKey](s.company(ctx), req)
	if err != nil {
		return nil, err
	}
	members, next, found, meta, err := readResources(ctx, s, t, p, newGroupMemberRow, selectGroupMembers,
		s.company(ctx), t.userIDType, t.departmentIDType, id, req.GetShowRemoved(), of, afterKey(p).First, afterKey(p).Second, p.limit())
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, groupNotFound()
	}
	return &pb.ListGroupMembersResponse{
		Members: members, NextPageToken: next,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

func newGroupMemberRow() *resourceRow[*pb.GroupMember] {
	m := &pb.GroupMember{}
	var removedAt *time.Time
	return &resourceRow[*pb.GroupMember]{
		columns: []any{&m.MemberId, &removedAt, &m.RemovedReason},
		finish: func(of string) *pb.GroupMember {
			m.MemberType, m.RemovedAt = of, timestamp(removedAt)
			return m
		},
	}
}

const selectGroupMembers = `WITH ` + askedGroup + `,
page AS (
    SELECT m.member_type, m.member_id, m.removed_at, m.removed_reason
    FROM directory.group_members AS m
    WHERE m.tenant_key = $1 AND m.group_id = $4
      AND ($5 OR m.removed_at IS NULL)
      AND ($6 = '' OR m.member_type = $6)
      AND (m.member_type, m.member_id) > ($7, $8)
    ORDER BY m.member_type, m.member_id
    LIMIT $9
)
SELECT ` + momentColumns + `, t.id IS NOT NULL, coalesce(p.member_type, ''), coalesce(p.member_id, ''), p.member_type,
    CASE WHEN p.member_type = 'user'
         THEN CASE $2 WHEN 'open_id' THEN p.member_id WHEN 'union_id' THEN u.union_id ELSE u.user_id END
         ELSE CASE WHEN $3 = 'open_department_id' OR p.member_id = '0' THEN p.member_id ELSE d.department_id END
    END,
    p.removed_at, p.removed_reason` + fromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN page AS p ON true
LEFT JOIN directory.users AS u ON $2 <> 'open_id' AND p.member_type = 'user' AND u.tenant_key = $1 AND u.open_id = p.member_id
LEFT JOIN directory.departments AS d
       ON $3 <> 'open_department_id' AND p.member_type = 'department' AND d.tenant_key = $1 AND d.open_department_id = p.member_id
ORDER BY p.member_type, p.member_id`
