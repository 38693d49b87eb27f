package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The companies of earlier versions stay what they were: people refer to them.
func TestMixedCompaniesStayTheSame(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		people, departments int
		seed                uint64
		sum                 string
	}{
		{200, 20, 1, "f1eac96bfe735b07"}, {900, 90, 7, "936acee84f8ca868"}, {5000, 375, 1, "c32ecc23b30e3fe1"},
	} {
		truth := (&Server{org: company(c.people, c.departments, c.seed)}).Truth()
		raw, err := json.Marshal(map[string]any{"d": truth.Departments, "u": truth.Users, "root": truth.Root})
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(raw); !strings.HasPrefix(hex.EncodeToString(sum[:]), c.sum) {
			t.Errorf("%d people in %d departments with seed %d have become others: %x", c.people, c.departments, c.seed, sum[:8])
		}
	}
}

func shaped(shape Shape, people, departments int, seed uint64) *organisation {
	return generate(Config{Shape: shape, People: people, Departments: departments, Seed: seed}.withDefaults())
}

func TestShapesAreSound(t *testing.T) {
	t.Parallel()
	for _, shape := range Shapes()[1:] {
		t.Run(string(shape), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				people := rapid.OneOf(rapid.IntRange(0, 20), rapid.IntRange(0, 1500)).Draw(t, "people")
				departments := rapid.OneOf(rapid.IntRange(0, 20), rapid.IntRange(0, 300)).Draw(t, "departments")
				seed := rapid.Uint64().Draw(t, "seed")
				o := shaped(shape, people, departments, seed)
				if len(o.users) != people || len(o.departments) != departments+1 {
					t.Fatalf("%d people in %d departments", len(o.users), len(o.departments)-1)
				}
				if err := sound(o); err != nil {
					t.Fatal(err)
				}
				siblingsDiffer(t, o)
				for _, u := range o.users {
					if chain(o, u) > people {
						t.Fatal("somebody is led by those whom they lead")
					}
				}
				if truthOf(o) != truthOf(shaped(shape, people, departments, seed)) {
					t.Fatal("the same seed makes another company")
				}
			})
		})
	}
}

func siblingsDiffer(t interface{ Fatalf(string, ...any) }, o *organisation) {
	for _, n := range o.departments {
		names := map[string]bool{}
		for _, child := range n.children {
			if names[child.Name] {
				t.Fatalf("two departments below one are called %s", child.Name)
			}
			names[child.Name] = true
		}
	}
}

func TestWideCompany(t *testing.T) {
	t.Parallel()
	o := shaped(ShapeWide, 50_000, mostDepartments, 1)
	full, crowd := 0, 0
	for _, n := range o.departments {
		if len(n.children) > mostChildren || len(n.members) > mostMembers {
			t.Fatalf("%d departments and %d people directly in one", len(n.children), len(n.members))
		}
		full += truth(len(n.children) == mostChildren)
		crowd = max(crowd, len(n.members))
	}
	if full != mostDepartments/mostChildren || crowd != mostMembers || len(o.root.children) != mostChildren {
		t.Errorf("%d full departments, the largest crowd is %d", full, crowd)
	}
	siblingsDiffer(t, o)
}

func TestDeepCompany(t *testing.T) {
	t.Parallel()
	o := shaped(ShapeDeep, 2000, 1000, 1)
	leaves, deepest := 0, 0
	for _, n := range o.departments {
		if len(n.children) == 0 {
			leaves++
			deepest += truth(n.depth() == maxLevels)
		}
	}
	if deepest < leaves-1 || deepest < 10 {
		t.Errorf("%d of %d branches go down to the last level", deepest, leaves)
	}
}

func TestMatrixCompany(t *testing.T) {
	t.Parallel()
	o := shaped(ShapeMatrix, 2000, 100, 1)
	dotted := 0
	for _, u := range o.users {
		if len(u.Orders) < 2 {
			t.Fatalf("somebody is only in %v", u.DepartmentIDs)
		}
		dotted += len(u.DottedLine)
	}
	dual := 0
	for _, n := range o.departments {
		dual += truth(len(n.Leaders) == 2)
	}
	if dual != 100 || dotted < 1950 {
		t.Errorf("%d departments with two leaders, %d dotted lines", dual, dotted)
	}
}
