package compat_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestPeople(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.is(b.get("app", "/contact/v3/users/ou_bob"), `{"user":{"city":"","country":"","department_ids":["od-a"],"description":"","employee_no":"","employee_type":0,
		"en_name":"","job_title":"","join_time":0,"mobile":"","mobile_visible":true,"name":"Bob","open_id":"ou_bob",
		"orders":[{"department_id":"od-a","department_order":0,"is_primary_dept":true,"user_order":7}],
		"status":{"is_frozen":false,"is_resigned":false},"union_id":"on_bob","user_id":"u1","work_station":""}}`)
	b.is(b.get("app", "/contact/v3/users/ann?user_id_type=user_id&department_id_type=department_id"), `{"user":{"city":"","country":"",
		"custom_attrs":[{"id":"C-1","type":"TEXT","value":{"text":"x"}},{"id":"C-2","type":"GENERIC_USER","value":{"generic_user":{"id":"u1","type":1}}},
			{"id":"C-3","type":"GENERIC_USER","value":{}},{"id":"C-4","type":"ODD","value":"odd"}],
		"department_ids":["0","A"],"description":"","dotted_line_leader_user_ids":["u1"],"email":"ann@example.com","employee_no":"E1","employee_type":0,"en_name":"",
		"enterprise_email":"ann@corp.example.com","gender":2,"geo":"cn","job_title":"","join_time":0,"leader_user_id":"u1","mobile":"+8613800000001","mobile_visible":true,
		"name":"Ann","nickname":"Annie","open_id":"ou_ann","orders":[{"department_id":"0","department_order":0,"is_primary_dept":false,"user_order":5},
			{"department_id":"A","department_order":1,"is_primary_dept":true,"user_order":1}],
		"status":{"is_frozen":true,"is_resigned":false},"time_zone":"Asia/Shanghai","union_id":"on_ann","user_id":"ann","work_station":""}}`)
	// What the app may not see is not there, and so is what would stand for it.
	b.is(b.get("reads", "/contact/v3/users/ou_dim"), `{"user":{"department_ids":["od-b"],"description":"","mobile_visible":false,"open_id":"ou_dim","union_id":"on_dim"}}`)

	left := `{"name":"Old","open_id":"ou_old","status":{"is_resigned":true},"union_id":"on_old","user_id":"u1"}`
	b.is(b.get("app", "/contact/v3/users/ou_old"), `{"user":`+left+`}`)
	b.is(b.get("app", "/contact/v3/users/batch?user_ids=ou_old&user_ids=ou_del&user_ids=ou_far&user_ids=none&user_ids=ou_old"), `{"items":[`+left+`]}`)
	if r := b.get("app", "/contact/v3/users/u1?user_id_type=user_id"); !strings.Contains(r.Raw, "Bob") {
		t.Errorf("a user_id that was given to somebody else: %s", r.Raw)
	}
	for path, code := range map[string]int{
		"/contact/v3/users/ou_del": 99992351, "/contact/v3/users/ou_far": 41050, "/contact/v3/users/none": 99992351,
		"/contact/v3/users/none?user_id_type=union_id": 99992363, "/contact/v3/users/none?user_id_type=user_id": 99992360,
		"/contact/v3/users/" + strings.Repeat("x", 5000): 99992351, "/contact/v3/users/%00": 99992351, "/contact/v3/users/ou_ann?user_id_type=x": 99992402,
	} {
		b.refused(b.get("app", path), http.StatusBadRequest, code)
	}
	// The historic list has fewer fields, and no list has who left.
	if r := b.get("app", "/contact/v3/users?department_id=0"); !strings.Contains(r.Raw, `"is_frozen":true`) || strings.Contains(r.Raw, "nickname") || strings.Contains(r.Raw, "geo") || strings.Contains(r.Raw, "dotted") {
		t.Errorf("the historic list: %s", r.Raw)
	}
	// Administrators have taken custom attributes from all apps.
	b.exec(`INSERT INTO directory.custom_attr_settings (tenant_key, allow_open_query, position) VALUES ('t', false, 1)`)
	if r := b.get("app", "/contact/v3/users/ou_ann"); strings.Contains(r.Raw, "custom_attrs") {
		t.Errorf("with custom attributes switched off: %s", r.Raw)
	}
	b.is(b.get("app", "/contact/v3/custom_attrs"), `{"has_more":false,"items":[]}`)
}

