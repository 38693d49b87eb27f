package crawl

import (
	"errors"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/feishu"
)

func TestRereadsTakeTheirShareBesideAWalk(t *testing.T) {
	t.Parallel()
	rates, err := ParseRates("40/s,1200/m") // twenty a second in the long run
	if err != nil {
		t.Fatal(err)
	}
	p := newPace(rates)
	began := time.Now()
	for range 5 {
		if err := p.take(t.Context(), feishu.EndpointUsersBatch); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took < 400*time.Millisecond { // four gaps of a tenth of a second
		t.Errorf("five calls in %v", took)
	}
	var alone *pace
	if err := alone.take(t.Context(), feishu.EndpointUsersBatch); err != nil {
		t.Error(err)
	}
}

func TestParsePolicy(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Policy{"": RereadIncomplete, "never": RereadNever, "incomplete": RereadIncomplete, "always": RereadAlways} {
		if got, err := ParsePolicy(text); err != nil || got != want {
			t.Errorf("%q is %q, %v", text, got, err)
		}
	}
	if _, err := ParsePolicy("sometimes"); err == nil {
		t.Error("sometimes is a policy")
	}
}

// What the database or the network says is no refusal of Feishu's.
func TestOnlyFeishuRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want bool
	}{
		{errors.New("network"), false},
		{&feishu.Error{Code: 0, HTTPStatus: 502}, false},
		{&feishu.Error{Code: 41012, HTTPStatus: 400}, true},
		{&feishu.Error{Code: 41050, HTTPStatus: 403}, false},
		{&feishu.Error{Code: 99991403, HTTPStatus: 400}, false},
		{&feishu.Error{Code: 99991663, HTTPStatus: 400}, false},
	} {
		if got := refused(c.err); got != c.want {
			t.Errorf("refused(%v) = %v", c.err, got)
		}
	}
}
