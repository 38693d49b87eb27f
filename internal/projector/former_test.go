package projector_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/directory/searchkey"
	"github.com/orgmirror/orgmirror/internal/projector"
)

const selectFormerKeys = `
SELECT entity_id || ' ' || key || CASE WHEN part THEN ' part' ELSE '' END || CASE WHEN sensitive THEN ' sensitive' ELSE '' END
FROM history.search_keys
WHERE tenant_key = 't1'
ORDER BY 1`

func TestFormerSearchKeys(t *testing.T) {
	t.Parallel()
	user := func(minute int, fields string) directory.Record {
		return observed(t, directory.KindUser, minute, `{"open_id":"ou_1",`+fields+`}`)
	}
	department := func(minute int, fields string) directory.Record {
		return observed(t, directory.KindDepartment, minute, `{"open_department_id":"od-1",`+fields+`}`)
	}
	deleted := directory.Record{
		OccurredAt: begin.Add(time.Hour), EventID: "gone", EventType: directory.EventUserDeleted, Source: directory.SourceWebhook,
		Payload: []byte(`{"schema":"2.0","header":{},"event":{"object":{"open_id":"ou_1"}}}`),
	}
	for name, test := range map[string]struct {
		records []directory.Record
		want    string
	}{
		"a rename": {
			[]directory.Record{user(1, `"name":"张三"`), user(2, `"name":"张四"`)},
			"ou_1 san part, ou_1 zhangsan, ou_1 三 part, ou_1 张三",
		},
		"two renames": {
			[]directory.Record{user(1, `"name":"Ann"`), user(2, `"name":"Bob"`), user(3, `"name":"Cid"`)},
			"ou_1 ann, ou_1 bob",
		},
		"there and back, twice": {
			[]directory.Record{user(1, `"name":"Ann"`), user(2, `"name":"Bob"`), user(3, `"name":"Ann"`), user(4, `"name":"Bob"`), user(5, `"name":"Ann"`)},
			"ou_1 ann, ou_1 bob",
		},
		"a name that becomes a part": {
			[]directory.Record{user(1, `"name":"Lee"`), user(2, `"name":"Ann Lee"`)},
			"ou_1 lee",
		},
		"a part that becomes a name": {
			[]directory.Record{user(1, `"name":"Ann Lee"`), user(2, `"name":"Lee"`)},
			"ou_1 al, ou_1 annlee, ou_1 lee part, ou_1 leeann",
		},
		"a number that becomes a name": {
			[]directory.Record{user(1, `"name":"Ann","employee_no":"E-1"`), user(2, `"name":"E1","employee_no":"E-1"`)},
			"ou_1 ann, ou_1 e1 sensitive",
		},
		"a name that becomes a number": {
			[]directory.Record{user(1, `"name":"E1"`), user(2, `"name":"Ann","employee_no":"E-1"`)},
			"ou_1 e1",
		},
		"an address": {
			[]directory.Record{user(1, `"name":"Ann","email":"ann@x"`), user(2, `"name":"Ann","email":"lee@x"`)},
			"ou_1 ann@x sensitive",
		},
		"other fields": {
			[]directory.Record{user(1, `"name":"Ann","city":"x"`), user(2, `"name":"Ann","city":"y"`), user(3, `"name":"ANN","city":"y"`)},
			"",
		},
		"who leaves keeps the names": {[]directory.Record{user(1, `"name":"Ann"`), deleted}, ""},
		"a department, in two languages": {
			[]directory.Record{department(1, `"name":"Sales","i18n_name":{"en_us":"Sales","fr_fr":"Ventes"}`), department(2, `"name":"Sales","i18n_name":{"en_us":"Sales","fr_fr":"Commerce"}`)},
			"od-1 ventes",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, size := range []int{1, 2, 500} {
				b := setup(t)
				check := func(when string) {
					t.Helper()
					if diff := cmp.Diff(test.want, strings.Join(lines(t, b.pool, selectFormerKeys), ", ")); diff != "" {
						t.Errorf("%s, in pages of %d (-want +got):\n%s", when, size, diff)
					}
				}
				b.append(t, test.records...)
				b.project(t, size)
				check("live")
				if size == 500 {
					b.exec(t, `UPDATE history.search_keys SET key = 'x' || key`)
					b.exec(t, `UPDATE mirror.generation SET search_version = 1`)
					b.fillSearch(t)
					check("filled")
				}
				if result, err := b.projector.Rebuild(t.Context(), projector.RebuildOptions{}); err != nil {
					t.Errorf("%v: %+v", err, result)
				}
				check("rebuilt")
			}
		})
	}
}

