package push

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// chunkSpacing keeps the frames of one event apart: an SDK may lose one of two
// that arrive together.
const chunkSpacing = 5 * time.Millisecond

// sendByConnection pushes an event over one of the app's long connections: an
// ack of code 200 within the deadline is success. What a fault does to sockets
// and chunks, it does on the first push only.
func (h *Hub) sendByConnection(ctx context.Context, d *delivery, settings *Settings) error {
	h.mu.Lock()
	list := h.live(d.box.app)
	first := len(d.record.Attempts) == 0
	h.mu.Unlock()
	if len(list) == 0 {
		return errNobody
	}
	c := list[mathrand.IntN(len(list))]
	cut := chunking{bytes: cmp.Or(settings.ChunkBytes, usualChunk), gap: chunkSpacing}
	if first {
		c.breakDown(d.fault.Socket)
		if d.fault.Chunks > 0 {
			cut.count = d.fault.Chunks
			cut.gap = cmp.Or(time.Duration(d.fault.ChunkGapMS)*time.Millisecond, cut.gap)
		}
	}
	return c.push(ctx, d.event.envelope(d.box.app, ""), cut, settings.deadline())
}

// chunking is how a payload is cut.
type chunking struct {
	count int // of chunks; by bytes where it is 0
	bytes int
	gap   time.Duration
}

// cut cuts a payload into chunks, none of them empty: a client never sees the
// end of a message with an empty one.
func (k chunking) cut(payload []byte) [][]byte {
	size := k.bytes
	if k.count > 0 {
		size = max(1, (len(payload)+k.count-1)/k.count)
	}
	return slices.Collect(slices.Chunk(payload, size))
}

// push sends one event in as many frames as it takes and waits for the ack.
func (c *connection) push(ctx context.Context, payload []byte, cut chunking, deadline time.Duration) error {
	message := strings.ToLower(rand.Text()) // another one for each push: a late ack counts for nothing
	code := make(chan int, 1)
	c.mu.Lock()
	c.acks[message] = code
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.acks, message)
	}()
	if err := c.sendChunks(ctx, message, cut.cut(payload), cut.gap); err != nil {
		return err
	}
	timer := time.NewTimer(deadline)
	defer timer.Stop()
	select {
	case got := <-code:
		if got != http.StatusOK {
			return fmt.Errorf("ack %d", got)
		}
		return nil
	case <-timer.C:
		return errLate
	case <-c.gone:
		return errGone
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *connection) sendChunks(ctx context.Context, message string, chunks [][]byte, gap time.Duration) error {
	trace := strings.ToLower(rand.Text())
	now := strconv.FormatInt(c.hub.cfg.Now().UnixMilli(), 10)
	for i, chunk := range chunks {
		if i > 0 && !c.pause(ctx, gap) {
			return errGone
		}
		number := c.frames.Add(1)
		err := c.write(&frame{
			SeqID: number, LogID: number, Service: service, Method: dataFrame, Payload: chunk, LogIDNew: trace,
			Headers: []frameHeader{
				{"type", "event"},
				{"message_id", message},
				{"sum", strconv.Itoa(len(chunks))},
				{"seq", strconv.Itoa(i)},
				{"trace_id", trace},
				{"timestamp", now},
				{"instance_id", "sandbox"},
			},
		})
		if err != nil {
			return fmt.Errorf("%w: %w", errGone, err)
		}
	}
	return nil
}

// pause reports false where the connection or everything ended meanwhile.
func (c *connection) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.gone:
		return false
	case <-ctx.Done():
		return false
	}
}
