package longconn

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// What the official SDK sends over the wire, as it was recorded.
const (
	wirePing = "08001000182120002a0c0a0474797065120470696e6732003a004a00"
	wireData = "08011002182120012a0d0a047479706512056576656e742a100a0a6d6573736167655f696412026d312a080a0373756d1201312a080a0373657112013032003a0042027b7d4a00"
)

func TestFramesAreThoseOfTheSDK(t *testing.T) {
	t.Parallel()
	if got := hex.EncodeToString(pingFrame(33).marshal()); got != wirePing {
		t.Errorf("ping %s\nwant %s", got, wirePing)
	}
	wire, err := hex.DecodeString(wireData)
	if err != nil {
		t.Fatal(err)
	}
	want := frame{
		seqID: 1, logID: 2, service: 33, method: methodData, payload: []byte("{}"),
		headers: []header{{headerType, typeEvent}, {headerMessageID, "m1"}, {headerSum, "1"}, {headerSeq, "0"}},
	}
	got, err := unmarshal(wire)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(frame{}, header{})); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
	if again := got.marshal(); !bytes.Equal(again, wire) {
		t.Errorf("written again: %x", again)
	}

	// The acknowledgement is the same frame, with one header more.
	ack := got.reply([]byte(`{"code":200}`), 7)
	if ack.header(headerBizRT) != "7" || ack.header(headerMessageID) != "m1" || ack.logID != 2 || len(got.headers) != 4 {
		t.Errorf("ack %+v", ack)
	}
}

func TestAnyFrameComesBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.Rune())
		want := frame{
			seqID: rapid.Uint64().Draw(t, "seqID"), logID: rapid.Uint64().Draw(t, "logID"),
			service: rapid.Int32().Draw(t, "service"), method: rapid.Int32().Draw(t, "method"),
			payloadEncoding: text.Draw(t, "encoding"), payloadType: text.Draw(t, "type"), logIDNew: text.Draw(t, "logIDNew"),
			payload: rapid.SliceOf(rapid.Byte()).Draw(t, "payload"),
		}
		for range rapid.IntRange(0, 5).Draw(t, "headers") {
			want.headers = append(want.headers, header{text.Draw(t, "key"), text.Draw(t, "value")})
		}
		got, err := unmarshal(want.marshal())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(frame{}, header{})); diff != "" {
			t.Fatalf("mismatch (-want +got):\n%s", diff)
		}
	})
}

// FuzzUnmarshal: no bytes panic, and what was understood is understood again.
func FuzzUnmarshal(f *testing.F) {
	for _, wire := range []string{wirePing, wireData, "", "08", "2a", "420a01", "ffffffffffffffffffff01"} {
		b, err := hex.DecodeString(wire)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := unmarshal(b)
		if err != nil {
			return
		}
		again, err := unmarshal(got.marshal())
		if diff := cmp.Diff(got, again, cmp.AllowUnexported(frame{}, header{})); err != nil || diff != "" {
			t.Errorf("%v: (-first +again)\n%s", err, diff)
		}
	})
}

// chunk is one frame of a message in several.
func chunk(id, sum, seq, payload string) frame {
	return frame{method: methodData, payload: []byte(payload), headers: []header{
		{headerType, typeEvent}, {headerMessageID, id}, {headerSum, sum}, {headerSeq, seq},
	}}
}

