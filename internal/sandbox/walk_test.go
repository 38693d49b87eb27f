package sandbox_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// A walk by the documented recipe (all departments below 0, then the people
// directly in each) finds the whole company.
func TestWalkFindsEverybody(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 1200, Departments: 120, Seed: 3})
	truth := k.Truth()

	departments := ids(k.all("/contact/v3/departments/0/children", "fetch_child", "true", "page_size", "50"), "open_department_id")
	seen := map[string]bool{}
	for _, id := range append(departments, "0") {
		for _, u := range k.all("/contact/v3/users/find_by_department", "department_id", id, "page_size", "50") {
			seen[u["open_id"].(string)] = true
		}
	}
	slices.Sort(departments)
	if want := slices.Sorted(maps.Keys(truth.Departments)); !slices.Equal(departments, want) {
		t.Errorf("the walk finds %d departments, want %d", len(departments), len(want))
	}
	if got, want := slices.Sorted(maps.Keys(seen)), slices.Sorted(maps.Keys(truth.Users)); !slices.Equal(got, want) {
		t.Errorf("the walk finds %d people, want %d", len(got), len(want))
	}
}
