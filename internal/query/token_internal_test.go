package query

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// Feishu's rule: while half an hour is left the same token comes again, with what
// is left of it; then another, and both are good until they expire.
func TestTokensAreReusedAndExpire(t *testing.T) {
	t.Parallel()
	c, err := NewClient("app", "secret", RoleReader)
	if err != nil {
		t.Fatal(err)
	}
	now, tenant := time.Unix(1_800_000_000, 0), ""
	all := newTokens(map[string]Client{"app": c}, func(context.Context, Client) []string { return []string{tenant} }, testKey)
	all.now = func() time.Time { return now }
	issue := func(want time.Duration) string {
		t.Helper()
		token, left, err := all.issue(t.Context(), c)
		if err != nil || left != want {
			t.Errorf("left %v, %v; want %v", left, err, want)
		}
		return token
	}
	good := func(token string) bool {
		_, err := all.check(t.Context(), token)
		if err != nil && !errors.Is(err, ErrToken) {
			t.Error(err)
		}
		return err == nil
	}

	unowned := issue(2 * time.Hour)
	tenant = "t" // the first record came
	if !good(unowned) {
		t.Error("a token from before the company was known is not good any more")
	}
	first := issue(2 * time.Hour)
	if first == unowned {
		t.Error("a token of no company is handed out again")
	}
	now = now.Add(90 * time.Minute)
	if again := issue(30 * time.Minute); again != first {
		t.Error("half an hour before its end another token was given out")
	}
	now = now.Add(time.Second)
	second := issue(2 * time.Hour)
	if second == first || !good(first) || !good(second) {
		t.Error("less than half an hour before the end: want another token, and both good")
	}
	now = now.Add(30*time.Minute - time.Second)
	if good(first) || !good(second) {
		t.Error("at its end a token is good, or the younger one is not")
	}
	tenant = "other"
	if good(second) {
		t.Error("a token is good for another company")
	}
}

func testKey(context.Context) ([]byte, error) { return []byte("of the database"), nil }

// A token needs both the database's key and the client's secret: one of another
// database, or of another secret, is not good.
func TestTokensOfOthers(t *testing.T) {
	t.Parallel()
	mayAsk := func(context.Context, Client) []string { return []string{"t"} }
	made := func(c Client, err error) map[string]Client {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return map[string]Client{"app": c}
	}
	hash, err := HashSecret(strings.Repeat("x", 40))
	if err != nil {
		t.Fatal(err)
	}
	plain, hashed := made(NewClient("app", "secret", RoleReader)), made(NewHashedClient(ClientSpec{ID: "app", Hash: hash, Roles: []Role{RoleReader}}))
	here := func(clients map[string]Client) *tokens { return newTokens(clients, mayAsk, testKey) }
	elsewhere := func(clients map[string]Client) *tokens {
		return newTokens(clients, mayAsk, func(context.Context) ([]byte, error) { return []byte("of another"), nil })
	}
	for _, c := range []struct {
		name         string
		makes, reads *tokens
		good         bool
	}{
		{"after a restart", here(plain), here(made(NewClient("app", "secret", RoleReader))), true},
		{"after a restart, of a hash", here(hashed), here(hashed), true},
		{"another secret", here(plain), here(made(NewClient("app", "other", RoleReader))), false},
		{"another database", elsewhere(plain), here(plain), false},
		{"another database, of a hash", elsewhere(hashed), here(hashed), false},
	} {
		token, _, err := c.makes.issue(t.Context(), c.makes.clients["app"])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.reads.check(t.Context(), token); (err == nil) != c.good {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func FuzzTokens(f *testing.F) {
	c, err := NewClient("app", "secret", RoleReader)
	if err != nil {
		f.Fatal(err)
	}
	all := newTokens(map[string]Client{"app": c}, func(context.Context, Client) []string { return []string{"t"} }, testKey)
	token, _, err := all.issue(f.Context(), c)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add(strings.Replace(token, ".", "..", 1))
	f.Add("t-")
	f.Add("t-e30.e30")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := all.check(t.Context(), text); (err == nil) != (text == token || tokenPrefix+text == token) {
			t.Errorf("%q is taken: %v", text, err)
		}
	})
}
