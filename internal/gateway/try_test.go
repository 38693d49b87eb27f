package gateway_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// The page is whole without anybody's server but ours.
func TestPageToTry(t *testing.T) {
	t.Parallel()
	page := ask(t, nil, http.MethodGet, "/docs/", nil)
	if page.status != http.StatusOK || !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") || !strings.Contains(page.body, "/openapi.json") {
		t.Fatalf("%d %s\n%s", page.status, page.header.Get("Content-Type"), page.body)
	}
	policy := page.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %s", policy, want)
		}
	}
	if strings.Contains(policy, "http") || strings.Contains(policy, "*") {
		t.Errorf("policy %q lets others in", policy)
	}
	parts := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page.body, -1)
	if len(parts) < 3 {
		t.Errorf("the page has only the parts %v", parts)
	}
	for _, part := range parts {
		if !strings.HasPrefix(part[1], "/docs/") {
			t.Errorf("the page loads %s from elsewhere", part[1])
			continue
		}
		if got := ask(t, nil, http.MethodGet, part[1], nil); got.status != http.StatusOK || len(got.body) < 100 {
			t.Errorf("%s: %d, %d bytes", part[1], got.status, len(got.body))
		}
	}
	if got := ask(t, nil, http.MethodGet, "/docs/nothing.js", nil); got.status != http.StatusNotFound {
		t.Errorf("a part that is not there: %d", got.status)
	}
	if got := ask(t, nil, http.MethodGet, "/docs/?proxy=http://127.0.0.1:1/", nil); got.status != http.StatusOK || got.body != page.body {
		t.Errorf("the page asks others: %d %s", got.status, got.body)
	}
	if got := ask(t, nil, http.MethodGet, "/docs", nil); got.status != http.StatusOK || got.body != page.body {
		t.Errorf("/docs: %d", got.status) // by a redirect
	}
}
