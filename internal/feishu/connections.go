package feishu

import (
	"context"
	"encoding/json"
	"strconv"
	"time"
)

// EndpointConnections tells how many long connections the app has.
const EndpointConnections = "GET /event/v1/connection"

// Connections asks how many clients are connected to the app's event channel
// right now, from wherever. Feishu gives each event to one of them at random.
func (c *Client) Connections(ctx context.Context) (int, error) {
	var online int
	_, err := c.do(ctx, request{
		endpoint: EndpointConnections,
		decode: func(env envelope) error {
			var wire struct {
				Online json.RawMessage `json:"online_instance_cnt"`
			}
			if absent(env.data) || json.Unmarshal(env.data, &wire) != nil {
				return errNoData
			}
			// Without the count there is no answer: zero would say that all is well.
			n, err := strconv.Atoi(text(wire.Online))
			if err != nil || n < 0 {
				return errNoData
			}
			online = n
			return nil
		},
	})
	return online, err
}

// Skew tells how much the upstream's clock is ahead of this machine's, as far as
// the answers so far tell: never more than it truly is, and less by up to a
// second and an answer's travel time. It is false before the first Date header.
func (c *Client) Skew() (ahead time.Duration, known bool) {
	c.upstream.mu.Lock()
	defer c.upstream.mu.Unlock()
	best := c.upstream.best()
	return best.low, best.known
}
