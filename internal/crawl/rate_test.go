package crawl

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestSchedule makes random demands, and checks every window of the slots that
// came of them, each slot used as late as it may be.
func TestSchedule(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rate := Rate{PerSecond: rapid.IntRange(2, 60).Draw(t, "per second"), PerMinute: rapid.IntRange(25, 300).Draw(t, "per minute")}
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		var blocks []block
		var slots []time.Time
		for range rapid.IntRange(1, 40).Draw(t, "demands") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "pause ms")) * time.Millisecond)
			n := rapid.IntRange(1, blockSize).Draw(t, "calls")
			at, n := rate.schedule(now, blocks, n)
			if at.Before(now) || n < 1 {
				t.Fatalf("%d calls at %v, now is %v", n, at, now)
			}
			blocks = append(blocks, block{calls: n, from: at, to: at.Add(time.Duration(n) * rate.spacing())})
			for i := range n {
				slots = append(slots, at.Add(time.Duration(i)*rate.spacing()))
			}
		}
		for i, from := range slots {
			inSecond, inMinute := 0, 0
			for _, s := range slots[i:] {
				if s.Sub(from) < time.Second+grace {
					inSecond++
				}
				if s.Sub(from) < time.Minute+grace {
					inMinute++
				}
			}
			if inSecond > rate.PerSecond || inMinute > rate.PerMinute {
				t.Fatalf("%d calls in a second, %d in a minute; the rate is %+v", inSecond, inMinute, rate)
			}
		}
	})
}
