package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Request is one call to the contact service, as the history keeps it: without
// bodies, tokens and secrets.
type Request struct {
	Number     int                 `json:"number"` // counted from the start
	Time       time.Time           `json:"time"`   // by the service's clock
	App        string              `json:"app_id,omitempty"`
	Endpoint   string              `json:"endpoint"` // "other" where nothing answers
	Path       string              `json:"path,omitempty"`
	Params     map[string]string   `json:"params,omitempty"` // of the path
	Query      map[string][]string `json:"query,omitempty"`  // page tokens are shortened
	Status     int                 `json:"status"`           // HTTP; 0 where the caller left before the answer
	Code       int                 `json:"code"`             // Feishu's; -1 a body without a code
	Fault      string              `json:"fault,omitempty"`  // id of the fault that the call met
	DurationMS float64             `json:"duration_ms"`
}

// HistoryFilter picks requests. Its zero value picks all.
type HistoryFilter struct {
	Endpoint string // a name or a pattern, as in Fault
	App      string
	Code     *int
	Last     int // at most so many, the last ones; 0 is no limit
}

// The bounds of what is kept.
const (
	historyLength = 1000
	longestValue  = 128
	mostValues    = 64
)

// history is a ring of the last requests.
type history struct {
	mu    sync.Mutex
	ring  []Request
	count int // of all since the start or the last clear
}

func (h *history) add(c *call, a answer, took time.Duration) {
	r := Request{
		Time: c.now, App: short(c.from), Endpoint: c.endpoint.name, Params: shortParams(c.params), Query: shortQuery(c.query),
		Status: a.status, Code: a.code, DurationMS: float64(took.Microseconds()) / 1000,
	}
	if c.fault != nil {
		r.Fault = c.fault.ID
	}
	h.put(r)
}

// addUnknown keeps a call to nothing that is here.
func (h *history) addUnknown(r *http.Request, a answer, now time.Time) {
	h.put(Request{Time: now, Endpoint: unrouted, Path: short(r.Method + " " + r.URL.Path), Status: a.status, Code: a.code})
}

func (h *history) put(r Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count++
	r.Number = h.count
	if len(h.ring) < historyLength {
		h.ring = append(h.ring, r)
		return
	}
	h.ring[(h.count-1)%historyLength] = r
}

func (h *history) clear() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ring, h.count = nil, 0
}

// list is what a filter picks, the oldest first.
func (h *history) list(f HistoryFilter) []Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	start := 0
	if h.count > len(h.ring) {
		start = h.count % historyLength
	}
	out := []Request{}
	for i := range h.ring {
		r := h.ring[(start+i)%len(h.ring)]
		switch {
		case f.App != "" && f.App != r.App,
			f.Code != nil && *f.Code != r.Code,
			f.Endpoint != "" && f.Endpoint != r.Endpoint && !names(f.Endpoint, r.Endpoint):
			continue
		}
		out = append(out, r)
	}
	if f.Last > 0 && len(out) > f.Last {
		out = out[len(out)-f.Last:]
	}
	return out
}

// shortQuery copies a query without what is too long to be looked at.
func shortQuery(query url.Values) map[string][]string {
	if len(query) == 0 {
		return nil
	}
	out := make(map[string][]string, min(len(query), mostValues))
	for name, values := range query {
		if len(out) == mostValues {
			break
		}
		values = slices.Clone(values[:min(len(values), mostValues)])
		for i, v := range values {
			if name == "page_token" && len(v) > 12 {
				v = v[:12] + "…"
			}
			values[i] = short(v)
		}
		out[short(name)] = values
	}
	return out
}

func shortParams(params map[string]string) map[string]string {
	if len(params) == 0 {
		return nil
	}
	out := make(map[string]string, len(params))
	for name, v := range params {
		out[name] = short(v)
	}
	return out
}

func short(s string) string {
	if len(s) <= longestValue {
		return s
	}
	return strings.ToValidUTF8(s[:longestValue], "") + "…"
}

// History lists the last requests, the oldest first. It keeps a thousand.
func (s *Server) History(f HistoryFilter) []Request { return s.history.list(f) }

// ClearHistory forgets all requests.
func (s *Server) ClearHistory() { s.history.clear() }

func (s *Server) historyControls(on route) {
	on("GET /history", func(r *http.Request) (any, error) {
		q := r.URL.Query()
		f := HistoryFilter{Endpoint: q.Get("endpoint"), App: q.Get("app_id")}
		if text := q.Get("code"); text != "" {
			code, err := strconv.Atoi(text)
			if err != nil {
				return nil, refuseWith(codeParam, "code must be a number")
			}
			f.Code = &code
		}
		if text := q.Get("last"); text != "" {
			last, err := strconv.Atoi(text)
			if err != nil || last < 1 {
				return nil, refuseWith(codeParam, "last must be a number from 1")
			}
			f.Last = last
		}
		return s.History(f), nil
	})
	on("DELETE /history", func(*http.Request) (any, error) { s.ClearHistory(); return nil, nil })
}
