package longconn

import (
	"bytes"
	"time"
)

const (
	chunkTimeout  = 10 * time.Second // from one chunk to the next; Feishu's own clients wait 5 s
	maxChunks     = 1024             // of one message
	maxPartial    = 64               // messages that are waited for at once
	maxPartialAll = 16 << 20         // bytes of one message
)

// chunks puts messages together that came in several frames. It belongs to the
// one goroutine that reads.
type chunks struct {
	partial map[string]*partial
}

type partial struct {
	parts [][]byte
	here  []bool
	left  int
	size  int
	last  time.Time
}

// add returns the message when its last chunk has come. A chunk that fits
// nothing is dropped: without an answer the whole message comes again.
func (c *chunks) add(f frame, now time.Time) (payload []byte, whole bool) {
	sum, seq := f.number(headerSum), f.number(headerSeq)
	if sum <= 1 {
		return f.payload, true
	}
	c.forget(now)
	if sum > maxChunks || seq < 0 || seq >= sum {
		return nil, false
	}
	id := f.header(headerMessageID)
	p := c.partial[id]
	if p == nil || len(p.parts) != sum {
		p = &partial{parts: make([][]byte, sum), here: make([]bool, sum), left: sum}
		c.put(id, p)
	}
	if !p.here[seq] {
		p.here[seq] = true
		p.left--
	}
	p.size += len(f.payload) - len(p.parts[seq])
	p.parts[seq] = f.payload
	p.last = now
	if p.size > maxPartialAll {
		delete(c.partial, id)
		return nil, false
	}
	if p.left > 0 {
		return nil, false
	}
	delete(c.partial, id)
	return bytes.Join(p.parts, nil), true
}

// put makes room for one more message: the one that has waited longest goes.
func (c *chunks) put(id string, p *partial) {
	if c.partial == nil {
		c.partial = map[string]*partial{}
	}
	if len(c.partial) >= maxPartial {
		var oldest string
		for id, p := range c.partial {
			if o := c.partial[oldest]; o == nil || p.last.Before(o.last) {
				oldest = id
			}
		}
		delete(c.partial, oldest)
	}
	c.partial[id] = p
}

func (c *chunks) forget(now time.Time) {
	for id, p := range c.partial {
		if now.Sub(p.last) > chunkTimeout {
			delete(c.partial, id)
		}
	}
}
