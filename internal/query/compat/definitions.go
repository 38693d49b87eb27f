package compat

import (
	"context"
	"encoding/json"

	"github.com/orgmirror/orgmirror/internal/query"
)

func definitionMethods() []method {
	return []method{
		{name: "GET /tenant/v2/tenant/query", handle: queryTenant},
		{name: "GET /contact/v3/employee_type_enums", handle: func(c *call) error {
			return c.definitions(selectEmployeeTypes, []unset{{"i18n_content", "enum_id", emptyList}}, "enum_id")
		}},
		{name: "GET /contact/v3/custom_attrs", handle: func(c *call) error {
			return c.definitions(selectCustomAttrs, []unset{{"i18n_name", "id", emptyList}}, "id")
		}},
	}
}

// queryTenant serves tenant/v2/tenant/query.
func queryTenant(c *call) error {
	var told json.RawMessage
	if c.handler.tenant != nil {
		told = c.handler.tenant(c.service.Company(c.ctx))
	}
	o, err := objectOf(told)
	if err != nil {
		return err
	}
	o.text("tenant_key", c.service.Company(c.ctx))
	c.data = object{"tenant": o.append(nil)}.append(nil)
	return nil
}

// definitions lists a kind that has no references: the statement's columns are the
// moment's, the key's, the id and the attributes; $1 is the tenant, $2 and $3 are
// the key before, $4 is how many.
func (c *call) definitions(statement string, empty []unset, idField string) error {
	p, err := c.pages(20, 100)
	if err != nil {
		return err
	}
	after := p.After(query.Key{Rank: -1})
	var l listing
	err = c.read(func(ctx context.Context) (query.Moment, error) {
		var (
			key        query.Key
			id         *string
			attributes []byte
		)
		l = listing{}
		err := c.rows(ctx, &l.now, statement, []any{c.service.Company(ctx), after.Rank, after.ID, p.Limit()},
			[]any{&key.Rank, &key.ID, &id, &attributes}, func() error {
				if id == nil {
					return nil
				}
				o, err := objectOf(attributes)
				if err != nil {
					return err
				}
				o.text(idField, *id)
				o.fill(empty)
				l.add(o.append(nil), key)
				return nil
			})
		return l.now, err
	})
	if err != nil {
		return err
	}
	return c.answerPage("items", p, l)
}

// By enum_value, which counts up.
const selectEmployeeTypes = `WITH page AS (
    SELECT k.enum_id, k.attributes, k.rank
    FROM (
        SELECT e.enum_id, e.attributes, CASE WHEN e.enum_value ~ '^[0-9]{1,18}$' THEN e.enum_value::bigint ELSE 9223372036854775807 END AS rank
        FROM directory.employee_types AS e
        WHERE e.tenant_key = $1 AND e.removed_at IS NULL
    ) AS k
    WHERE (k.rank, k.enum_id) > ($2, $3)
    ORDER BY k.rank, k.enum_id
    LIMIT $4
)
SELECT ` + query.MomentColumns + `, coalesce(p.rank, 0), coalesce(p.enum_id, ''), p.enum_id, p.attributes` + query.FromMoment + `
LEFT JOIN page AS p ON true
ORDER BY p.rank, p.enum_id`

// Nothing where the administrators let no app see custom attributes.
const selectCustomAttrs = `WITH page AS (
    SELECT a.id, a.attributes
    FROM directory.custom_attributes AS a
    WHERE a.tenant_key = $1
      AND a.removed_at IS NULL
      AND a.id > $3
      AND $2::bigint IS NOT NULL
      AND coalesce((SELECT s.allow_open_query FROM directory.custom_attr_settings AS s WHERE s.tenant_key = $1), true)
    ORDER BY a.id
    LIMIT $4
)
SELECT ` + query.MomentColumns + `, 0::bigint, coalesce(p.id, ''), p.id, p.attributes` + query.FromMoment + `
LEFT JOIN page AS p ON true
ORDER BY p.id`
