package compat

import (
	"context"

	"github.com/orgmirror/orgmirror/internal/query"
)

func scopeMethods() []method {
	return []method{{name: "GET /contact/v3/scopes", people: byUserIDType, handle: listScopes}}
}

// listScopes serves contact/v3/scopes: the nodes of the app's range, for all staff
// the departments of the first level, the people of the root and all groups. One page
// holds page_size nodes of all three together, people first and groups last.
func listScopes(c *call) error {
	p, err := c.pages(50, 100)
	if err != nil {
		return err
	}
	type node struct{ kind, id string }
	var (
		l     listing
		nodes []node
	)
	after := p.After(query.Key{Rank: -1})
	err = c.read(func(ctx context.Context) (query.Moment, error) {
		var (
			key  query.Key
			kind *string
			id   *string
		)
		l, nodes = listing{}, nil
		args := []any{c.service.Company(ctx), c.kinds.user, c.kinds.department, after.Rank, after.ID, p.Limit()}
		err := c.rows(ctx, &l.now, selectScopes, args, []any{&key.Rank, &key.ID, &kind, &id}, func() error {
			if kind != nil {
				l.add(nil, key)
				nodes = append(nodes, node{*kind, *id})
			}
			return nil
		})
		return l.now, err
	})
	if err != nil {
		return err
	}
	n, next, err := p.Cut(l.now, l.keys)
	if err != nil {
		return err
	}
	lists := map[string][]string{"user": {}, "department": {}, "group": {}}
	for _, node := range nodes[:n] {
		if node.id != "" { // of no id of the kind asked for there is nothing to say
			lists[node.kind] = append(lists[node.kind], node.id)
		}
	}
	o := object{
		"user_ids": marshal(lists["user"]), "department_ids": marshal(lists["department"]), "group_ids": marshal(lists["group"]),
		"has_more": marshal(next != ""),
	}
	if next != "" {
		o.text("page_token", next)
	}
	c.data = o.append(nil)
	return nil
}

const selectScopes = `WITH page AS (
    SELECT k.node_type, k.node_id, k.rank, k.id
    FROM (
        SELECT s.node_type, s.node_id,
               CASE s.node_type WHEN 'user' THEN 0 WHEN 'department' THEN 1 ELSE 2 END AS rank,
               CASE s.node_type
                   WHEN 'user' THEN CASE $2 WHEN 'open_id' THEN s.node_id WHEN 'union_id' THEN u.union_id ELSE u.user_id END
                   WHEN 'department' THEN CASE WHEN $3 = 'open_department_id' OR s.node_id = '0' THEN s.node_id ELSE d.department_id END
                   ELSE s.node_id
               END AS id
        FROM directory.scopes AS s
        LEFT JOIN directory.users AS u ON s.node_type = 'user' AND u.tenant_key = $1 AND u.open_id = s.node_id
        LEFT JOIN directory.departments AS d ON s.node_type = 'department' AND d.tenant_key = $1 AND d.open_department_id = s.node_id
        WHERE s.tenant_key = $1
          AND s.removed_at IS NULL
          -- that a node is gone, events told; that the range has it no more, only lists tell
          AND u.removed_at IS NULL
          AND d.removed_at IS NULL
    ) AS k
    WHERE (k.rank, k.node_id) > ($4, $5)
    ORDER BY k.rank, k.node_id
    LIMIT $6
)
SELECT ` + query.MomentColumns + `, coalesce(p.rank, 0)::bigint, coalesce(p.node_id, ''), p.node_type, coalesce(p.id, '')` + query.FromMoment + `
LEFT JOIN page AS p ON true
ORDER BY p.rank, p.node_id`
