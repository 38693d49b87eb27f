package feishu_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/feishu"
)

func TestRequests(t *testing.T) {
	t.Parallel()

	const ids = "department_id_type=open_department_id"
	const people = "user_id_type=open_id"
	object := func(member string) string { return `{"code":0,"data":{"` + member + `":{"x":1}}}` }
	for _, tt := range []struct {
		name   string
		answer string
		call   func(ctx context.Context, c *feishu.Client) error
		want   string
		counts string
	}{
		{
			name: "tenant", answer: `{"code":0,"data":{"tenant":{"tenant_key":"k"}}}`,
			call:   func(ctx context.Context, c *feishu.Client) error { _, err := c.Tenant(ctx); return err },
			want:   "GET /open-apis/tenant/v2/tenant/query?",
			counts: feishu.EndpointTenant,
		},
		{
			name: "department", answer: object("department"),
			call:   func(ctx context.Context, c *feishu.Client) error { _, err := c.Department(ctx, "0"); return err },
			want:   "GET /open-apis/contact/v3/departments/0?" + ids + "&" + people,
			counts: feishu.EndpointDepartment,
		},
		{
			name: "user, the id escaped", answer: object("user"),
			call:   func(ctx context.Context, c *feishu.Client) error { _, err := c.User(ctx, "ou_a/b?c"); return err },
			want:   "GET /open-apis/contact/v3/users/ou_a%2Fb%3Fc?" + ids + "&" + people,
			counts: feishu.EndpointUser,
		},
		{
			name: "children, first page", answer: emptyPage,
			call: func(ctx context.Context, c *feishu.Client) error {
				_, err := c.DepartmentChildren(ctx, "od-1", true, "")
				return err
			},
			want:   "GET /open-apis/contact/v3/departments/od-1/children?" + ids + "&fetch_child=true&page_size=50&" + people,
			counts: feishu.EndpointDepartmentChildren,
		},
		{
			name: "children, next page of the level", answer: emptyPage,
			call: func(ctx context.Context, c *feishu.Client) error {
				_, err := c.DepartmentChildren(ctx, "od-1", false, "a/b+c=")
				return err
			},
			want:   "GET /open-apis/contact/v3/departments/od-1/children?" + ids + "&fetch_child=false&page_size=50&page_token=a%2Fb%2Bc%3D&" + people,
			counts: feishu.EndpointDepartmentChildren,
		},
		{
			name: "members", answer: emptyPage,
			call: func(ctx context.Context, c *feishu.Client) error {
				_, err := c.UsersByDepartment(ctx, "0", "")
				return err
			},
			want:   "GET /open-apis/contact/v3/users/find_by_department?department_id=0&" + ids + "&page_size=50&" + people,
			counts: feishu.EndpointUsersByDepartment,
		},
		{
			name: "some departments", answer: emptyPage,
			call: func(ctx context.Context, c *feishu.Client) error {
				_, err := c.DepartmentsBatch(ctx, []string{"od-2", "od-1"})
				return err
			},
			want:   "GET /open-apis/contact/v3/departments/batch?" + ids + "&department_ids=od-2&department_ids=od-1&" + people,
			counts: feishu.EndpointDepartmentsBatch,
		},
		{
			name: "some users", answer: emptyPage,
			call: func(ctx context.Context, c *feishu.Client) error {
				_, err := c.UsersBatch(ctx, []string{"ou_1"})
				return err
			},
			want:   "GET /open-apis/contact/v3/users/batch?" + ids + "&" + people + "&user_ids=ou_1",
			counts: feishu.EndpointUsersBatch,
		},
		{
			name: "scopes", answer: `{"code":0,"data":{}}`,
			call:   func(ctx context.Context, c *feishu.Client) error { _, err := c.Scopes(ctx, "tok"); return err },
			want:   "GET /open-apis/contact/v3/scopes?" + ids + "&page_size=100&page_token=tok&" + people,
			counts: feishu.EndpointScopes,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got string
			u := newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
				got = fmt.Sprintf("%s %s?%s", r.Method, r.URL.EscapedPath(), r.URL.RawQuery)
				reply(w, http.StatusOK, tt.answer)
			})
			limits := &limiter{}
			c, _, calls := newClient(t, u.URL+"/", func(cfg *feishu.Config) { cfg.Limiter = limits })

			if err := tt.call(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("sent\n%s, want\n%s", got, tt.want)
			}
			if diff := cmp.Diff([]string{tt.counts}, limits.taken); diff != "" {
				t.Errorf("turns taken (-want +got):\n%s", diff)
			}
			if n := len(calls.of(tt.counts)); n != 1 {
				t.Errorf("%d requests observed under %q, want 1", n, tt.counts)
			}
			if n := calls.total(); n != 2 {
				t.Errorf("%d requests observed, want the one and the token", n)
			}
		})
	}
}

