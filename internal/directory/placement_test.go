package directory_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/directory"
)

const (
	inOne = `{"open_id":"ou_1","department_ids":["od-1"],"orders":[{"department_id":"od-1","user_order":3,"department_order":1,"is_primary_dept":true}]}`
	one   = `{"department_ids":["od-1"],"orders":[{"department_id":"od-1","user_order":3,"department_order":1,"is_primary_dept":true}]}`
)

func TestPlacement(t *testing.T) {
	t.Parallel()
	checkRules(t, zhang, []rule{
		{
			name: "orders give departments and order",
			records: []directory.Record{
				listed(1, inOne),
				updated(2, `{"open_id":"ou_1","orders":[{"department_id":"od-2","department_order":2},{"department_id":"od-1","department_order":1,"user_order":"5"}]}`, `{"orders":[]}`),
			},
			want: `{"department_ids":["od-1","od-2"],"orders":[{"department_id":"od-1","user_order":5,"department_order":1,"is_primary_dept":false},{"department_id":"od-2","department_order":2,"is_primary_dept":true}]}`,
		},
		{
			name: "department_ids alone give the departments, and the order is asked for",
			records: []directory.Record{
				listed(1, inOne),
				updated(2, `{"open_id":"ou_1","department_ids":["od-3","od-2","od-3"]}`, `{"department_ids":["od-1"]}`),
			},
			want:  `{"department_ids":["od-2","od-3"]}`,
			hints: hints{unsure},
		},
		{
			name: "neither, although old_object has one, keeps the value and asks",
			records: []directory.Record{
				listed(1, inOne),
				updated(2, `{"open_id":"ou_1"}`, `{"department_ids":["od-0"]}`),
			},
			want:  one,
			hints: hints{unsure},
		},
		{
			name: "neither in both is nothing",
			records: []directory.Record{
				listed(1, inOne),
				updated(2, `{"open_id":"ou_1","name":"a"}`, `{}`),
			},
			want: `{"name":"a",` + one[1:],
		},
		{
			name: "empty lists in an event are no departments: everybody has one",
			records: []directory.Record{
				listed(1, inOne),
				updated(2, `{"open_id":"ou_1","department_ids":[],"orders":[]}`, `{}`),
				updated(3, `{"open_id":"ou_1","orders":[]}`, `{}`),
			},
			want: one,
		},
		{
			name: "empty lists in an event that says they changed are asked about",
			records: []directory.Record{
				listed(1, inOne),
				updated(2, `{"open_id":"ou_1","department_ids":[]}`, `{"department_ids":["od-1"]}`),
			},
			want:  one,
			hints: hints{unsure},
		},
		{
			name: "an empty list in an answer is a value: nowhere that the app may see",
			records: []directory.Record{
				listed(1, inOne),
				listed(60, `{"open_id":"ou_1","department_ids":[],"orders":[]}`),
			},
			want: `{}`,
		},
		{
			name: "empty orders alone say nothing, in an answer too",
			records: []directory.Record{
				listed(1, inOne),
				listed(60, `{"open_id":"ou_1","orders":[]}`),
			},
			want: one,
		},
		{
			name: "an answer that knows no orders gives the departments and asks for nothing",
			records: []directory.Record{
				listed(60, `{"open_id":"ou_1","department_ids":["od-1"],"orders":[]}`),
			},
			want: `{"department_ids":["od-1"]}`,
		},
		{
			name: "an event whose two lists disagree is asked about",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1"}`),
				updated(2, `{"open_id":"ou_1","department_ids":["od-1","od-2"],"orders":[{"department_id":"od-1","department_order":1}]}`, `{"department_ids":[]}`),
			},
			want:  `{"department_ids":["od-1"],"orders":[{"department_id":"od-1","department_order":1,"is_primary_dept":true}]}`,
			hints: hints{unsure},
		},
		{
			name: "a change of the departments wins against one that carries them along",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1"}`),
				updated(2, `{"open_id":"ou_1","orders":[{"department_id":"od-2","department_order":1}]}`, `{"orders":[]}`),
				updated(2, `{"open_id":"ou_1","orders":[{"department_id":"od-1","department_order":1}]}`, `{"name":"x"}`),
			},
			want: `{"department_ids":["od-2"],"orders":[{"department_id":"od-2","department_order":1,"is_primary_dept":true}]}`,
		},
		{
			name: "departments that cannot be read are left and asked for, the rest applies",
			records: []directory.Record{
				listed(1, inOne),
				updated(2, `{"open_id":"ou_1","name":"a","orders":[{"department_id":"od-2","user_order":"x"}]}`, `{"orders":[]}`),
				updated(3, `{"open_id":"ou_1","name":"b","orders":[{"department_id":""}]}`, `{"orders":[]}`),
				updated(4, `{"open_id":"ou_1","name":"c","department_ids":["a/b"]}`, `{"orders":[]}`),
			},
			want:  `{"name":"c",` + one[1:],
			hints: hints{undecodable},
		},
	})
}

func TestPrimaryDepartment(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, orders, want string }{
		{"the one that says so", `[{"department_id":"b","department_order":9},{"department_id":"a","department_order":1,"is_primary_dept":true}]`, "a"},
		{"else the one with the greatest order", `[{"department_id":"a","department_order":1},{"department_id":"b","department_order":9}]`, "b"},
		{"the greatest order also where all say no", `[{"department_id":"a","department_order":1,"is_primary_dept":false},{"department_id":"b","department_order":9,"is_primary_dept":false}]`, "b"},
		{"one of two that say so: the greatest order", `[{"department_id":"a","department_order":1,"is_primary_dept":true},{"department_id":"b","department_order":9,"is_primary_dept":true},{"department_id":"c","department_order":10}]`, "b"},
		{"one with an order before one without", `[{"department_id":"a"},{"department_id":"b","department_order":-1}]`, "b"},
		{"the only one", `[{"department_id":"a"}]`, "a"},
		{"nobody knows among several without order", `[{"department_id":"a"},{"department_id":"b"}]`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			state, _ := fold(t, zhang, listed(1, `{"open_id":"ou_1","orders":`+c.orders+`}`))
			got := ""
			for _, p := range directory.UserOf(state).Placements {
				if *p.IsPrimaryDept {
					got += p.DepartmentID
				}
			}
			if got != c.want {
				t.Errorf("primary = %q, want %q", got, c.want)
			}
		})
	}
}

func TestPlacementsAreShownByDepartment(t *testing.T) {
	t.Parallel()
	state, _ := fold(t, zhang, listed(1, `{"open_id":"ou_1","orders":[{"department_id":"b"},{"department_id":"a","user_order":4}]}`))
	u := directory.UserOf(state)
	four, no := int64(4), false
	want := []directory.Placement{{DepartmentID: "a", UserOrder: &four, IsPrimaryDept: &no}, {DepartmentID: "b", IsPrimaryDept: &no}}
	if diff := cmp.Diff(want, u.Placements); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"a", "b"}, u.DepartmentIDs()); diff != "" {
		t.Error(diff)
	}
}
