package sandbox_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func TestBatchUsers(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 60, Departments: 3})
	known := slices.Sorted(maps.Keys(k.Truth().Users))

	r := k.get("/contact/v3/users/batch", "user_ids", known[4], "user_ids", "ou_nobody", "user_ids", known[1])
	if got, want := ids(decodeAs[list](t, r.Data).Items, "open_id"), []string{known[4], known[1]}; !slices.Equal(got, want) {
		t.Errorf("batch answers %v, want %v", got, want)
	}
	r = k.get("/contact/v3/users/batch", "user_ids", "ou_nobody")
	r.wantCode(t, 200, 0)
	if string(r.Data) != `{"items":[]}` {
		t.Errorf("a batch of strangers answers %s", r.Data)
	}
	k.get("/contact/v3/users/batch").wantCode(t, 400, 99992402)
	var fifty []string
	for _, id := range known[:50] {
		fifty = append(fifty, "user_ids", id)
	}
	if r := k.get("/contact/v3/users/batch", fifty...); len(decodeAs[list](t, r.Data).Items) != 50 {
		t.Errorf("fifty ids answer %s", r.raw)
	}
	k.get("/contact/v3/users/batch", append(fifty, "user_ids", known[50])...).wantCode(t, 400, 40001)
}

func TestBatchGetID(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 30, Departments: 5})
	u := full(t, k)
	gone, err := k.AddUser(sandbox.User{Name: "李娜", Mobile: "+8613700000001", Email: "gone@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if err := k.ResignUser(gone.OpenID); err != nil {
		t.Fatal(err)
	}
	ask := func(body string, params ...string) []object {
		t.Helper()
		r := k.send(http.MethodPost, "/open-apis/contact/v3/users/batch_get_id"+encode(params), "Bearer "+k.token, body)
		r.wantCode(t, 200, 0)
		return decodeAs[struct {
			List []object `json:"user_list"`
		}](t, r.Data).List
	}
	got := ask(`{"emails":["na@example.com","na@corp.example.com","gone@example.com"],"mobiles":["13900001111","+8613900001111","+15550000000"]}`)
	active := object{"is_activated": true, "is_exited": false, "is_frozen": false, "is_resigned": false, "is_unjoin": false}
	want := []object{
		{"email": "na@example.com", "user_id": u.OpenID, "status": active},
		{"email": "na@corp.example.com"},
		{"email": "gone@example.com"},
		{"mobile": "13900001111", "user_id": u.OpenID, "status": active},
		{"mobile": "+8613900001111", "user_id": u.OpenID, "status": active},
		{"mobile": "+15550000000"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("batch_get_id mismatch (-want +got)\n%s", diff)
	}
	got = ask(`{"mobiles":["13700000001"],"include_resigned":true}`, "user_id_type", "union_id")
	if len(got) != 1 || got[0]["user_id"] != gone.UnionID {
		t.Errorf("with resigned people: %v", got)
	}

	fiftyOne, err := json.Marshal(object{"emails": slices.Repeat([]string{"x@example.com"}, 51)})
	if err != nil {
		t.Fatal(err)
	}
	for body, code := range map[string]int{string(fiftyOne): 99992402, `{"emails":"x"}`: 99992402, `{"mobiles":[7]}`: 99992402, "null and void": 9499, "": 0} {
		r := k.send(http.MethodPost, "/open-apis/contact/v3/users/batch_get_id", "Bearer "+k.token, body)
		status := 400
		if code == 0 {
			status = 200
		}
		r.wantCode(t, status, code)
	}
}

func TestMembersAreListedInOrder(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{Departments: 1})
	dept := pick(t, k.Truth().Departments, func(sandbox.Department) bool { return true }).OpenDepartmentID
	for i, order := range []int{0, 5, 0, 9, 5, 0} {
		_, err := k.AddUser(sandbox.User{
			Name: fmt.Sprint("人", i), OpenID: fmt.Sprintf("ou_%d", i),
			Orders: []sandbox.Order{{DepartmentID: dept, UserOrder: order}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"ou_3", "ou_1", "ou_4", "ou_0", "ou_2", "ou_5"}
	for size := 1; size <= 7; size++ {
		got := ids(k.all("/contact/v3/users/find_by_department", "department_id", dept, "page_size", fmt.Sprint(size)), "open_id")
		if !slices.Equal(got, want) {
			t.Errorf("in pages of %d: %v, want %v", size, got, want)
		}
	}
	// fetch_child is not a parameter of this method: it changes nothing.
	if got := k.all("/contact/v3/users/find_by_department", "department_id", "0", "fetch_child", "true"); len(got) != 0 {
		t.Errorf("the root has %d direct members, want none", len(got))
	}
	k.get("/contact/v3/users/find_by_department").wantCode(t, 400, 99992402)
	k.get("/contact/v3/users/find_by_department", "department_id", "od-none").wantCode(t, 400, 99992357)
}
