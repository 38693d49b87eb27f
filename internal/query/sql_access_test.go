package query_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// Who reads by SQL as orgmirror_reader sees of people what the role reader sees by
// the API: what is kept from the one is kept from the other, and a column that is
// new has to be one of these fields, or is withheld.
func TestSQLReadersSeeWhatTheAPIShows(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t)
	list := func(sql string) []string {
		t.Helper()
		rows, err := pool.Query(t.Context(), sql)
		if err != nil {
			t.Fatal(err)
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	withheld := list(`SELECT name FROM mirror.sql_access WHERE object = 'column' AND role = 'sensitive' AND name <> 'attributes'`)
	sorted := cmpopts.SortSlices(func(a, b string) bool { return a < b })
	if diff := cmp.Diff(sensitive, withheld, sorted); diff != "" {
		t.Errorf("withheld (-API +SQL):\n%s", diff)
	}
	ownColumns := []string{"tenant_key", "position", "from_position", "to_position", "valid_from", "valid_to", "is_frozen", "is_resigned", "is_activated", "is_exited", "is_unjoin"}
	fields := (&pb.User{}).ProtoReflect().Descriptor().Fields()
	open := list(`
		SELECT DISTINCT a.attname::text
		FROM pg_attribute a
		WHERE a.attrelid IN ('directory.users'::regclass, 'history.users'::regclass) AND a.attnum > 0 AND NOT a.attisdropped
		  AND has_column_privilege('orgmirror_reader', a.attrelid, a.attnum, 'SELECT')`)
	for _, name := range open {
		known := slices.Contains(ownColumns, name)
		for i := range fields.Len() {
			known = known || string(fields.Get(i).Name()) == name
		}
		if !known || slices.Contains(sensitive, name) {
			t.Errorf("orgmirror_reader reads users.%s, which the API does not show to readers", name)
		}
	}
	if len(open) < 20 {
		t.Errorf("orgmirror_reader reads only %v", open)
	}
}
