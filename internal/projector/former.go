package projector

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/directory/searchkey"
)

// This file keeps what people and departments were found by and are not any more,
// for searches in the past. A key is written where a version has it and the next
// one has not, and stays for ever: also where the name comes back. So the rows
// follow from the versions alone, whatever the pages were.

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
		for _, k := range lostKeys(names, next) {
			if e.former == nil {
				e.former = map[searchkey.Key]struct{}{}
			}
			e.former[k] = struct{}{}
		}
		names = next
	}
	return names
}

// lostKeys are the keys of the names before that those after do not have. One that is
// sensitive now, and was not, is lost too: for those who may not see it.
func lostKeys(before, after directory.Names) (lost []searchkey.Key) {
	if before == after || before == (directory.Names{}) {
		return nil
	}
	kept := searchkey.Of(after)
	for _, k := range searchkey.Of(before) {
		if !slices.Contains(kept, k) {
			lost = append(lost, k)
		}
	}
	return lost
}

const insertFormerKeys = `
INSERT INTO history.search_keys
SELECT * FROM jsonb_populate_recordset(NULL::history.search_keys, $1::jsonb)
ON CONFLICT DO NOTHING`

// fillFormer makes the former keys of all entities of a kind from their versions.
func fillFormer(ctx context.Context, tx pgx.Tx, kind directory.Kind, sql string) (total int, err error) {
	var (
		of, last directory.Key                  // whose version this is, and the one before
		before   directory.Names                // of the version before
		former   = map[searchkey.Key]struct{}{} // of the entity, so far
		rows     [][]any
	)
	names := directory.Names{Person: kind == directory.KindUser}
	err = eachStep(ctx, tx, sql, append([]any{&of.TenantKey, &of.ID}, nameColumns(&names)...), func() {
		if of != last {
			last, before = of, directory.Names{}
			clear(former)
		}
		for _, k := range lostKeys(before, names) {
			if _, twice := former[k]; !twice {
				former[k] = struct{}{}
				rows = append(rows, []any{of.TenantKey, string(kind), k.Sensitive, k.Part, k.Text, of.ID})
			}
		}
		before = names
	}, func() error {
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"history", "search_keys"},
			[]string{"tenant_key", "entity_kind", "sensitive", "part", "key", "entity_id"}, pgx.CopyFromRows(rows))
		total, rows = total+len(rows), rows[:0]
		return err
	})
	return total, err
}

const selectUserNamesByVersion = `
SELECT tenant_key, open_id, ` + userNames + `
FROM history.users
ORDER BY tenant_key, open_id, from_position`

const selectDepartmentNamesByVersion = `
SELECT tenant_key, open_department_id, ` + departmentNames + `
FROM history.departments
ORDER BY tenant_key, open_department_id, from_position`
