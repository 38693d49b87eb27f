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
	// maxEmptyPages is how many pages in a row may be empty. The app may not see
	// all that Feishu puts on them, but lists are read of departments that it sees.
	maxEmptyPages = 100
	// maxSamePages is how often in a row the same page may come.
	maxSamePages = 10
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
	most := maxSamePages
	if len(items) == 0 {
		most = maxEmptyPages
	}
	if more && s.pages >= most {
		return s, fmt.Errorf("%w (%d pages)", ErrEndless, s.pages)
	}
	return s, nil
}
