package sandbox_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// Two apps know the same people by different open_ids.
func TestOpenIDsOfAnotherApp(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	if err := o.SetLeader(o.li.OpenID, o.wang.OpenID); err != nil {
		t.Fatal(err)
	}
	other := o.asApp(sandbox.App{})
	li := userOf(t, other.invoke(http.MethodGet, "/users/li?user_id_type=user_id", ""))
	wang := userOf(t, other.invoke(http.MethodGet, "/users/wang?user_id_type=user_id", ""))
	own := wang["open_id"].(string)
	if own == o.wang.OpenID || len(own) != 35 || !strings.HasPrefix(own, "ou_") || wang["union_id"] != o.wang.UnionID {
		t.Fatalf("the other app knows wang as %v", wang)
	}
	// user_id_type=user_id asks for user_ids in references; the default is open_id.
	li = userOf(t, other.invoke(http.MethodGet, "/users/"+li["open_id"].(string), ""))
	if li["leader_user_id"] != own {
		t.Errorf("the leader is %v, want %v", li["leader_user_id"], own)
	}
	found := other.walk("memberlist", "/group/staff/member/simplelist")
	if got := texts(found, "member_id"); !slices.Equal(got, []string{own}) {
		t.Errorf("members of the group: %v", got)
	}
	other.invoke(http.MethodPost, "/group/staff/member/remove", member(own)).wantCode(t, 200, 0)
	other.invoke(http.MethodPost, "/group/staff/member/add", member(o.wang.OpenID)).wantCode(t, 400, 41073)
	other.invoke(http.MethodPost, "/group/staff/member/add", member(own)).wantCode(t, 200, 0)

	// Ids of one app are none of another, either way; ids of nobody are unknown.
	other.invoke(http.MethodGet, "/users/"+o.wang.OpenID, "").wantCode(t, 400, 99992361)
	o.invoke(http.MethodGet, "/users/"+own, "").wantCode(t, 400, 99992361)
	o.asApp(sandbox.App{}).invoke(http.MethodGet, "/users/"+own, "").wantCode(t, 400, 99992361)
	other.invoke(http.MethodGet, "/users/ou_nobody", "").wantCode(t, 400, 99992351)
	if r := other.invoke(http.MethodGet, "/users/batch?user_ids="+o.wang.OpenID+"&user_ids="+own, ""); len(decodeAs[list](t, r.Data).Items) != 1 {
		t.Errorf("users/batch answers %s", r.raw)
	}

	// Who comes later is known too, and who was erased is not.
	late, err := o.AddUser(sandbox.User{Name: "迟", UserID: "late"})
	if err != nil {
		t.Fatal(err)
	}
	lateID := userOf(t, other.invoke(http.MethodGet, "/users/late?user_id_type=user_id", ""))["open_id"].(string)
	other.invoke(http.MethodGet, "/users/"+lateID, "").wantCode(t, 200, 0)
	if err := o.EraseUser(late.OpenID); err != nil {
		t.Fatal(err)
	}
	other.invoke(http.MethodGet, "/users/"+lateID, "").wantCode(t, 400, 99992351)
}