func TestChunks(t *testing.T) {
	t.Parallel()
	start := time.Now()
	type step struct {
		f     frame
		after time.Duration
		want  string // the whole message; empty: not yet
	}
	cases := map[string][]step{
		"one frame":                        {{chunk("a", "1", "0", "x"), 0, "x"}},
		"no sum":                           {{chunk("a", "", "", "x"), 0, "x"}},
		"in order":                         {{chunk("a", "3", "0", "x"), 0, ""}, {chunk("a", "3", "1", "y"), 0, ""}, {chunk("a", "3", "2", "z"), 0, "xyz"}},
		"backwards":                        {{chunk("a", "3", "2", "z"), 0, ""}, {chunk("a", "3", "1", "y"), 0, ""}, {chunk("a", "3", "0", "x"), 0, "xyz"}},
		"one of them twice":                {{chunk("a", "2", "0", "x"), 0, ""}, {chunk("a", "2", "0", "x"), 0, ""}, {chunk("a", "2", "1", "y"), 0, "xy"}},
		"an empty one":                     {{chunk("a", "2", "0", "x"), 0, ""}, {chunk("a", "2", "1", ""), 0, "x"}},
		"two messages at once":             {{chunk("a", "2", "0", "x"), 0, ""}, {chunk("b", "2", "0", "1"), 0, ""}, {chunk("b", "2", "1", "2"), 0, "12"}, {chunk("a", "2", "1", "y"), 0, "xy"}},
		"too late":                         {{chunk("a", "2", "0", "x"), 0, ""}, {chunk("a", "2", "1", "y"), time.Minute, ""}},
		"slowly":                           {{chunk("a", "3", "0", "x"), 0, ""}, {chunk("a", "3", "1", "y"), 9 * time.Second, ""}, {chunk("a", "3", "2", "z"), 18 * time.Second, "xyz"}},
		"again after it was whole":         {{chunk("a", "2", "0", "x"), 0, ""}, {chunk("a", "2", "1", "y"), 0, "xy"}, {chunk("a", "2", "0", "x"), 0, ""}, {chunk("a", "2", "1", "y"), 0, "xy"}},
		"a place that there is not":        {{chunk("a", "2", "2", "x"), 0, ""}, {chunk("a", "2", "-1", "x"), 0, ""}, {chunk("a", "2", "0", "x"), 0, ""}, {chunk("a", "2", "1", "y"), 0, "xy"}},
		"more than anybody sends":          {{chunk("a", "2000000000", "0", "x"), 0, ""}},
		"another number of them meanwhile": {{chunk("a", "2", "0", "x"), 0, ""}, {chunk("a", "3", "1", "y"), 0, ""}, {chunk("a", "3", "0", "x"), 0, ""}, {chunk("a", "3", "2", "z"), 0, "xyz"}},
	}
	for name, steps := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var c chunks
			for i, s := range steps {
				got, whole := c.add(s.f, start.Add(s.after))
				if string(got) != s.want || whole != (s.want != "") {
					t.Errorf("step %d: %q, %v, want %q", i, got, whole, s.want)
				}
			}
		})
	}
}

// What is never completed does not pile up.
func TestChunksAreBounded(t *testing.T) {
	t.Parallel()
	var c chunks
	now := time.Now()
	for i := range 3 * maxPartial {
		c.add(chunk(strings.Repeat("x", i), "2", "0", "x"), now.Add(time.Duration(i)))
	}
	if len(c.partial) > maxPartial {
		t.Errorf("%d messages are waited for", len(c.partial))
	}
	if got, whole := c.add(chunk(strings.Repeat("x", 3*maxPartial-1), "2", "1", "y"), now.Add(time.Second)); !whole || string(got) != "xy" {
		t.Errorf("the newest was dropped: %q", got)
	}
	large := strings.Repeat("x", maxPartialAll/2+1)
	c.add(chunk("large", "3", "0", large), now)
	c.add(chunk("large", "3", "1", large), now)
	if c.partial["large"] != nil {
		t.Error("a message over the limit is kept")
	}
}

func TestPauses(t *testing.T) {
	t.Parallel()
	p := Pauses{First: time.Second, Most: time.Minute}
	for failures, most := range map[int]time.Duration{0: time.Second, 1: time.Second, 2: 2 * time.Second, 4: 8 * time.Second, 7: time.Minute, 1 << 30: time.Minute} {
		for range 50 {
			if d := p.after(failures); d < most/2 || d > most {
				t.Errorf("%s after %d failures, want between %s and %s", d, failures, most/2, most)
			}
		}
	}
}