func TestRawAnswers(t *testing.T) {
	t.Parallel()

	t.Run("items are the bytes that came in", func(t *testing.T) {
		t.Parallel()
		items := []string{
			"{ \"open_id\" : \"ou_1\",\n \"name\":\"\\u0000\\ud800 王\", \"n\":1e400, \"big\":123456789012345678901234567890 }",
			"\"a string, not a user\"", "null", "[]", "{\"bad\":\"\xff\xfe\"}",
		}
		u := newUpstream(t, json200(`{"code":0,"data":{"items":[ `+strings.Join(items, " , ")+` ],"has_more":true,"page_token":"next"}}`))
		c, _, _ := newClient(t, u.URL)
		page, err := c.UsersByDepartment(t.Context(), "0", "")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(items, raws(page.Items)); diff != "" {
			t.Errorf("items (-want +got):\n%s", diff)
		}
		if !page.HasMore || page.PageToken != "next" {
			t.Errorf("has_more %v, page_token %q; want true, next", page.HasMore, page.PageToken)
		}
	})

	t.Run("an object is the bytes that came in", func(t *testing.T) {
		t.Parallel()
		const user = "{\"open_id\":\"ou_1\" ,\t\"join_time\":0}"
		u := newUpstream(t, json200(`{"code":0,"data":{"user":`+user+`}}`))
		c, _, _ := newClient(t, u.URL)
		o, err := c.User(t.Context(), "ou_1")
		if err != nil {
			t.Fatal(err)
		}
		if got := string(o.Raw); got != user {
			t.Errorf("got %s, want %s", got, user)
		}
	})

	t.Run("the tenant", func(t *testing.T) {
		t.Parallel()
		u := newUpstream(t, json200(`{"code":0,"data":{"tenant":{"name":"N","display_id":"F1","tenant_tag":0,"tenant_key":"2ed","avatar":{}}}}`))
		c, _, _ := newClient(t, u.URL)
		got, err := c.Tenant(t.Context())
		want := feishu.Tenant{Key: "2ed", Name: "N", DisplayID: "F1", Raw: json.RawMessage(`{"name":"N","display_id":"F1","tenant_tag":0,"tenant_key":"2ed","avatar":{}}`)}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Tenant() = %+v, %v; want %+v", got, err, want)
		}
	})

	t.Run("scopes tell hidden users from none", func(t *testing.T) {
		t.Parallel()
		u := newUpstream(t, steps(
			json200(`{"code":0,"data":{"user_ids":[],"department_ids":["od-1"],"group_ids":null,"has_more":true,"page_token":"2"}}`),
			json200(`{"code":0,"data":{"department_ids":["od-2"],"group_ids":["g1"],"has_more":false}}`),
		))
		c, _, _ := newClient(t, u.URL)
		first, err := c.Scopes(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		second, err := c.Scopes(t.Context(), first.PageToken)
		if err != nil {
			t.Fatal(err)
		}
		if !first.HasUserIDs || first.PageToken != "2" || second.HasUserIDs || second.HasMore {
			t.Errorf("pages %+v and %+v", first, second)
		}
		if diff := cmp.Diff([][]string{{"od-1"}, {"od-2"}, {"g1"}}, [][]string{first.DepartmentIDs, second.DepartmentIDs, second.GroupIDs}); diff != "" {
			t.Errorf("ids (-want +got):\n%s", diff)
		}
	})
}

