package compare

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Digests is what a comparison by digests found.
type Digests struct {
	Subtrees  int64     `json:"subtrees"` // that were compared, each in every kind
	Kinds     int       `json:"kinds"`
	Differing []Subtree `json:"differing,omitempty"`
}

// Subtree is a department that differs in one kind, with everything below it.
type Subtree struct {
	Kind       string `json:"kind"` // the table
	TenantKey  string `json:"tenant_key"`
	Department string `json:"department"` // empty for what belongs to none
	Rows       int64  `json:"rows"`       // of the serving generation
	Want       int64  `json:"want"`       // of the log
	Itself     bool   `json:"itself"`     // and not only a department below it
}

// digest counts rows and adds up their digests: the digest of a subtree is the sum
// of those of its departments, in any order.
type digest struct {
	rows int64
	sum  string // of numbers too great for 64 bits
}

type department struct{ tenant, id string }

// Compare compares digests of every kind, department by department, and of every
// subtree of them. The tree is the log's.
func Compare(ctx context.Context, db Database, tables []Table, serving, made Suffix) (Digests, error) {
	parents, subtrees, err := tree(ctx, db, made)
	if err != nil {
		return Digests{}, fmt.Errorf("read the tree: %w", err)
	}
	result := Digests{Subtrees: subtrees, Kinds: len(tables)}
	for _, t := range tables {
		differing, err := compareTable(ctx, db, t, serving, made)
		if err != nil {
			return Digests{}, fmt.Errorf("compare the digests of %s: %w", t, err)
		}
		result.Differing = append(result.Differing, rollUp(t, differing, parents)...)
	}
	return result, nil
}

// tree returns what is above each department.
func tree(ctx context.Context, db Database, made Suffix) (map[department][]string, int64, error) {
	departments := pgx.Identifier{made.schema("directory"), "departments"}.Sanitize()
	rows, err := db.Query(ctx, `SELECT tenant_key, open_department_id, path FROM `+departments)
	if err != nil {
		return nil, 0, err
	}
	above := map[department][]string{}
	var of department
	var path string
	_, err = pgx.ForEachRow(rows, []any{&of.tenant, &of.id, &path}, func() error {
		ids := strings.Split(strings.Trim(path, "/"), "/")
		above[of] = ids[:len(ids)-1]
		return nil
	})
	return above, int64(len(above)), err
}

func compareTable(ctx context.Context, db Database, t Table, serving, made Suffix) (map[department][2]digest, error) {
	home := homeOf(t)
	side := func(s Suffix) string {
		return `SELECT tenant_key, coalesce(` + home + `, '') AS home, count(*) AS n, sum(` + rowDigest(t) + `) AS digest FROM ` + t.in(s) + ` AS r GROUP BY 1, 2`
	}
	rows, err := db.Query(ctx, `
SELECT tenant_key, home, coalesce(a.n, 0), coalesce(a.digest, 0)::text, coalesce(b.n, 0), coalesce(b.digest, 0)::text
FROM (`+side(serving)+`) AS a
FULL JOIN (`+side(made)+`) AS b USING (tenant_key, home)
WHERE (a.n, a.digest) IS DISTINCT FROM (b.n, b.digest)`)
	if err != nil {
		return nil, err
	}
	differing := map[department][2]digest{}
	var of department
	var a, b digest
	_, err = pgx.ForEachRow(rows, []any{&of.tenant, &of.id, &a.rows, &a.sum, &b.rows, &b.sum}, func() error {
		differing[of] = [2]digest{a, b}
		return nil
	})
	return differing, err
}

// homeOf says in SQL which department a row belongs to.
func homeOf(t Table) string {
	names := t.names()
	switch {
	case slices.Contains(names, "open_department_id"):
		return "open_department_id"
	case slices.Contains(names, "department_ids"):
		return "department_ids[1]"
	case t.Name == "fold_state" || t.Name == "search_keys":
		return "CASE entity_kind WHEN 'department' THEN entity_id END"
	default:
		return "NULL"
	}
}

// rollUp names the subtrees that hold what differs: each department that does, and
// each above it.
func rollUp(t Table, differing map[department][2]digest, above map[department][]string) []Subtree {
	subtrees := map[department]*Subtree{}
	at := func(of department) *Subtree {
		if subtrees[of] == nil {
			subtrees[of] = &Subtree{Kind: t.String(), TenantKey: of.tenant, Department: of.id}
		}
		return subtrees[of]
	}
	for of, digests := range differing {
		itself := at(of)
		itself.Itself = true
		itself.Rows, itself.Want = digests[0].rows, digests[1].rows
		for _, id := range above[of] {
			at(department{of.tenant, id})
		}
	}
	list := make([]Subtree, 0, len(subtrees))
	for _, s := range subtrees {
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b Subtree) int {
		return strings.Compare(a.TenantKey+"\x00"+a.Department, b.TenantKey+"\x00"+b.Department)
	})
	return list
}
