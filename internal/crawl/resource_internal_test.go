package crawl

import (
	"testing"
	"time"
)

func TestPollIntervals(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]map[Resource]time.Duration{
		"":                    {ResourceGroups: time.Hour, ResourceUnits: 6 * time.Hour},
		UsualPollIntervals:    usualIntervals,
		"groups=15m, units=0": {ResourceGroups: 15 * time.Minute, ResourceUnits: 0, ResourceScope: time.Hour},
		"2h":                  {ResourceGroups: 2 * time.Hour, ResourceEmployeeTypes: 2 * time.Hour},
		"0":                   {ResourceGroups: 0, ResourceScope: 0},
	} {
		p, err := ParsePollIntervals(text)
		if err != nil || p.String() != text {
			t.Errorf("%q: %q, %v", text, p, err)
		}
		for r, every := range want {
			if p.of(r) != every {
				t.Errorf("%q: %s every %s, want %s", text, r, p.of(r), every)
			}
		}
	}
	for _, text := range []string{"x", "groups", "groups=", "groups=1s", "people=1h", "groups=1h,groups=2h", "-1h", "groups=1h,"} {
		if p, err := ParsePollIntervals(text); err == nil {
			t.Errorf("%q is %+v", text, p)
		}
	}
}

func TestStretch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		interval       time.Duration
		calls, monthly int64
		want           time.Duration
	}{
		{time.Hour, 1000, 0, time.Hour},
		{time.Hour, 10, 1_000_000, time.Hour},
		{time.Hour, 100, 10_000, 144 * time.Hour}, // five times in a month are 500 calls: a fifth of a quarter
		{0, 100, 10_000, 0},
		{time.Hour, 1, 1, 720 * time.Hour},
	} {
		if got := stretch(c.interval, c.calls, c.monthly); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