func TestBatchGetID(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const path = "/contact/v3/users/batch_get_id?user_id_type=union_id"
	b.is(b.as("app", http.MethodPost, path, `{"emails":["ann@example.com","ann@corp.example.com"],"mobiles":["13800000001","+8613800000002"],"include_resigned":true}`), `{"user_list":[
		{"email":"ann@example.com","user_id":"on_ann","status":{"is_frozen":true,"is_resigned":false}},{"email":"ann@corp.example.com"},
		{"mobile":"13800000001","user_id":"on_ann","status":{"is_frozen":true,"is_resigned":false}},{"mobile":"+8613800000002"}]}`)
	b.exec(`UPDATE directory.users SET mobile = NULL WHERE open_id = 'ou_ann'`)
	b.is(b.as("app", http.MethodPost, path, `{"mobiles":["13800000001"],"include_resigned":true}`), `{"user_list":[{"mobile":"13800000001","user_id":"on_old","status":{"is_resigned":true}}]}`)
	b.is(b.as("app", http.MethodPost, path, `{"mobiles":["13800000001"]}`), `{"user_list":[{"mobile":"13800000001"}]}`)
	b.is(b.as("app", http.MethodPost, path, ``), `{"user_list":[]}`)
	for body, code := range map[string]int{`[`: 9499, `{"emails":"x"}`: 99992402, `{"emails":[` + strings.Repeat(`"x",`, 50) + `"x"]}`: 99992402} {
		b.refused(b.as("app", http.MethodPost, path, body), http.StatusBadRequest, code)
	}
}

