package crawl

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/postgres"
)

// Witnesses are asked for in the same batch as those who are to be read again. They
// have, as far as the mirror knows, what nothing else shows to be readable: whoever
// lacks it beside a witness who has it does not have it. Without them an answer about
// one person could never tell that a field of that kind was cleared. A batch with
// more ids in it is no more calls.

const (
	// witnessesEach is how many are asked for a field: the mirror may be wrong about
	// one of them, too.
	witnessesEach = 2
	// rareFor is how long a field is believed to have fewer: finding that out takes a
	// look at everybody.
	rareFor = 5 * time.Minute
)

// rare is a field that hardly anybody has.
type rare struct {
	ids   []string // who has it
	until time.Time
}

// witnessesOf returns as many as there is room for beside the ids: none where the app
// may not use the batch.
func (r *passing) witnessesOf(ctx context.Context, kind directory.Kind, ids []string) ([]string, error) {
	room := feishu.PageSize - len(ids)
	if room <= 0 || r.withoutBatch(kind) {
		return nil, nil
	}
	var all, fields []string
	r.mu.Lock()
	for _, f := range watchedFields(kind) {
		few := r.rare[kind][f.name]
		switch {
		case !f.own:
		case time.Now().Before(few.until):
			all = append(all, few.ids...)
		default:
			fields = append(fields, f.name)
		}
	}
	r.mu.Unlock()
	found, err := r.findWitnesses(ctx, kind, fields)
	if err != nil {
		return nil, fmt.Errorf("find %ss with every field: %w", kind, err)
	}
	r.mu.Lock()
	for _, name := range fields {
		if all = append(all, found[name]...); len(found[name]) < witnessesEach {
			r.rare[kind][name] = rare{found[name], time.Now().Add(rareFor)}
		}
	}
	r.mu.Unlock()
	slices.Sort(all)
	all = slices.DeleteFunc(slices.Compact(all), func(id string) bool { return slices.Contains(ids, id) })
	return all[:min(len(all), room)], nil
}

const (
	selectUserWitnesses = `
SELECT f.name, w.id
FROM unnest(@fields::text[]) AS f (name)
CROSS JOIN LATERAL (
    SELECT u.open_id AS id
    FROM directory.users AS u
    WHERE u.tenant_key = @tenant_key AND u.removed_at IS NULL AND u.attributes ? f.name
    LIMIT @each
) AS w`

	selectDepartmentWitnesses = `
SELECT f.name, w.id
FROM unnest(@fields::text[]) AS f (name)
CROSS JOIN LATERAL (
    SELECT d.open_department_id AS id
    FROM directory.departments AS d
    WHERE d.tenant_key = @tenant_key AND d.removed_at IS NULL AND d.attributes ? f.name
    LIMIT @each
) AS w`
)

// findWitnesses answers by the fields.
func (r *passing) findWitnesses(ctx context.Context, kind directory.Kind, fields []string) (map[string][]string, error) {
	statement := postgres.InOneGeneration(selectUserWitnesses)
	if kind == directory.KindDepartment {
		statement = postgres.InOneGeneration(selectDepartmentWitnesses)
	}
	rows, err := r.cfg.Pool.Query(ctx, statement, pgx.NamedArgs{"tenant_key": r.cfg.TenantKey, "fields": fields, "each": witnessesEach})
	if err != nil {
		return nil, err
	}
	found := map[string][]string{}
	var name, id string
	_, err = pgx.ForEachRow(rows, []any{&name, &id}, func() error {
		found[name] = append(found[name], id)
		return nil
	})
	return found, err
}
