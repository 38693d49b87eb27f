package report

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/orgmirror/orgmirror/internal/crawl"
)

// quiet is how long nothing is said where progress is written in lines.
const quiet = 5 * time.Second

// Progress shows how far a walk is: a bar on a terminal, else a line every few
// seconds. Its methods are called by one goroutine at a time.
type Progress struct {
	w     io.Writer
	bar   *progressbar.ProgressBar // nil where w is no terminal
	now   func() time.Time
	spoke time.Time
	last  crawl.Progress
}

// NewProgress makes a display of progress on w.
func NewProgress(w io.Writer) *Progress {
	p := &Progress{w: w, now: time.Now}
	if IsTerminal(w) {
		p.bar = newBar(w)
	}
	p.spoke = p.now()
	return p
}

// IsTerminal reports whether a person watches what is written.
func IsTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

func newBar(w io.Writer) *progressbar.ProgressBar {
	return progressbar.NewOptions64(1,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetWidth(24),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetPredictTime(false), // ours knows that the total still grows
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionShowDescriptionAtLineEnd(),
		progressbar.OptionClearOnFinish(),
	)
}

// Update takes note of how far the walk is.
func (p *Progress) Update(now crawl.Progress) {
	p.last = now
	if p.bar != nil {
		// The bar is full, and gone, at its maximum; the walk decides when that is.
		p.bar.ChangeMax64(now.DepartmentsTotal + 1)
		p.bar.Describe(describe(now))
		_ = p.bar.Set64(now.DepartmentsDone) // fails only above the maximum
		return
	}
	if p.now().Sub(p.spoke) >= quiet {
		p.spoke = p.now()
		fmt.Fprintln(p.w, describe(now))
	}
}

// Done takes the bar away: what came of the walk is said elsewhere.
func (p *Progress) Done() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

func describe(p crawl.Progress) string {
	total := fmt.Sprint(p.DepartmentsTotal)
	if p.Listing {
		total += "+" // more are being found
	}
	text := fmt.Sprintf("departments %d/%s, people %d, calls %d", p.DepartmentsDone, total, p.People, p.Calls)
	if p.ETA > 0 {
		text += ", about " + duration(p.ETA) + " left"
	}
	return text
}

// duration is a time as a person says it: 0.4s, 12s, 3m20s.
func duration(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
