package compat

import (
	"net/http"
	"strconv"
)

// Headers of our own. X-Mirror-At-Least asks for an answer that shows a position
// of the log, or a consistency token of the other API, and waits for it; the
// others say what an answer shows: the position, for how many seconds a record
// has been waiting to be in it, and of which app its open_ids are.
const (
	headerAtLeast   = "X-Mirror-At-Least"
	headerPosition  = "X-Mirror-Position"
	headerStaleness = "X-Mirror-Staleness"
	headerOpenIDApp = "X-Mirror-Open-Id-App"
)

func (c *call) headers(h http.Header) {
	h.Set("X-Tt-Logid", c.logID)
	h.Set("X-Request-Id", c.logID)
	h.Set("Cache-Control", "no-store") // it is personal data
	h.Set("X-Content-Type-Options", "nosniff")
	if c.method.name == other.name || c.method.open {
		return
	}
	if app := c.service.AppID(c.ctx); app != "" {
		h.Set(headerOpenIDApp, app)
	}
	if c.age != nil {
		h.Set(headerPosition, strconv.FormatInt(c.age.Position, 10))
		h.Set(headerStaleness, strconv.FormatFloat(c.age.Staleness.Seconds(), 'f', 3, 64))
	}
}