// TestFormerSearchKeysOfRandomLives asks history itself: each key that a version has
// and the next one has not is kept, and no other. Hence whoever is found at some
// moment is found by a key of now or by a former one.
func TestFormerSearchKeysOfRandomLives(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 6))
	for range 3 {
		b := setup(t)
		l := newLife(random.Uint64())
		for range 2 {
			b.live(t, l, random)
		}
		b.former(t)
	}
}

// TestFormerSearchKeysOfManyVersions has more of them than a rebuild folds at once,
// or the filling reads, and loses the same keys in each.
func TestFormerSearchKeysOfManyVersions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	records := make([]directory.Record, 6000)
	for i := range records {
		records[i] = observed(t, directory.KindUser, i, `{"open_id":"ou_`+strconv.Itoa(i%4)+`","name":"Ann `+strconv.Itoa(i%7)+`"}`)
	}
	b.append(t, records...)
	b.project(t, 500)
	b.former(t)
}

// former checks the former keys as the projector wrote them, and that a rebuild and
// the filling make the same.
func (b *bundle) former(t *testing.T) {
	t.Helper()
	b.checkFormer(t)
	before := contents(t, b.pool)
	if result, err := b.projector.Rebuild(t.Context(), projector.RebuildOptions{}); err != nil {
		t.Fatalf("%v: %+v", err, result)
	}
	b.exec(t, `DELETE FROM history.search_keys`)
	b.exec(t, `UPDATE mirror.generation SET search_version = 1`)
	b.fillSearch(t)
	if diff := cmp.Diff(before, contents(t, b.pool)); diff != "" {
		t.Errorf("filled (-before +after):\n%s", diff)
	}
}

// checkFormer compares the former keys with what the versions say, and looks for the
// keys of every version.
func (b *bundle) checkFormer(t *testing.T) {
	t.Helper()
	rows, err := b.pool.Query(t.Context(), `
		SELECT 'user', open_id, from_position, coalesce(name, ''), coalesce(en_name, ''), coalesce(nickname, ''), '', coalesce(email, ''), coalesce(enterprise_email, ''), coalesce(employee_no, '')
		FROM history.users
		UNION ALL
		SELECT 'department', open_department_id, from_position, coalesce(name, ''), '', '', coalesce(i18n_name::text, ''), '', '', ''
		FROM history.departments
		ORDER BY 1, 2, 3`)
	if err != nil {
		t.Fatal(err)
	}
	former, all := map[string]bool{}, map[string]bool{} // as selectFormerKeys writes them
	var (
		kind, id, last string
		position       int64
		n              directory.Names
		before         []string
	)
	if _, err := pgx.ForEachRow(rows, []any{&kind, &id, &position, &n.Name, &n.EnName, &n.Nickname, &n.I18nName, &n.Email, &n.EnterpriseEmail, &n.EmployeeNo}, func() error {
		n.Person = kind == string(directory.KindUser)
		var now []string
		for _, k := range searchkey.Of(n) {
			key := id + " " + k.Text
			if k.Part {
				key += " part"
			}
			if k.Sensitive {
				key += " sensitive"
			}
			now, all[key] = append(now, key), true
		}
		for _, key := range before {
			if id == last && !slices.Contains(now, key) {
				former[key] = true
			}
		}
		last, before = id, now
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	kept := lines(t, b.pool, selectFormerKeys)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(former)), kept, sorted); diff != "" {
		t.Errorf("former keys (-of the versions +kept):\n%s", diff)
	}
	found := slices.Concat(kept, lines(t, b.pool, `SELECT entity_id || ' ' || key || CASE WHEN part THEN ' part' ELSE '' END || CASE WHEN sensitive THEN ' sensitive' ELSE '' END FROM directory.search_keys`))
	slices.Sort(found)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(all)), slices.Compact(found)); diff != "" {
		t.Errorf("keys (-of all versions +of now and former):\n%s", diff)
	}
}
