package crawl_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
)

// attributes are the members of an entity as the mirror keeps them, as JSON.
type attributes map[string]string

// shown is what Feishu shows the app, in the mirror's form. Member counts are
// left out: their changes make no record of their own.
func (b *bundle) shown(t *testing.T) map[directory.Key]attributes {
	t.Helper()
	seen, err := b.sandbox.SeenBy(b.sandbox.AppID())
	must(t, err)
	all := map[directory.Key]attributes{}
	for kind, objects := range map[directory.Kind]map[string]json.RawMessage{
		directory.KindUser: seen.Users, directory.KindDepartment: seen.Departments,
	} {
		for id, object := range objects {
			key := b.key(kind, id)
			r, err := directory.NewObservation(directory.Origin{TenantKey: key.TenantKey}, kind, id, time.Now(), directory.Observation{Object: object, Listed: true})
			must(t, err)
			state := directory.NewState(key)
			for _, change := range directory.Decode(r).Changes {
				state.Apply(change)
			}
			all[key] = attributesOf(t, state)
		}
	}
	return all
}

func attributesOf(t *testing.T, s *directory.State) attributes {
	t.Helper()
	raw := directory.UserOf(s).Attributes
	if s.Key.Kind == directory.KindDepartment {
		raw = directory.DepartmentOf(s).Attributes
	}
	var members map[string]any
	must(t, json.Unmarshal(raw, &members))
	all := attributes{}
	for name, value := range members {
		if name == "member_count" || name == "primary_member_count" {
			continue
		}
		text, err := json.Marshal(value)
		must(t, err)
		all[name] = string(text)
	}
	return all
}

// mirrored is who is there by a folded log.
func mirrored(t *testing.T, states map[directory.Key]*directory.State) map[directory.Key]attributes {
	t.Helper()
	all := map[directory.Key]attributes{}
	for key, s := range states {
		if s.Exists() && key.ID != directory.RootDepartmentID && (key.Kind == directory.KindUser || key.Kind == directory.KindDepartment) {
			all[key] = attributesOf(t, s)
		}
	}
	return all
}

// equalsShown compares the log with what Feishu shows, in every field.
func (b *bundle) equalsShown(t *testing.T) {
	t.Helper()
	if diff := cmp.Diff(b.shown(t), mirrored(t, b.folded(t))); diff != "" {
		t.Errorf("the mirror is not what Feishu shows (-feishu +mirror):\n%s", diff)
	}
}

// history is what Feishu has shown so far: nothing else may be in a mirror,
// however bad the answers were from which it was made.
type history struct {
	values map[directory.Key]map[string][]string // "" is none
	// As they were when they were last looked at.
	shown, mirror map[directory.Key]attributes
}

func (b *bundle) history(t *testing.T) *history {
	t.Helper()
	h := &history{values: map[directory.Key]map[string][]string{}, mirror: mirrored(t, b.folded(t))}
	h.shown = b.shown(t)
	h.remember(h.shown)
	return h
}

func (h *history) remember(now map[directory.Key]attributes) {
	for key, is := range now {
		was := h.values[key]
		if was == nil {
			was = map[string][]string{}
			h.values[key] = was
		}
		for name := range names(was, is) {
			if !slices.Contains(was[name], is[name]) {
				was[name] = append(was[name], is[name])
			}
		}
	}
}

// isTrue checks that nobody is gone who is there, that nothing is in the mirror
// that never was, and that it has lost nothing which always was.
func (b *bundle) isTrue(t *testing.T, h *history) {
	t.Helper()
	now, states := b.shown(t), b.folded(t)
	h.remember(now)
	before, shown := h.mirror, h.shown
	h.mirror, h.shown = mirrored(t, states), now
	for key := range now {
		// Who came back may have been away when Feishu was asked, or its answer old.
		if shown[key] != nil && before[key] != nil && h.mirror[key] == nil {
			t.Errorf("%s %s was removed and is there", key.Kind, key.ID)
		}
	}
	for key, is := range h.mirror {
		was := h.values[key]
		if was == nil {
			t.Errorf("%s %s never was", key.Kind, key.ID)
			continue
		}
		for name := range names(was, is) {
			unknown := is[name] == "" && before[key][name] == "" // not seen yet
			if !unknown && !slices.Contains(was[name], is[name]) {
				t.Errorf("%s of %s %s is %q, which it never was: %q", name, key.Kind, key.ID, is[name], was[name])
			}
		}
	}
}

func names(was map[string][]string, is attributes) map[string]bool {
	all := map[string]bool{}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(was)), slices.Collect(maps.Keys(is))) {
		all[name] = true
	}
	return all
}

// told reports whether an error says what happened, in a way that programs and
// people know.
func told(err error) bool {
	for _, known := range []error{
		feishu.ErrUnavailable, feishu.ErrQuota, feishu.ErrCredentials, feishu.ErrPermission, feishu.ErrPageToken, feishu.ErrPaging,
		feishu.ErrTooBig, feishu.ErrNoAuthority, crawl.ErrRefused, crawl.ErrEndless, crawl.ErrMonthlyBudget,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}
