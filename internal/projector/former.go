package projector

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/directory/searchkey"
)

// This file keeps what people and departments were found by and are not any more,
// for searches in the past. A key is written where a version has it and the next
// one has not, and stays for ever: also where the name comes back. So the rows
// follow from the versions alone, whatever the pages were.

// formerKey is a key that an entity lost. Whether it was sensitive says its version.
type formerKey struct {
	text string
	part bool
}

// namesIn is what the entity is found by in one of its versions.
func (e *entity) namesIn(v *version) directory.Names {
	switch e.state.Key.Kind {
	case directory.KindUser:
		return v.user.Names()
	case directory.KindDepartment:
		return v.department.Names()
	default:
		return directory.Names{}
	}
}

// followNames collects what the entity lost from each version to the next: from the
// stored one, if there is one, to the last, whose names it returns.
func (e *entity) followNames() directory.Names {
	names := e.named
	for i := range e.versions {
		next := e.namesIn(&e.versions[i])
		e.former = appendLost(e.former, names, next)
		names = next
	}
	return names
}

// appendLost adds the keys of the names before that those after do not have.
func appendLost(former map[formerKey]struct{}, before, after directory.Names) map[formerKey]struct{} {
	if before == after || before == (directory.Names{}) {
		return former
	}
	has := map[formerKey]struct{}{}
	for _, k := range searchkey.Of(after) {
		has[formerKey{k.Text, k.Part}] = struct{}{}
	}
	for _, k := range searchkey.Of(before) {
		lost := formerKey{k.Text, k.Part}
		if _, kept := has[lost]; kept {
			continue
		}
		if former == nil {
			former = map[formerKey]struct{}{}
		}
		former[lost] = struct{}{}
	}
	return former
}

const insertFormerKeys = `
INSERT INTO history.search_keys
SELECT * FROM jsonb_populate_recordset(NULL::history.search_keys, $1::jsonb)
ON CONFLICT DO NOTHING`

// fillFormer makes the former keys of all entities of a kind from their versions,
// step by step in the order of these.
func fillFormer(ctx context.Context, tx pgx.Tx, kind directory.Kind, sql string) (total int, err error) {
	var (
		of       = directory.Key{Kind: kind} // whose versions are read
		names    directory.Names             // of the version before
		former   map[formerKey]struct{}
		rows     [][]any
		at       = of
		position directory.Position
		next     directory.Names
	)
	end := func() {
		for k := range former {
			rows = append(rows, []any{of.TenantKey, string(kind), k.part, k.text, of.ID})
		}
		former = nil
	}
	next.Person = kind == directory.KindUser
	columns := append([]any{&at.TenantKey, &at.ID, (*int64)(&position)}, nameColumns(&next)...)
	for last := false; !last; {
		found, err := tx.Query(ctx, sql, at.TenantKey, at.ID, int64(position), fillStep)
		if err != nil {
			return 0, err
		}
		read, err := pgx.ForEachRow(found, columns, func() error {
			if at == of {
				former = appendLost(former, names, next)
			} else {
				end()
			}
			of, names = at, next
			return nil
		})
		if err != nil {
			return 0, err
		}
		if last = read.RowsAffected() < fillStep; last {
			end()
		}
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{"history", "search_keys"},
			[]string{"tenant_key", "entity_kind", "part", "key", "entity_id"}, pgx.CopyFromRows(rows)); err != nil {
			return 0, err
		}
		total, rows = total+len(rows), rows[:0]
	}
	return total, nil
}

const selectUserNamesByVersion = `
SELECT tenant_key, open_id, from_position, ` + userNames + `
FROM history.users
WHERE (tenant_key, open_id, from_position) > ($1, $2, $3)
ORDER BY tenant_key, open_id, from_position
LIMIT $4`

const selectDepartmentNamesByVersion = `
SELECT tenant_key, open_department_id, from_position, ` + departmentNames + `
FROM history.departments
WHERE (tenant_key, open_department_id, from_position) > ($1, $2, $3)
ORDER BY tenant_key, open_department_id, from_position
LIMIT $4`
