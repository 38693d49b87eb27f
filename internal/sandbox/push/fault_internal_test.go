package push

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFaultsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for _, f := range []Fault{
		{},
		{Count: 2, Skip: 1},
		{Lose: true, Endpoint: &EndpointFault{Code: 1}},
		{Endpoint: &EndpointFault{Code: 1}, Handshake: &HandshakeFault{Status: 403}},
		{Endpoint: &EndpointFault{Code: 1}, EventType: "x"},
		{Lose: true, Probability: 1.5},
		{Lose: true, Probability: -0.1},
		{Lose: true, DelayMS: -1},
		{Field: "object.name"},
		{Field: "object.name", Value: json.RawMessage(`{`)},
		{Socket: "burnt"},
	} {
		var fs faults
		if err := fs.add(f); err == nil {
			t.Errorf("%+v is taken", f)
		}
	}
}

func TestWhichEventsAFaultHits(t *testing.T) {
	t.Parallel()
	hits := func(f Fault, n int) string {
		f.Lose = f.Field == ""
		var fs faults
		if err := fs.add(f); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		for i := range n {
			e := Event{Type: []string{"a", "b"}[i%2], Payload: json.RawMessage(fmt.Sprintf(`{"n":%d}`, i))}
			before := string(e.Payload)
			got := fs.event([]string{"x", "y"}[i/2%2], &e)
			switch {
			case f.Field != "" && before != string(e.Payload), got.Lose:
				out.WriteByte('!')
			default:
				out.WriteByte('.')
			}
		}
		return out.String()
	}
	for _, c := range []struct {
		name  string
		fault Fault
		want  string
	}{
		{"one by default", Fault{}, "!......."},
		{"by count", Fault{Count: 3}, "!!!....."},
		{"until told to stop", Fault{Count: -1}, "!!!!!!!!"},
		{"after some", Fault{Skip: 3, Count: 2}, "...!!..."},
		{"by type", Fault{EventType: "b", Count: -1}, ".!.!.!.!"},
		{"by app", Fault{AppID: "y", Count: -1}, "..!!..!!"},
		{"by content", Fault{Match: `"n":5`, Count: -1}, ".....!.."},
		{"by a field that is there", Fault{Field: "n", Value: json.RawMessage(`"x"`), Count: -1}, "!!!!!!!!"},
		{"by a field that is not there", Fault{Field: "object.n", Value: json.RawMessage(`"x"`)}, "........"},
	} {
		if got := hits(c.fault, 8); got != c.want {
			t.Errorf("%s: hits %s, want %s", c.name, got, c.want)
		}
	}
	often := hits(Fault{Probability: 0.3, Seed: 7, Count: -1}, 1000)
	if n := strings.Count(often, "!"); n < 200 || n > 400 {
		t.Errorf("of 1000 events, %d are hit with a probability of 0.3", n)
	}
	if again := hits(Fault{Probability: 0.3, Seed: 7, Count: -1}, 1000); again != often {
		t.Error("the same seed hits others")
	}
	if other := hits(Fault{Probability: 0.3, Seed: 8, Count: -1}, 1000); other == often {
		t.Error("another seed hits the same ones")
	}
}

func TestTheFirstFaultHasTheEvent(t *testing.T) {
	t.Parallel()
	var fs faults
	for _, f := range []Fault{
		{EventType: "b", Lose: true},
		{Duplicates: 2, Count: 2},
		{Endpoint: &EndpointFault{Code: 1}, AppID: "x"},
		{Handshake: &HandshakeFault{Status: 514}},
	} {
		if err := fs.add(f); err != nil {
			t.Fatal(err)
		}
	}
	var got []Fault
	for _, kind := range []string{"a", "b", "b", "b"} {
		got = append(got, fs.event("x", &Event{Type: kind}))
	}
	if !got[1].Lose || got[0].Duplicates != 2 || got[2].Duplicates != 2 || got[3].Lose || got[3].Duplicates != 0 {
		t.Errorf("hits %+v", got)
	}
	if fs.endpoint("y") != nil || fs.endpoint("x") == nil || fs.endpoint("x") != nil || fs.handshake("y") == nil {
		t.Error("faults of clients hit the wrong ones")
	}
	if left := fs.all(); len(left) != 0 {
		t.Errorf("left: %+v", left)
	}
	if err := fs.add(Fault{Lose: true, Count: -1}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Fault{{Lose: true, Count: -1}}, fs.all()); diff != "" {
		t.Errorf("mismatch (-want +got)\n%s", diff)
	}
	fs.clear()
	if got := fs.event("x", &Event{}); got.Lose {
		t.Error("a fault that was cleared hits")
	}
}
