package longconn

import "time"

// State is how it stands with the connection.
type State string

// The states.
const (
	Connecting State = "connecting" // or waiting to try again
	Connected  State = "connected"
	Refused    State = "refused" // Feishu will not have us; somebody has to look
	Stopped    State = "stopped"
)

// Status is the state with what belongs to it.
type Status struct {
	State     State
	Since     time.Time // of this state
	LastFrame time.Time // when Feishu was heard last; zero: not yet
	Err       error     // why there is no connection
	Connects  int64     // connections made so far
	Breaks    int64     // connections lost so far, and attempts that failed
}

// Status tells how it stands.
func (c *Client) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

func (c *Client) set(state State, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if state == Connecting && c.status.State == Refused {
		state = Refused // until there is a connection; a failing network mends nothing
	}
	if c.status.State != state {
		c.status.State, c.status.Since = state, time.Now()
	}
	c.status.Err = err
	if state == Connected {
		c.status.Connects++
	}
	if err != nil {
		c.status.Breaks++
	}
}

// heard notes that something came in.
func (c *Client) heard() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status.LastFrame = time.Now()
}
