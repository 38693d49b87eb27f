package query

import (
	"context"
	"testing"
)

// Whoever may not see numbers is not kept waiting by all who have one: these are not
// even looked at.
func TestPastSearchPassesOverWhatIsWithheld(t *testing.T) {
	t.Parallel()
	pool, s := modelService(t)
	modelExec(t, pool, `INSERT INTO directory.search_keys (tenant_key, entity_kind, entity_id, key, part, sensitive)
		SELECT 't', 'user', 'ou_' || i, 'e' || i, false, i % 4 > 0 FROM generate_series(0, 39) AS i`)
	modelExec(t, pool, `INSERT INTO history.search_keys (tenant_key, entity_kind, entity_id, key, part, sensitive)
		SELECT 't', 'user', 'ou_' || i, 'e9' || i, false, i % 4 > 0 FROM generate_series(0, 39) AS i`)
	then := context.WithValue(t.Context(), pastKey{}, asOf{at: endOfTime, position: 1})
	for sensitive, want := range map[bool]int{false: 20, true: 80} {
		_, _, read, err := pastUsers.candidates(then, s, terms{}, "t", openID, openDepartmentID, []string{"e"}, false, 0, "", "", 100, nil, sensitive)
		if err != nil {
			t.Fatal(err)
		}
		if len(read) != want {
			t.Errorf("%d candidates where sensitive is %v, want %d", len(read), sensitive, want)
		}
	}
}
