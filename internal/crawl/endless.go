package crawl

import (
	"errors"
	"fmt"
	"hash/crc32"
)

// ErrEndless is the answer where a list does not come to an end, whatever its
// pages promise.
var ErrEndless = errors.New("a list does not come to an end: Feishu promises more with each page and shows nothing new; the next run goes on from there")

const (
	// maxIdlePages is how many pages in a row may bring nothing. Empty ones are
	// right where the app may not see what is on them; the longest list, of 30 000
	// departments, has 600.
	maxIdlePages = 1000
	// maxRestarts is how often one run begins a list anew because its page token
	// was refused.
	maxRestarts = 3
)

// stall is how many pages of a list, up to the last one, brought nothing: empty
// ones, and the same again.
type stall struct {
	pages int
	last  uint32 // checksum of the last page that held something
}

// after takes in a page. Where there is no more to come nothing is endless.
func after[T ~string | ~[]byte](s stall, more bool, items []T) (stall, error) {
	sum := s.last
	if len(items) > 0 {
		sum = 0
		for _, item := range items {
			sum = crc32.Update(sum, crc32.IEEETable, []byte(item))
		}
	}
	if sum != s.last {
		return stall{last: sum}, nil
	}
	s.pages++
	if more && s.pages >= maxIdlePages {
		return s, fmt.Errorf("%w (%d pages)", ErrEndless, s.pages)
	}
	return s, nil
}
