package sandbox_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func TestListCustomAttrs(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 600, Departments: 12, Seed: 4})
	list := k.walk("items", "/custom_attrs", "page_size", "2")
	if got := texts(list, "type"); !slices.Equal(got, []string{"TEXT", "HREF", "ENUMERATION", "GENERIC_USER", "PICTURE_ENUM"}) {
		t.Errorf("types %v", got)
	}
	want := object{
		"id": "C-6965457429001748509", "type": "ENUMERATION", "i18n_name": []any{object{"locale": "zh_cn", "value": "工服尺码"}, object{"locale": "en_us", "value": "Shirt size"}},
		"options": object{"default_option_id": "ac5dfn", "option_type": "TEXT", "options": []any{
			object{"id": "ac5dfn", "value": "S"}, object{"id": "b8kq2c", "value": "M"}, object{"id": "cm31xe", "value": "L"}, object{"id": "d90vpa", "value": "XL"},
		}},
	}
	if diff := cmp.Diff(want, list[2]); diff != "" {
		t.Errorf("definition mismatch (-want +got)\n%s", diff)
	}
	if options, _ := list[4]["options"].(object); options["option_type"] != "PICTURE" || options["options"].([]any)[0].(object)["name"] == nil {
		t.Errorf("pictures %v", options)
	}
	if _, has := list[0]["options"]; has {
		t.Errorf("a text has options: %v", list[0])
	}

	// Every value that people have is of a definition, and of one of its options.
	defined := k.Truth().CustomAttrs
	have := map[string]bool{}
	for _, u := range k.Truth().Users {
		for _, a := range u.CustomAttrs {
			d := defined[a.ID]
			isIt := func(o sandbox.AttrOption) bool { return o.ID == a.Value.OptionID }
			if d.Type != a.Type || len(d.Options.Options) > 0 != slices.ContainsFunc(d.Options.Options, isIt) {
				t.Errorf("value %+v of %+v", a, d)
			}
			have[a.Type] = true
		}
	}
	if len(have) != 5 {
		t.Errorf("people have values of %v only", have)
	}
}

// The switch hides definitions and values.
func TestTheSwitchOfCustomAttrs(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 60, Departments: 10, Seed: 4})
	u := full(t, k)
	shown := func() (definitions int, values bool) {
		_, values = userOf(t, k.invoke(http.MethodGet, "/users/"+u.OpenID, ""))["custom_attrs"]
		return len(k.walk("items", "/custom_attrs")), values
	}
	if n, values := shown(); n != 5 || !values {
		t.Errorf("at first: %d definitions, values %v", n, values)
	}
	k.wantControl("PUT", "/allow_open_query", `{"allow_open_query":false}`, 200)
	if n, values := shown(); n != 0 || values {
		t.Errorf("with the switch off: %d definitions, values %v", n, values)
	}
	if k.Truth().AllowOpenQuery {
		t.Error("the truth does not know of the switch")
	}
	k.AllowOpenQuery(true)
	if n, values := shown(); n != 5 || !values {
		t.Errorf("with the switch on again: %d definitions, values %v", n, values)
	}
}