func TestDepartments(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.is(b.get("app", "/contact/v3/departments/0"), `{"department":{"department_id":"0","name":"","open_department_id":"0"}}`)
	b.is(b.get("app", "/contact/v3/departments/A?department_id_type=department_id&user_id_type=user_id"), `{"department":{"department_hrbps":["u1"],"department_id":"A",
		"i18n_name":{"en_us":"Alpha","ja_jp":"","zh_cn":""},"leader_user_id":"ann","leaders":[{"leaderID":"ann","leaderType":1}],"name":"Alpha","open_department_id":"od-a",
		"order":"2","parent_department_id":"0","status":{"is_deleted":false},"unit_ids":[]}}`)
	for path, want := range map[string]string{
		"/contact/v3/departments/0/children":                                                        "od-b od-a",
		"/contact/v3/departments/0/children?fetch_child=true":                                       "od-a od-a1 od-b",
		"/contact/v3/departments/R/children?department_id_type=department_id":                       "",
		"/contact/v3/departments/parent?department_id=od-a1":                                        "od-a",
		"/contact/v3/departments":                                                                   "0",
		"/contact/v3/departments?parent_department_id=od-a":                                         "od-a1",
		"/contact/v3/departments/batch?department_ids=od-gone&department_ids=od-b&department_ids=0": "od-b 0",
	} {
		r := b.get("app", path)
		var ids []string
		for _, d := range r.Data["items"].([]any) {
			ids = append(ids, d.(object)["open_department_id"].(string))
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	for path, code := range map[string]int{
		"/contact/v3/departments/od-gone": 99992357, "/contact/v3/departments/X?department_id_type=department_id": 99992380,
		"/contact/v3/users/find_by_department?department_id=od-gone": 99992357,
	} {
		b.refused(b.get("app", path), http.StatusBadRequest, code)
	}
	for _, path := range []string{"/contact/v3/departments/od-far", "/contact/v3/departments/od-far/children", "/contact/v3/users/find_by_department?department_id=F&department_id_type=department_id"} {
		b.refused(b.get("app", path), http.StatusForbidden, 40004)
	}
	// Without a row for the root the app does not see it.
	b.exec(`DELETE FROM directory.departments WHERE open_department_id = '0'`)
	b.refused(b.get("app", "/contact/v3/departments/0"), http.StatusForbidden, 40004)
}

// A page token belongs to its listing, with all its parameters, and to its client.
func TestPageTokens(t *testing.T) {
	t.Parallel()
	b := setup(t)
	walk := func(path string) (items int, token string) {
		t.Helper()
		for page := 1; ; page++ {
			r := b.get("app", path+"&page_token="+url.QueryEscape(token))
			if r.Code != 0 {
				t.Fatalf("%s: %s", path, r.Raw)
			}
			items += len(r.Data["items"].([]any))
			next, more := r.Data["page_token"].(string)
			if more != r.Data["has_more"].(bool) {
				t.Errorf("%s: has_more %v, page_token %q", path, r.Data["has_more"], next)
			}
			if !more {
				return items, token
			}
			token = next
		}
	}
	for path, want := range map[string]int{
		"/contact/v3/employee_type_enums?page_size=5": 12, "/contact/v3/users/find_by_department?department_id=od-a&page_size=1": 2,
		"/contact/v3/departments/0/children?page_size=1": 2, "/contact/v3/departments/0/children?fetch_child=true&page_size=1": 3,
	} {
		if items, _ := walk(path); items != want {
			t.Errorf("%s: %d items, want %d", path, items, want)
		}
	}
	_, token := walk("/contact/v3/users/find_by_department?department_id=od-a&page_size=1")
	for _, path := range []string{
		"/contact/v3/users/find_by_department?department_id=0", "/contact/v3/users?department_id=od-a", "/contact/v3/departments/0/children?x=y",
		"/contact/v3/users/find_by_department?department_id=od-a&user_id_type=union_id", "/contact/v3/employee_type_enums?x=y",
	} {
		b.refused(b.get("app", path+"&page_token="+token), http.StatusBadRequest, 40012)
	}
	const same = "/contact/v3/users/find_by_department?department_id=od-a&page_token="
	b.refused(b.get("knows", same+token), http.StatusBadRequest, 40012)
	if r := b.get("app", same+token+"&page_size=50"); r.Code != 0 {
		t.Errorf("with another page_size: %s", r.Raw)
	}
	b.exec(`UPDATE mirror.event_log_head SET log_id = gen_random_uuid()`)
	b.refused(b.get("app", same+token), http.StatusBadRequest, 40012)
}

// An answer says what it shows, and waits for what it is to show.
func TestPositions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const path = "/contact/v3/users/ou_ann"
	r := b.get("app", path)
	if r.Header.Get("X-Mirror-Position") != "100" || r.Header.Get("X-Mirror-Staleness") != "0.000" {
		t.Errorf("headers %v", r.Header)
	}
	if r := b.get("app", "/contact/v3/users/none"); r.Header.Get("X-Mirror-Position") != "100" {
		t.Errorf("of nobody: headers %v", r.Header)
	}
	b.exec(`UPDATE mirror.event_log_head SET position = 101`)
	b.exec(`INSERT INTO mirror.event_log (position, recorded_at, occurred_at, tenant_key, app_id, event_id, payload) VALUES (101, clock_timestamp() - interval '90 s', now(), 't', 'app', 'e101', '{}')`)
	r = b.get("app", path)
	if s := r.Header.Get("X-Mirror-Staleness"); len(s) != len("90.000") || !strings.HasPrefix(s, "9") {
		t.Errorf("staleness %q, want 90 s and a little", s)
	}
	r = b.get("app", path, "X-Mirror-At-Least", "101")
	b.refused(r, http.StatusServiceUnavailable, 1503001)
	if !strings.Contains(r.Msg, "100") {
		t.Errorf("how far behind it is: %s", r.Msg)
	}
	for _, bad := range []string{"x", "-1", "1.5"} {
		r := b.get("app", path, "X-Mirror-At-Least", bad)
		b.refused(r, http.StatusBadRequest, 99992402)
		if r.Error.Fields[0].Field != "X-Mirror-At-Least" {
			t.Errorf("blamed: %v", r.Error.Fields)
		}
	}
	patient := &bundle{t: t, pool: b.pool, logged: b.logged, tokens: b.tokens, maxWait: time.Minute}
	patient.start(clients)
	patient.token("app")
	answered := make(chan reply)
	go func() { answered <- patient.get("app", path, "X-Mirror-At-Least", "101") }()
	b.exec(`UPDATE mirror.checkpoint SET position = 101 WHERE consumer = 'core'`)
	if r := <-answered; r.Code != 0 || r.Header.Get("X-Mirror-Position") != "101" {
		t.Errorf("after the projector came: %s %v", r.Raw, r.Header)
	}
}

// Calls are counted and logged, without what was asked or answered.
func TestCallsAreObserved(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.get("app", "/contact/v3/users/ou_ann")
	b.get("app", "/contact/v3/users/nobody-here")
	families, err := b.metrics.Gather()
	must(t, err)
	counted := fmt.Sprint(families)
	for _, want := range []string{"GET /contact/v3/users/:user_id", `value:"0"`, `value:"99992351"`} {
		if !strings.Contains(counted, want) {
			t.Errorf("%s is not in the metrics: %s", want, counted)
		}
	}
	log := b.logged.String()
	if !strings.Contains(log, `"client":"app"`) || !strings.Contains(log, `"code":99992351`) {
		t.Errorf("the log: %s", log)
	}
	for _, personal := range []string{"ou_ann", "nobody-here", "Ann", "1380"} {
		if strings.Contains(log, personal) {
			t.Errorf("%s is in the log: %s", personal, log)
		}
	}
	// A database that is away is no mistake of the caller's.
	b.exec(`ALTER TABLE directory.users RENAME TO hidden`)
	b.refused(b.get("app", "/contact/v3/users/ou_ann"), http.StatusInternalServerError, 2200)
	if !strings.Contains(b.logged.String(), `"level":"ERROR"`) {
		t.Error("a mistake is not in the log")
	}
}
