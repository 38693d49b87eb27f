package query

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// These tests compare the statements that walk trees with a few lines of Go, on trees
// with cycles, with holes, and with nodes that are gone.

const modelRounds = 12

func modelService(t *testing.T) (*pgxpool.Pool, *Service) {
	t.Helper()
	pool := pgtest.DB(t)
	s, err := New(t.Context(), Config{Pool: pool, Log: stillLog{}, TenantKey: "t"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return pool, s
}

type modelPerson struct {
	id, leader string
	gone       bool
}

// reportsOf walks down from somebody.
func reportsOf(people []modelPerson, top string, removed bool) []string {
	seen := map[string]bool{top: true}
	for waiting := []string{top}; len(waiting) > 0; waiting = waiting[1:] {
		for _, p := range people {
			if p.leader == waiting[0] && !seen[p.id] && (removed || !p.gone) {
				seen[p.id] = true
				waiting = append(waiting, p.id)
			}
		}
	}
	delete(seen, top)
	ids := []string{}
	for id := range seen {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// TestReportsAreTheModels asks both ways to the reports of everybody.
func TestReportsAreTheModels(t *testing.T) {
	t.Parallel()
	pool, s := modelService(t)
	random := rand.New(rand.NewPCG(1, 2))
	for round := range modelRounds {
		var people []modelPerson
		for i := range 14 {
			people = append(people, modelPerson{fmt.Sprintf("p%02d", i), fmt.Sprintf("p%02d", random.IntN(16)), random.IntN(5) == 0})
		}
		modelExec(t, pool, `DELETE FROM directory.users`)
		for _, p := range people {
			modelExec(t, pool, `INSERT INTO directory.users (tenant_key, open_id, leader_user_id, attributes, removed_at, position)
				VALUES ('t', $1, $2, '{}', CASE WHEN $3 THEN now() END, 1)`, p.id, p.leader, p.gone)
		}
		for _, p := range people {
			for _, removed := range []bool{false, true} {
				want := reportsOf(people, p.id, removed)
				for way, many := range map[string]int{"down": manyReports, "up": 0} {
					got := modelIDs(t, s, selectReportsBelow, "t", openID, openDepartmentID, p.id, removed, "", 100, many)
					if diff := gocmp.Diff(want, got); diff != "" {
						t.Fatalf("round %d: reports of %s, removed %v, by the way %s (-want +got):\n%s\namong %v", round, p.id, removed, way, diff, people)
					}
				}
			}
		}
	}
}

func modelIDs(t *testing.T, s *Service, sql string, args ...any) []string {
	t.Helper()
	_, page, err := readUsers(t.Context(), s, terms{}, paging[personKey]{}, (*personKey).targets, sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	for _, k := range page.keys {
		ids = append(ids, k.OpenID)
	}
	return ids
}

func modelExec(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

type modelDepartment struct {
	id, parent string
	order      *int
	gone       bool
}

// descendantsOf walks down in order.
func descendantsOf(all []modelDepartment, places map[string]directory.Place, top, at string, levels int, removed bool) []string {
	if levels == 0 {
		return nil
	}
	var children []modelDepartment
	for _, d := range all {
		onPath := places[d.id].Path == places[at].Path+d.id+"/"
		if d.parent == at && d.id != top && (!d.gone && onPath || d.gone && removed) {
			children = append(children, d)
		}
	}
	slices.SortFunc(children, func(a, b modelDepartment) int {
		rank := func(d modelDepartment) int {
			if d.order == nil {
				return 1 << 30
			}
			return *d.order
		}
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.id, b.id))
	})
	var ids []string
	for _, c := range children {
		ids = append(append(ids, c.id), descendantsOf(all, places, top, c.id, levels-1, removed)...)
	}
	return ids
}

func TestDescendantsAreTheModels(t *testing.T) {
	t.Parallel()
	pool, s := modelService(t)
	random := rand.New(rand.NewPCG(3, 4))
	for round := range modelRounds {
		all := []modelDepartment{{id: directory.RootDepartmentID}}
		nodes := []directory.Node{{ID: directory.RootDepartmentID, Exists: true}}
		for i := range 16 {
			d := modelDepartment{id: fmt.Sprintf("d%02d", i), parent: fmt.Sprintf("d%02d", random.IntN(18)), gone: random.IntN(6) == 0}
			if i < 4 || random.IntN(4) == 0 {
				d.parent = directory.RootDepartmentID
			}
			if random.IntN(4) > 0 {
				n := random.IntN(4) - 1
				d.order = &n
			}
			all = append(all, d)
			nodes = append(nodes, directory.Node{ID: d.id, ParentID: d.parent, Exists: !d.gone})
		}
		places := directory.Tree(nodes)
		modelExec(t, pool, `DELETE FROM directory.departments`)
		for _, d := range all {
			modelExec(t, pool, `INSERT INTO directory.departments (tenant_key, open_department_id, parent_department_id, order_number, path, depth, attributes, removed_at, position)
				VALUES ('t', $1, nullif($2, ''), $3, $4, $5, '{}', CASE WHEN $6 THEN now() END, 1)`, d.id, d.parent, d.order, places[d.id].Path, places[d.id].Depth, d.gone)
		}
		for _, d := range all {
			for levels := range int32(4) {
				removed := random.IntN(2) == 0
				most := int(levels)
				if most == 0 {
					most = len(all)
				}
				want := fmt.Sprint(descendantsOf(all, places, d.id, d.id, most, removed))
				got := fmt.Sprint(modelDescendants(t, s, &pb.ListDepartmentDescendantsRequest{
					Department: d.id, MaxDepth: levels, ShowRemoved: removed, PageSize: int32(1 + random.IntN(5)),
				}))
				if want != got {
					t.Fatalf("round %d: descendants of %s to %d, removed %v: %s, want %s", round, d.id, levels, removed, got, want)
				}
			}
		}
	}
}

func modelDescendants(t *testing.T, s *Service, req *pb.ListDepartmentDescendantsRequest) (ids []string) {
	t.Helper()
	for {
		got, err := s.ListDepartmentDescendants(context.WithoutCancel(t.Context()), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range got.GetDepartments() {
			ids = append(ids, d.GetOpenDepartmentId())
		}
		if req.PageToken = got.GetNextPageToken(); req.GetPageToken() == "" {
			return ids
		}
		if len(ids) > 1000 {
			t.Fatal("the pages do not end: " + strconv.Itoa(len(ids)))
		}
	}
}
