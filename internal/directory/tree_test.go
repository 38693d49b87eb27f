package directory_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/orgmirror/orgmirror/internal/directory"
)

func TestTree(t *testing.T) {
	t.Parallel()
	node := func(id, parent string) directory.Node {
		return directory.Node{ID: id, ParentID: parent, Exists: true}
	}
	gone := func(id, parent string) directory.Node { return directory.Node{ID: id, ParentID: parent} }
	for _, c := range []struct {
		name  string
		nodes []directory.Node
		want  map[string]directory.Place
	}{
		{"none", nil, map[string]directory.Place{}},
		{
			"below the root, whether or not it is a node",
			[]directory.Node{node("a", "0"), node("b", "a")},
			map[string]directory.Place{"0": {"/0/", 0}, "a": {"/0/a/", 1}, "b": {"/0/a/b/", 2}},
		},
		{
			"the root has no parent, and always exists",
			[]directory.Node{gone("0", "a"), node("a", "0")},
			map[string]directory.Place{"0": {"/0/", 0}, "a": {"/0/a/", 1}},
		},
		{
			"a parent that is missing",
			[]directory.Node{node("a", "x"), node("b", "a"), node("c", "")},
			map[string]directory.Place{"a": {"/a/", 0}, "b": {"/a/b/", 1}, "c": {"/c/", 0}},
		},
		{
			"a parent that is gone holds nobody up, and stays where it was",
			[]directory.Node{node("a", "0"), gone("b", "a"), node("c", "b")},
			map[string]directory.Place{"0": {"/0/", 0}, "a": {"/0/a/", 1}, "b": {"/0/a/b/", 2}, "c": {"/c/", 0}},
		},
		{
			"a cycle: each on it heads a tree, and what hangs below follows",
			[]directory.Node{node("a", "c"), node("b", "a"), node("c", "b"), node("d", "b"), node("e", "d")},
			map[string]directory.Place{"a": {"/a/", 0}, "b": {"/b/", 0}, "c": {"/c/", 0}, "d": {"/b/d/", 1}, "e": {"/b/d/e/", 2}},
		},
		{
			"one that is its own parent",
			[]directory.Node{node("a", "a"), node("b", "a")},
			map[string]directory.Place{"a": {"/a/", 0}, "b": {"/a/b/", 1}},
		},
		{
			"a cycle with one that is gone is none",
			[]directory.Node{node("a", "b"), gone("b", "a")},
			map[string]directory.Place{"a": {"/a/", 0}, "b": {"/a/b/", 1}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, directory.Tree(c.nodes)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestATreeTooDeepForAnIndexBreaks(t *testing.T) {
	t.Parallel()
	var nodes []directory.Node
	parent := "0"
	for i := range 20_000 { // in full, the paths would take six gigabytes
		id := fmt.Sprintf("od-%032d", i)
		nodes = append(nodes, directory.Node{ID: id, ParentID: parent, Exists: true})
		parent = id
	}
	places := directory.Tree(nodes)
	heads := 0
	for _, n := range nodes {
		p := places[n.ID]
		if len(p.Path) > 2502 || !strings.HasSuffix(p.Path, "/"+n.ID+"/") {
			t.Fatalf("path of %d bytes: %s", len(p.Path), p.Path)
		}
		if p.Depth == 0 {
			heads++
		}
	}
	if places[nodes[24].ID].Depth != 25 || heads < 200 || heads > 400 {
		t.Errorf("%d trees, level 25 at %d", heads, places[nodes[24].ID].Depth)
	}
}

func TestTop(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"/0/a/b/": "0", "/a/": "a", "": ""} {
		if got := directory.Top(path); got != want {
			t.Errorf("Top(%q) = %q, want %q", path, got, want)
		}
	}
}

// naive places one department by walking up from it.
func naive(nodes map[string]directory.Node, id string) directory.Place {
	above := func(id string) string {
		if id == "0" {
			return ""
		}
		parent := nodes[id].ParentID
		if n, ok := nodes[parent]; parent == "0" || ok && n.Exists {
			return parent
		}
		return ""
	}
	cyclic := func(id string) bool {
		at := above(id)
		for range nodes {
			if at == id {
				return true
			}
			at = above(at)
		}
		return false
	}
	place := directory.Place{Path: "/" + id + "/"}
	for at := id; above(at) != "" && !cyclic(at); at = above(at) {
		place = directory.Place{Path: "/" + above(at) + place.Path, Depth: place.Depth + 1}
	}
	return place
}

func TestAnyGraphIsPlaced(t *testing.T) {
	t.Parallel()
	ids := []string{"0", "a", "b", "c", "d", "e", "f", "g"}
	rapid.Check(t, func(t *rapid.T) {
		byID := map[string]directory.Node{}
		var nodes []directory.Node
		for _, id := range rapid.SliceOfDistinct(rapid.SampledFrom(ids), rapid.ID[string]).Draw(t, "ids") {
			n := directory.Node{
				ID:       id,
				ParentID: rapid.SampledFrom(append([]string{"", "missing"}, ids...)).Draw(t, "parent of "+id),
				Exists:   rapid.IntRange(0, 4).Draw(t, id+" is gone") > 0,
			}
			byID[id] = n
			nodes = append(nodes, n)
		}
		places := directory.Tree(nodes)
		if diff := cmp.Diff(places, directory.Tree(rapid.Permutation(nodes).Draw(t, "order"))); diff != "" {
			t.Fatalf("the order matters: %s", diff)
		}
		for id, place := range places {
			if _, isNode := byID[id]; !isNode && id != "0" {
				t.Fatalf("%s is no node", id)
			}
			if want := naive(byID, id); place != want {
				t.Fatalf("%s is at %v, want %v", id, place, want)
			}
		}
		for _, n := range nodes {
			place, placed := places[n.ID]
			steps := strings.Split(strings.Trim(place.Path, "/"), "/")
			if !placed || steps[len(steps)-1] != n.ID || len(steps) != place.Depth+1 || slices.Contains(steps[:place.Depth], n.ID) {
				t.Fatalf("%s is at %v", n.ID, place)
			}
			if place.Depth > 0 && places[n.ParentID].Path+n.ID+"/" != place.Path {
				t.Fatalf("%s is at %v, its parent at %v", n.ID, place, places[n.ParentID])
			}
		}
	})
}
