package query

import (
	"context"
	"testing"

	"github.com/orgmirror/orgmirror/internal/directory/searchkey"
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

// Whoever was called so at the moment is found behind hundreds who are called so now.
func TestPastSearchLooksOnBehindOthers(t *testing.T) {
	t.Parallel()
	pool, s := modelService(t)
	modelExec(t, pool, `INSERT INTO directory.search_keys (tenant_key, entity_kind, entity_id, key, part, sensitive)
		SELECT 't', 'user', 'ou_' || i, 'e' || i, false, false FROM generate_series(1, 400) AS i`)
	modelExec(t, pool, `INSERT INTO history.search_keys (tenant_key, entity_kind, entity_id, key, part, sensitive)
		VALUES ('t', 'user', 'ou_then', 'ezra', false, false), ('t', 'user', 'ou_never', 'ezra', false, false)`)
	modelExec(t, pool, `INSERT INTO history.users (tenant_key, open_id, name, attributes, from_position, to_position, valid_from, valid_to)
		VALUES ('t', 'ou_then', 'Ezra', '{}', 1, 2, '2001-01-01Z', '2002-01-01Z'),
		       ('t', 'ou_then', 'Another', '{}', 2, 9223372036854775807, '2002-01-01Z', 'infinity'),
		       ('t', 'ou_400', 'Someone', '{}', 1, 2, '2001-01-01Z', '2002-01-01Z')`)
	for position, want := range map[int64]int{1: 1, 2: 0} {
		then := context.WithValue(t.Context(), pastKey{}, asOf{at: endOfTime, position: position})
		_, _, found, keys, err := pastUsers.find(then, s, terms{}, paging[foundKey]{size: 1}, searchkey.Parse("e"), false)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) != want || want == 1 && keys[0] != (foundKey{Key: "ezra", ID: "ou_then"}) {
			t.Errorf("as of %d: %v, %v", position, found, keys)
		}
	}
}
