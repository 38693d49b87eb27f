package crawl

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/orgmirror/orgmirror/internal/feishu"
)

func TestTimetable(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(text string) time.Time {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		return noon.Add(d)
	}
	swept := func(begun, completed string, asked map[string]time.Time) timetable {
		return timetable{begun: at(begun), completed: at(completed), attended: at("-1000h"), asked: asked}
	}
	for name, test := range map[string]struct {
		timetable timetable
		reasons   []string
		wait      time.Duration
	}{
		"nothing is known":              {timetable{}, nil, 24 * time.Hour},
		"never swept, begun lately":     {timetable{attended: at("-1h")}, nil, 23 * time.Hour},
		"never swept, and nobody did":   {timetable{attended: at("-24h")}, []string{"interval"}, 24 * time.Hour},
		"never swept, and asked for":    {timetable{attended: at("-1h"), asked: map[string]time.Time{"scope": at("-1m")}}, nil, 23 * time.Hour},
		"swept an hour ago":             {swept("-1h", "-50m", nil), nil, 23 * time.Hour},
		"swept a day ago":               {swept("-24h", "-23h", nil), []string{"interval"}, 24 * time.Hour},
		"asked for":                     {swept("-1h", "-50m", map[string]time.Time{"scope": at("-1s"), "down": at("-30m")}), []string{"down", "scope"}, 23 * time.Hour},
		"asked for, in a moment":        {swept("-1h", "-50m", map[string]time.Time{"scope": at("11s")}), nil, 11 * time.Second},
		"asked for, and seen":           {swept("-1h", "-50m", map[string]time.Time{"scope": at("-1h")}), nil, 23 * time.Hour},
		"asked for, while it went on":   {swept("-1h", "-1m", map[string]time.Time{"scope": at("-30m")}), nil, 58 * time.Minute},
		"a sweep longer than its clock": {swept("-30h", "-1h", nil), nil, 24 * time.Hour},
	} {
		reasons, wait := test.timetable.due(noon, 24*time.Hour)
		if diff := cmp.Diff(test.reasons, reasons, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: reasons (-want +got):\n%s", name, diff)
		}
		if wait != test.wait {
			t.Errorf("%s: wait %s, want %s", name, wait, test.wait)
		}
	}
}

func TestPauseAfter(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		want time.Duration
	}{
		{errors.New("cut"), time.Minute},
		{fmt.Errorf("reserve: %w", ErrMonthlyBudget), time.Hour},
		{fmt.Errorf("read: %w", feishu.ErrQuota), time.Hour},
		{fmt.Errorf("%w (3 lists)", ErrRefused), 15 * time.Minute},
	} {
		if got := pauseAfter(test.err, time.Minute); got != test.want {
			t.Errorf("after %v: %s, want %s", test.err, got, test.want)
		}
	}
}
