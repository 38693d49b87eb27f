package sandbox

import (
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"
)

// serveAPI answers one request to the contact service.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	now := s.now()
	logID := s.logIDs.next(now)
	h := w.Header()
	h.Set("X-Tt-Logid", logID)
	h.Set("X-Request-Id", logID)
	h.Set("Date", now.UTC().Format(http.TimeFormat))

	if s.servePush(w, r) {
		return
	}
	e, params := s.routes.find(r.Method, r.URL.EscapedPath())
	if e == nil {
		s.other.arrive(now)
		a := answer{status: http.StatusNotFound, code: -1, contentType: "text/plain", body: []byte("404 page not found")}
		s.other.answered(a, now)
		s.history.addUnknown(r, a, now)
		write(w, a)
		return
	}
	e.meter.arrive(now)

	buf, ok := s.buffers.Get().(*[]byte)
	if !ok {
		buf = new([]byte)
	}
	defer s.buffers.Put(buf)
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		query = url.Values{}
	}
	c := &call{server: s, endpoint: e, request: r, now: now, logID: logID, params: params, query: query, buf: *buf}
	began := time.Now() // by the real clock, whatever the service's is
	c.from = c.appID()
	c.fault = s.takeFault(c)
	a, sent := s.answerUnder(c)
	*buf = c.buf
	s.history.add(c, a, time.Since(began))
	if !sent {
		panic(http.ErrAbortHandler) // the caller went away while the fault delayed the answer
	}
	e.meter.answered(a, s.now())
	if c.fault != nil && c.fault.Cut {
		cut(w, a)
	}
	write(w, a)
}

func write(w http.ResponseWriter, a answer) {
	writeHead(w, a)
	_, _ = w.Write(a.body) // the caller may have gone; nothing to do about it
}

func writeHead(w http.ResponseWriter, a answer) {
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	for name, value := range a.headers {
		h.Set(name, value)
	}
	w.WriteHeader(a.status)
}

// cut sends half of the body and breaks the connection. It does not return.
func cut(w http.ResponseWriter, a answer) {
	writeHead(w, a)
	_, _ = w.Write(a.body[:len(a.body)/2])
	_ = http.NewResponseController(w).Flush() // half must leave before the break
	panic(http.ErrAbortHandler)
}

// logIDs numbers the requests.
type logIDs struct{ last atomic.Uint64 }

// next is a log id in Feishu's form: the time, then twenty hex digits.
func (l *logIDs) next(now time.Time) string {
	id := now.UTC().AppendFormat(make([]byte, 0, 34), "20060102150405")
	digits := strconv.FormatUint(l.last.Add(1), 16)
	const zeros = "00000000000000000000"
	id = append(id, zeros[len(digits):]...)
	return string(append(id, digits...))
}
