package sandbox_test

import (
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func TestLifeAtARate(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 50, Departments: 8})
	status := decodeAs[sandbox.LifeStatus](t, []byte(k.wantControl("PUT", "/life", `{"per_second":500,"seed":3}`, 200)))
	if !status.Running || status.PerSecond != 500 || status.Seed != 3 || status.People != 50 || status.Departments != 8 {
		t.Errorf("life began as %+v", status)
	}
	total := func() (n int) {
		for _, times := range k.Life().Changes {
			n += times
		}
		return n
	}
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for total() < 20 {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("after a long time: %+v", k.Life())
		}
	}
	if status := decodeAs[sandbox.LifeStatus](t, []byte(k.wantControl("DELETE", "/life", "", 200))); status.Running {
		t.Errorf("after DELETE: %+v", status)
	}
	before := total()
	if made := k.wantControl("POST", "/life", `{"changes":5}`, 200); total() != before+5 {
		t.Errorf("5 changes at once: %s, in all %d after %d", made, total(), before)
	}
	for _, body := range []string{`{"per_second":0}`, `{"per_second":-1}`, `{"per_second":1e9}`, `{"rate":1}`} {
		k.wantControl("PUT", "/life", body, 400)
	}
	k.wantControl("POST", "/life", `{"changes":0}`, 400)
	// It is left running for Close to end.
	if err := k.StartLife(sandbox.Life{PerSecond: 1000}); err != nil {
		t.Fatal(err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if err := k.StartLife(sandbox.Life{PerSecond: 1}); err == nil || k.Life().Running {
		t.Error("a closed sandbox lives")
	}
}

func TestParseLife(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{"2/s": 2, "30/m": 0.5, "0.5/s": 0.5, " 36 / h ": 0.01} {
		if l, err := sandbox.ParseLife(text); err != nil || l.PerSecond != want {
			t.Errorf("%q: %+v, %v", text, l, err)
		}
	}
	for _, text := range []string{"", "2", "2/", "/s", "0/s", "-1/s", "2/d", "x/s", "NaN/s", "20000/s"} {
		if l, err := sandbox.ParseLife(text); err == nil {
			t.Errorf("%q is read as %+v", text, l)
		}
	}
}