func TestPages(t *testing.T) {
	t.Parallel()
	page := func(t *testing.T, data, token string) (feishu.Page, error) {
		t.Helper()
		u := newUpstream(t, json200(`{"code":0,"msg":"success","data":`+data+`}`))
		c, _, _ := newClient(t, u.URL)
		return c.UsersByDepartment(t.Context(), "od-1", token)
	}

	for _, data := range []string{`{}`, `{"items":null}`, `{"items":[],"has_more":false}`, `{"has_more":null,"page_token":""}`, `{"has_more":false,"page_token":"left over"}`} {
		t.Run("empty: "+data, func(t *testing.T) {
			t.Parallel()
			p, err := page(t, data, "")
			if err != nil || p.HasMore || len(p.Items) != 0 || p.PageToken != "" {
				t.Errorf("got %+v, %v; want an empty last page", p, err)
			}
		})
	}

	t.Run("an empty page with more behind it", func(t *testing.T) {
		t.Parallel()
		p, err := page(t, `{"items":[],"has_more":true,"page_token":7}`, "7")
		if err != nil || !p.HasMore || p.PageToken != "7" {
			t.Errorf("got %+v, %v; want has_more and page_token 7", p, err)
		}
	})

	for _, data := range []string{
		`{"items":[{}],"has_more":true}`, `{"items":[{}],"has_more":true,"page_token":""}`,
		`{"has_more":true,"page_token":null}`, `{"items":[{}],"has_more":true,"page_token":"asked"}`,
	} {
		t.Run("no way on: "+data, func(t *testing.T) {
			t.Parallel()
			p, err := page(t, data, "asked")
			if !errors.Is(err, feishu.ErrPaging) || errors.Is(err, feishu.ErrUnavailable) {
				t.Errorf("got %+v, %v; want ErrPaging alone", p, err)
			}
		})
	}

	t.Run("a page that leads to itself is asked for again", func(t *testing.T) {
		t.Parallel()
		u := newUpstream(t, steps(json200(`{"code":0,"data":{"items":[1],"has_more":true,"page_token":"asked"}}`), json200(`{"code":0,"data":{"items":[1]}}`)))
		c, _, _ := newClient(t, u.URL)
		if p, err := c.UsersByDepartment(t.Context(), "od-1", "asked"); err != nil || p.HasMore || len(p.Items) != 1 {
			t.Errorf("got %+v, %v; want the page that came second", p, err)
		}
	})

	for _, data := range []string{`null`, `[]`, `"x"`, `{"items":{}}`, `{"items":"x"}`, `{"items":[],"has_more":"true"}`, `{"items":[],"has_more":1}`} {
		t.Run("malformed: "+data, func(t *testing.T) {
			t.Parallel()
			p, err := page(t, data, "")
			if !errors.Is(err, feishu.ErrUnavailable) || len(p.Items) != 0 {
				t.Errorf("got %+v, %v; want ErrUnavailable", p, err)
			}
		})
	}

	t.Run("a malformed page is asked for again", func(t *testing.T) {
		t.Parallel()
		u := newUpstream(t, steps(json200(`{"code":0,"msg":"success"}`), json200(`{"code":0,"data":{"items":[1]}}`)))
		c, _, _ := newClient(t, u.URL)
		p, err := c.DepartmentChildren(t.Context(), "0", true, "")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]json.RawMessage{json.RawMessage("1")}, p.Items); diff != "" {
			t.Errorf("items (-want +got):\n%s", diff)
		}
	})
}

func TestArguments(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, json200(emptyPage))
	c, _, _ := newClient(t, u.URL)
	ctx := t.Context()

	calls := map[string]func() error{
		"user without id":       func() error { _, err := c.User(ctx, ""); return err },
		"department without id": func() error { _, err := c.Department(ctx, ""); return err },
		"children without id":   func() error { _, err := c.DepartmentChildren(ctx, "", true, ""); return err },
		"members without id":    func() error { _, err := c.UsersByDepartment(ctx, "", ""); return err },
		"empty batch":           func() error { _, err := c.UsersBatch(ctx, nil); return err },
		"batch with a gap":      func() error { _, err := c.UsersBatch(ctx, []string{"ou_1", ""}); return err },
		"batch too long":        func() error { _, err := c.DepartmentsBatch(ctx, make([]string, 51)); return err },
	}
	for name, call := range calls {
		if err := call(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if fetches, requests := u.counts(); fetches+requests != 0 {
		t.Errorf("%d requests went out, want none", fetches+requests)
	}
}
