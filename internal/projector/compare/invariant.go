package compare

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Broken is a rule that the serving generation's history, or the log, breaks.
type Broken struct {
	Table string `json:"table"`
	Rule  string `json:"rule"`
	Count int64  `json:"count"`
}

// The rules.
const (
	OneOpen   = "an entity has one version that lasts"
	NoOverlap = "versions of an entity do not overlap"
	Forward   = "a version begins before it ends"
	Dense     = "positions have no holes"
)

// Invariants checks what holds of every history, whatever the log says.
func Invariants(ctx context.Context, db Database, tables []Table, of Suffix) (broken []Broken, err error) {
	for _, t := range tables {
		if t.Part != "history" || !slices.Contains(t.Key, "from_position") {
			continue // no table of versions
		}
		entity := slices.DeleteFunc(slices.Clone(t.Key), func(c string) bool { return c == "from_position" })
		counts := make([]int64, 3)
		err := db.QueryRow(ctx, invariantsStatement(t, entity, of)).Scan(&counts[0], &counts[1], &counts[2])
		if err != nil {
			return nil, fmt.Errorf("check %s: %w", t, err)
		}
		for i, rule := range []string{OneOpen, NoOverlap, Forward} {
			if counts[i] > 0 {
				broken = append(broken, Broken{Table: t.String(), Rule: rule, Count: counts[i]})
			}
		}
	}
	var holes int64
	if err := db.QueryRow(ctx, selectHoles).Scan(&holes); err != nil {
		return nil, fmt.Errorf("check the log's positions: %w", err)
	}
	if holes > 0 {
		broken = append(broken, Broken{Table: "mirror.event_log", Rule: Dense, Count: holes})
	}
	return broken, nil
}

// A version may be followed at once or, of an edge, after a while.
func invariantsStatement(t Table, entity []string, of Suffix) string {
	by := identifiers(entity)
	return `
SELECT count(*) FILTER (WHERE open > 1 AND n = 1), count(*) FILTER (WHERE following < to_position OR valid_following < valid_to),
       count(*) FILTER (WHERE from_position >= to_position OR valid_from > valid_to)
FROM (
    SELECT from_position, to_position, valid_from, valid_to,
           lead(from_position) OVER e AS following, lead(valid_from) OVER e AS valid_following, row_number() OVER e AS n,
           count(*) FILTER (WHERE to_position = 9223372036854775807) OVER (PARTITION BY ` + by + `) AS open
    FROM ` + pgx.Identifier{of.schema(t.Part), t.Name}.Sanitize() + `
    WINDOW e AS (PARTITION BY ` + by + ` ORDER BY from_position)
) AS v`
}

const selectHoles = `
SELECT abs(h.position - count(l.position)) + CASE WHEN min(l.position) <> 1 THEN 1 ELSE 0 END + CASE WHEN max(l.position) <> h.position THEN 1 ELSE 0 END
FROM mirror.event_log_head h
LEFT JOIN mirror.event_log l ON true
GROUP BY h.position`
