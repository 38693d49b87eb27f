package sandbox_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// do calls a method with the kit's own token: the path below /open-apis, a body
// that becomes JSON unless it is a string, and parameters as pairs.
func (k *kit) do(verb, path string, body any, params ...string) reply {
	k.t.Helper()
	return k.as(k.token, verb, path, body, params...)
}

// as does so with another token.
func (k *kit) as(token, verb, path string, body any, params ...string) reply {
	k.t.Helper()
	text, isText := body.(string)
	if !isText && body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			k.t.Fatal(err)
		}
		text = string(raw)
	}
	return k.send(verb, "/open-apis"+path+encode(params), "Bearer "+token, text)
}

// appToken lets another app in and returns its token.
func (k *kit) appToken(a sandbox.App) string {
	k.t.Helper()
	a.ID, a.Secret = fmt.Sprintf("cli_test%d", apps.Add(1)), "secret"
	if err := k.AddApp(a); err != nil {
		k.t.Fatal(err)
	}
	r := k.send(http.MethodPost, tokenURL, "", fmt.Sprintf(`{"app_id":%q,"app_secret":"secret"}`, a.ID))
	if r.Tenant == "" {
		k.t.Fatalf("token request answers %s", r.raw)
	}
	return r.Tenant
}

// in is a token of a person.
func (k *kit) in(openID string) string {
	k.t.Helper()
	token, err := k.MintUserToken(k.AppID(), openID, nil)
	if err != nil {
		k.t.Fatal(err)
	}
	return token
}

func (k *kit) user(u sandbox.User) sandbox.User {
	k.t.Helper()
	made, err := k.AddUser(u)
	if err != nil {
		k.t.Fatal(err)
	}
	return made
}

func (k *kit) department(d sandbox.Department) sandbox.Department {
	k.t.Helper()
	made, err := k.AddDepartment(d)
	if err != nil {
		k.t.Fatal(err)
	}
	return made
}

// refusal is a request that is refused with a documented code.
type refusal struct {
	method string // by which the documents list its codes
	verb   string
	path   string
	body   any
	params []string
	token  string // the kit's own where empty
	status int
	code   int

	options func(*sandbox.Options) // set for this one
}

func (r refusal) String() string {
	return fmt.Sprintf("%s %s %v %v wants %d", r.verb, r.path, r.params, r.body, r.code)
}

// unreachable are codes that a sandbox has no reason to answer with; a fault
// answers with any of them.
type unreachable struct {
	method string // every one where empty
	codes  []int
	why    string
}

// checkRefusals sends requests that are refused, and checks that each code the
// documents list for a method was answered, or is known to be out of reach.
func checkRefusals(t *testing.T, k *kit, documented map[string][]int, refusals []refusal, beyond []unreachable) {
	t.Helper()
	seen := map[string][]int{}
	before := k.Truth()
	for _, r := range refusals {
		token := r.token
		if token == "" {
			token = k.token
		}
		if r.options != nil {
			k.SetOptions(r.options)
		}
		got := k.as(token, r.verb, r.path, r.body, r.params...)
		if r.status == 0 {
			r.status = http.StatusBadRequest
		}
		if got.status != r.status || got.Code != r.code || got.Msg == "" {
			t.Errorf("%s: answer is HTTP %d %s", r, got.status, got.raw)
		}
		k.SetOptions(func(o *sandbox.Options) { *o = sandbox.Options{} })
		seen[r.method] = append(seen[r.method], got.Code)
	}
	if after := k.Truth(); fmt.Sprint(before) != fmt.Sprint(after) {
		t.Error("a refused request has changed the company")
	}
	outOfReach := func(method string, code int) bool {
		return slices.ContainsFunc(beyond, func(u unreachable) bool {
			return (u.method == "" || u.method == method) && slices.Contains(u.codes, code)
		})
	}
	for _, method := range slices.Sorted(maps.Keys(documented)) {
		for _, code := range documented[method] {
			if answered, beyond := slices.Contains(seen[method], code), outOfReach(method, code); answered == beyond {
				t.Errorf("%s documents %d: answered %v, said to be out of reach %v", method, code, answered, beyond)
			}
		}
	}
}

// codes reads a list of codes as the documents write it.
func codes(text string) []int {
	var out []int
	for word := range strings.FieldsSeq(text) {
		var code int
		if _, err := fmt.Sscanf(word, "%d", &code); err != nil {
			panic(err)
		}
		out = append(out, code)
	}
	return out
}

// with is an object with some keys set or, where the value is nil, left out.
func with(base, more object) object {
	out := maps.Clone(base)
	for key, value := range more {
		if value == nil {
			delete(out, key)
		} else {
			out[key] = value
		}
	}
	return out
}

// fields are the words of a text, sorted.
func fields(text string) []string { return slices.Sorted(strings.FieldsSeq(text)) }
