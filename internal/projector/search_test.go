package projector_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/directory/searchkey"
	"github.com/orgmirror/orgmirror/internal/projector"
)

const selectKeys = `
SELECT key || CASE WHEN part THEN ' part' ELSE '' END || CASE WHEN sensitive THEN ' sensitive' ELSE '' END
FROM directory.search_keys
WHERE entity_kind = 'user' AND entity_id = 'ou_1'
ORDER BY key`

func TestSearchKeysFollowNames(t *testing.T) {
	t.Parallel()
	b := setup(t)
	want := func(when, keys string) {
		t.Helper()
		b.project(t, 100)
		if diff := cmp.Diff(keys, strings.Join(lines(t, b.pool, selectKeys), ", ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	b.append(t, observed(t, directory.KindUser, 1, `{"open_id":"ou_1","name":"张三","employee_no":"E1"}`))
	want("new", "e1 sensitive, san part, zhangsan, zs, 三 part, 张三")
	b.append(t, observed(t, directory.KindUser, 2, `{"open_id":"ou_1","name":"张三","employee_no":"E1","city":"x"}`))
	want("unchanged", "e1 sensitive, san part, zhangsan, zs, 三 part, 张三")
	b.append(t, observed(t, directory.KindUser, 3, `{"open_id":"ou_1","name":"张四","nickname":"E1","employee_no":"E1","city":"x"}`))
	want("renamed, and the number is a name", "e1, si part, zhangsi, zs, 四 part, 张四")
	b.append(t, b.event(directory.EventUserDeleted, 4, `{"open_id":"ou_1"}`, ""))
	want("gone", "e1, si part, zhangsi, zs, 四 part, 张四")
	if result, err := b.projector.Rebuild(t.Context(), projector.RebuildOptions{}); err != nil {
		t.Errorf("%v: %+v", err, result)
	}
	want("rebuilt", "e1, si part, zhangsi, zs, 四 part, 张四")
}

// fillSearch starts the projector, which makes the keys that another version made.
func (b *bundle) fillSearch(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- b.projector.Run(ctx) }()
	b.waitFor(t, `SELECT search_version = `+strconv.Itoa(searchkey.Version)+` FROM mirror.generation WHERE state = 'serving'`)
	cancel()
	if err := <-ran; err != nil {
		t.Error(err)
	}
}

// TestSearchKeysAreFilled upgrades: the tables are full, and nothing is in
// search_keys, or what an older version put there.
func TestSearchKeysAreFilled(t *testing.T) {
	t.Parallel()
	for _, stale := range []string{
		`DELETE FROM directory.search_keys`,
		`UPDATE directory.search_keys SET key = 'old ' || key`,
		`DELETE FROM history.search_keys`,
		`UPDATE history.search_keys SET key = 'old ' || key`,
	} {
		b := setup(t)
		b.company(t, 5, 500)
		before := contents(t, b.pool)
		b.exec(t, stale)
		if _, err := b.projector.Verify(t.Context(), projector.VerifyOptions{}); !errors.Is(err, projector.ErrDifferent) {
			t.Errorf("keys that should be right and are not: %v, want %v", err, projector.ErrDifferent)
		}
		b.exec(t, `UPDATE mirror.generation SET search_version = 1`)
		if result, err := b.projector.Verify(t.Context(), projector.VerifyOptions{}); err != nil {
			t.Errorf("keys of another version count as a difference: %v: %+v", err, result)
		}
		if result, err := b.projector.Rebuild(t.Context(), projector.RebuildOptions{VerifyOnly: true}); err != nil {
			t.Errorf("keys of another version count as a difference: %v: %+v", err, result)
		}

		b.fillSearch(t)
		if diff := cmp.Diff(before, contents(t, b.pool)); diff != "" {
			t.Errorf("filled (-before +after):\n%s", diff)
		}
	}
}
