package crawl

import "testing"

func TestMaxRemovals(t *testing.T) {
	t.Parallel()
	cases := []struct {
		flag             string
		candidates, live int64
		held             bool
	}{
		{"", 20, 100, false},
		{"", 21, 100, true},
		{"", 500, 10_000, false},
		{"", 501, 10_000, true},
		{"", 1, 1, false}, // the only one
		{"", 2, 2, true},  // all
		{"", 15, 15, true},
		{"", 14, 15, false},
		{"0", 1, 100, true},
		{"0", 0, 100, false},
		{"40", 40, 100, false},
		{"40", 41, 100, true},
		{"2.5%", 2, 100, false},
		{"2.5%", 3, 100, true},
		{"100%", 99, 100, false},
		{"100%", 100, 100, true},
	}
	for _, c := range cases {
		m, err := ParseMaxRemovals(c.flag)
		if err != nil {
			t.Errorf("ParseMaxRemovals(%q): %v", c.flag, err)
		}
		if got := m.holds(c.candidates, c.live); got != c.held {
			t.Errorf("with %q, %d of %d held = %v, want %v", c.flag, c.candidates, c.live, got, c.held)
		}
	}
	for _, flag := range []string{"x", "-1", "101%", "-1%", "5 %", "NaN%", "%", "1.5"} {
		if m, err := ParseMaxRemovals(flag); err == nil {
			t.Errorf("ParseMaxRemovals(%q) = %+v, want an error", flag, m)
		}
	}
}
