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

// mirrored is who is there by the log.
func (b *bundle) mirrored(t *testing.T) map[directory.Key]attributes {
	t.Helper()
	all := map[directory.Key]attributes{}
	for key, s := range b.folded(t) {
		if s.Exists() && key.ID != directory.RootDepartmentID && (key.Kind == directory.KindUser || key.Kind == directory.KindDepartment) {
			all[key] = attributesOf(t, s)
		}
	}
	return all
}

// equalsShown compares the log with what Feishu shows, in every field.
func (b *bundle) equalsShown(t *testing.T) {
	t.Helper()
	if diff := cmp.Diff(b.shown(t), b.mirrored(t)); diff != "" {
		t.Errorf("the mirror is not what Feishu shows (-feishu +mirror):\n%s", diff)
	}
}

// history is what Feishu has shown so far: nothing else may be in a mirror, however
// bad the answers were from which it was made.
type history map[directory.Key]map[string][]string

func (p history) remember(now map[directory.Key]attributes) {
	for key, fields := range now {
		if p[key] == nil {
			p[key] = map[string][]string{}
		}
		for name, value := range fields {
			if !slices.Contains(p[key][name], value) {
				p[key][name] = append(p[key][name], value)
			}
		}
		for name := range p[key] {
			if _, has := fields[name]; !has && !slices.Contains(p[key][name], "") {
				p[key][name] = append(p[key][name], "")
			}
		}
	}
}

// isTrue checks that nobody is gone who is there, and that nothing is in the
// mirror that never was.
func (b *bundle) isTrue(t *testing.T, p history) {
	t.Helper()
	now, mirrored := b.shown(t), b.mirrored(t)
	p.remember(now)
	for key := range now {
		if s := b.folded(t)[key]; s != nil {
			if reason, _ := s.Gone(); reason != directory.ReasonNone {
				t.Errorf("%s %s was removed (%s) and is there", key.Kind, key.ID, reason)
			}
		}
	}
	for key, fields := range mirrored {
		was := p[key]
		if was == nil {
			t.Errorf("%s %s never was", key.Kind, key.ID)
			continue
		}
		for name := range union(was, fields) {
			if !slices.Contains(was[name], fields[name]) {
				t.Errorf("%s of %s %s is %q, which it never was: %q", name, key.Kind, key.ID, fields[name], was[name])
			}
		}
	}
}

func union(was map[string][]string, is attributes) map[string]bool {
	names := map[string]bool{}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(was)), slices.Collect(maps.Keys(is))) {
		names[name] = true
	}
	return names
}

// clear reports whether an error says what happened, in a way that programs and
// people know.
func clear(err error) bool {
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
