package sandbox_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// special are refusals that depend on who asks, and about whom. Other apps have
// open_ids of their own, and name people by union_id here.
func (e *errand) special() []refusal {
	at := func(u sandbox.User) string { return "/contact/v3/users/" + u.OpenID }
	on := func(u sandbox.User) string { return "/contact/v3/users/" + u.UnionID }
	union := []string{"user_id_type", "union_id"}
	first, second := e.a.OpenDepartmentID, e.b.OpenDepartmentID
	const users, post, patch, put, del = "/contact/v3/users", http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete
	acceptor := func(id string) object { return object{"docs_acceptor_user_id": id} }
	return []refusal{
		{method: "create", verb: post, path: users, body: with(e.create, object{"department_ids": []string{second}}), token: e.narrow, status: 403, code: 40004},
		{method: "create", verb: post, path: users, body: with(e.create, object{"department_ids": []string{"0"}}), token: e.narrow, status: 403, code: 40004},
		{method: "create", verb: post, path: users, body: e.create, params: []string{"client_token", "t1"}, code: 40021},
		{method: "create", verb: post, path: users, body: with(e.create, object{"user_id": "new", "leader_user_id": "new"}), params: []string{"user_id_type", "user_id"}, code: 41030},
		{method: "create", verb: post, path: users, body: with(e.create, object{"geo": "cn"}), token: e.few, code: 44039},
		{method: "create", verb: post, path: users, body: with(e.create, object{"subscription_ids": []string{"1"}}), token: e.few, status: 403, code: 44050},
		{method: "create", verb: post, path: users, body: `{"name":`, code: 9499},
		{method: "create", verb: post, path: users, body: `[]`, code: 9499},
		{method: "patch", verb: patch, path: on(e.u), params: union, body: object{"department_ids": []string{second}}, token: e.narrow, status: 403, code: 40004},
		{method: "patch", verb: patch, path: at(e.u), body: object{"leader_user_id": e.u.OpenID}, code: 41030},
		{method: "patch", verb: patch, path: on(e.u), params: union, body: object{"subscription_ids": []string{"1"}}, token: e.few, status: 403, code: 44050},
		{method: "patch", verb: patch, path: on(e.other), params: union, body: object{"name": "x"}, token: e.narrow, code: 41050},
		{method: "patch", verb: patch, path: at(e.u), body: object{"name": "x", "city": "北京"}, token: e.person, status: 403, code: 41056},
		{method: "patch", verb: patch, path: on(e.u), params: union, body: object{"city": "北京"}, token: e.basic, status: 403, code: 41056},
		{method: "patch", verb: patch, path: at(e.gone), body: object{"name": "x"}, code: 42006},
		{method: "patch", verb: patch, path: at(e.gone), body: object{"avatar_key": ""}, code: 44003},
		{method: "patch", verb: patch, path: at(e.u), body: object{"orders": []object{{"department_id": first}}}, code: 44002},
		{method: "patch", verb: patch, path: at(e.inactive), body: object{"name": "x"}, code: 44010, options: func(o *sandbox.Options) { o.RefuseUnjoined = true }},
		{method: "patch", verb: patch, path: at(e.exited), body: object{"name": "x"}, code: 44011},
		{method: "patch", verb: patch, path: at(e.inactive), body: object{"email": "x@example.com"}, code: 44014},
		{method: "patch", verb: patch, path: at(e.chief), body: object{"is_frozen": true}, code: 44036},
		{method: "patch", verb: patch, path: at(e.u), token: "u-nothing", code: 99991668},
		{method: "patch", verb: patch, path: "/contact/v3/users/ou_nobody", code: 99992351},
		{method: "put", verb: put, path: on(e.u), params: union, body: with(e.put, object{"department_ids": []string{second}}), token: e.narrow, status: 403, code: 40004},
		{method: "put", verb: put, path: at(e.u), body: with(e.put, object{"leader_user_id": e.u.OpenID}), code: 41030},
		{method: "put", verb: put, path: on(e.other), params: union, body: e.put, token: e.narrow, code: 41050},
		{method: "put", verb: put, path: at(e.gone), body: e.put, code: 42006},
		{method: "put", verb: put, path: at(e.u), body: with(e.put, object{"department_ids": nil, "orders": []object{{"department_id": first}}}), code: 44002},
		{method: "put", verb: put, path: at(e.inactive), body: e.put, code: 44010, options: func(o *sandbox.Options) { o.RefuseUnjoined = true }},
		{method: "put", verb: put, path: at(e.exited), body: e.put, code: 44011},
		{method: "put", verb: put, path: at(e.inactive), body: with(e.put, object{"mobile": "13800000008", "email": ""}), code: 44014},
		{method: "put", verb: put, path: at(e.chief), body: with(e.put, object{"mobile": "13800000007", "is_frozen": true}), code: 44036},
		{method: "put", verb: put, path: at(e.u), body: e.put, token: e.person, code: 99991668},
		{method: "delete", verb: del, path: at(e.u), body: object{"email_acceptor": object{"processing_type": "4"}}, code: 40001},
		{method: "delete", verb: del, path: on(e.both), params: union, token: e.narrow, status: 403, code: 40004},
		{method: "delete", verb: del, path: on(e.other), params: union, token: e.narrow, status: 403, code: 41050},
		{method: "delete", verb: del, path: at(e.gone), status: 403, code: 41050},
		{method: "delete", verb: del, path: at(e.u), body: acceptor("ou_nobody"), code: 41052},
		{method: "delete", verb: del, path: at(e.u), body: acceptor(e.u.OpenID), code: 41052},
		{method: "delete", verb: del, path: at(e.u), body: acceptor(e.gone.OpenID), code: 41052},
		{method: "delete", verb: del, path: on(e.u), params: union, body: acceptor(e.other.UnionID), token: e.narrow, code: 41052},
		{method: "delete", verb: del, path: at(e.u), body: object{"email_acceptor": object{"processing_type": "1"}}, code: 41052},
		{method: "delete", verb: del, path: at(e.chief), body: "null", code: 44037},
		{method: "resurrect", verb: post, path: at(e.longGone) + "/resurrect", code: 44028},
		{method: "resurrect", verb: post, path: on(e.gone) + "/resurrect", params: union, body: object{}, token: e.narrow, code: 44029},
		{method: "resurrect", verb: post, path: at(e.noMobile) + "/resurrect", code: 44030},
		{method: "resurrect", verb: post, path: at(e.noEmail) + "/resurrect", code: 44031},
		{method: "resurrect", verb: post, path: at(e.noUserID) + "/resurrect", code: 44032},
		{method: "resurrect", verb: post, path: at(e.u) + "/resurrect", code: 44033},
		{method: "resurrect", verb: post, path: at(e.gone) + "/resurrect", code: 44034, options: func(o *sandbox.Options) { o.DeletionSeconds = 172800 }},
		{method: "resurrect", verb: post, path: at(e.gone) + "/resurrect", body: object{"subscription_ids": []string{"1"}}, code: 44048},
		{method: "resurrect", verb: post, path: on(e.gone) + "/resurrect", params: union, body: object{"subscription_ids": []string{}}, token: e.few, status: 403, code: 44050},
		{method: "resurrect", verb: post, path: at(e.gone) + "/resurrect", body: object{"departments": []object{{"user_order": 1}}}, code: 99992402},
		{method: "update_user_id", verb: patch, path: at(e.u) + "/update_user_id", body: object{"new_user_id": "a b"}, code: 40001},
		{method: "update_user_id", verb: patch, path: at(e.chief) + "/update_user_id", body: object{"new_user_id": "chief"}, code: 41009},
		{method: "update_user_id", verb: patch, path: at(e.u) + "/update_user_id", body: object{"new_user_id": "li"}, code: 41011},
		{method: "update_user_id", verb: patch, path: at(e.gone) + "/update_user_id", body: object{"new_user_id": "x"}, code: 41050},
		{method: "update_user_id", verb: patch, path: at(e.u) + "/update_user_id", body: object{}, code: 41054},
		{method: "basic_batch", verb: post, path: users + "/basic_batch", body: object{}, code: 40001},
		{method: "basic_batch", verb: post, path: users + "/basic_batch", body: object{"user_ids": make([]string, 11)}, code: 40001},
		{method: "list", verb: http.MethodGet, path: users, params: []string{"department_id", second}, token: e.narrow, status: 403, code: 40004},
		{method: "list", verb: http.MethodGet, path: users, params: []string{"page_size", "101"}, code: 40011},
		{method: "list", verb: http.MethodGet, path: users, params: []string{"page_token", "x"}, code: 40012},
	}
}

func TestUserRefusals(t *testing.T) {
	t.Parallel()
	e := newErrand(t)
	checkRefusals(t, e.kit, documentedForUsers(), slices.Concat(e.drafts(), e.special()), beyondUsers())
}
