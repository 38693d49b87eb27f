package probe_test

import (
	"testing"

	"github.com/orgmirror/orgmirror/internal/crawl/probe"
	"github.com/orgmirror/orgmirror/internal/feishu"
)

// The table of losses and the client's table of fields know the same permissions.
func TestPermissionsAreThoseOfTheClient(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, p := range probe.Permissions() {
		known[p.Kind+" "+p.Name] = true
		if len(p.Gives) == 0 || p.Lost == "" {
			t.Errorf("%+v", p)
		}
	}
	for _, kind := range []string{"user", "department"} {
		for _, permission := range feishu.FieldPermissions(kind) {
			if !known[kind+" "+permission] {
				t.Errorf("nobody says what is lost without %s", permission)
			}
		}
	}
}
