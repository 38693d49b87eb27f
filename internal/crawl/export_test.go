package crawl

import "context"

// Pass is one pass over the queue, under the crawl lock.
func (r *Rereader) Pass(ctx context.Context) error { return r.lockedPass(ctx) }
