package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// route adds a control: what h returns is the answer.
type route func(pattern string, h func(r *http.Request) (any, error))

// controls routes the control API, which the package comment describes.
func (s *Server) controls() http.Handler {
	mux := http.NewServeMux()
	var patterns []string
	on := func(pattern string, h func(r *http.Request) (any, error)) {
		patterns = append(patterns, pattern)
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			v, err := h(r)
			answerControl(w, v, err)
		})
	}
	s.entityControls(on)
	s.faultControls(on)
	s.historyControls(on)
	s.lifeControls(on)
	s.scenarioControls(on)
	s.appControls(on)
	s.resourceControls(on)
	s.eventControls(on)
	on("GET /stats", func(*http.Request) (any, error) { return s.Stats(), nil })
	on("DELETE /stats", func(*http.Request) (any, error) { s.ResetStats(); return nil, nil })
	on("PATCH /settings", s.patchSettings)
	on("GET /options", func(*http.Request) (any, error) { return s.Options(), nil })
	on("PATCH /options", s.patchOptions)
	on("GET /", func(r *http.Request) (any, error) { return s.overview(r.URL.Path, patterns) })
	return mux
}

// answerControl writes what a control returned: 200 with JSON, or the error
// with 404 for what is unknown, Feishu's status for Feishu's codes, else 400.
func answerControl(w http.ResponseWriter, v any, err error) {
	status := http.StatusOK
	if v == nil {
		v = struct{}{}
	}
	if err != nil {
		status = http.StatusBadRequest
		body := map[string]any{"error": err.Error()}
		var refused *Error
		switch {
		case errors.As(err, &refused):
			status = refused.Status
			body["code"], body["msg"] = refused.Code, refused.Msg
		case errors.Is(err, ErrUnknown):
			status = http.StatusNotFound
		}
		v = body
	}
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the caller may have gone
}

func body(r *http.Request) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	return raw, nil
}

func decode(r *http.Request, v any) error {
	raw, err := body(r)
	if err != nil {
		return err
	}
	return merge(raw, v)
}

// merge decodes JSON over what v holds already. A name that is not one of v's
// is an error, so that a misspelt field does not pass for a change.
func merge(raw []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("decode body: %w", err)
	}
	return nil
}

// overview says what is here. It also gets the calls that no control answers.
func (s *Server) overview(path string, controls []string) (any, error) {
	if path != "/" {
		return nil, errUnknown("control", path)
	}
	var names []string
	for _, e := range s.endpoints {
		names = append(names, e.name)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return map[string]any{
		"url": s.url, "app_id": s.cfg.AppID, "tenant_key": s.cfg.TenantKey, "endpoints": names, "controls": controls,
		"users": len(s.org.users), "departments": len(s.org.departments) - 1,
		"settings": map[string]any{"rate_limits": s.rateLimits, "big_department": s.bigDepartment, "clock_skew_ms": s.skew.Load() / int64(time.Millisecond)},
	}, nil
}

func (s *Server) putOverride(r *http.Request) (any, error) {
	raw, err := body(r)
	if err != nil {
		return nil, err
	}
	id := r.PathValue("id")
	if Kind(r.PathValue("kind")) == KindTenant {
		id = "" // there is one tenant only
	}
	return nil, s.OverrideField(Kind(r.PathValue("kind")), id, r.PathValue("field"), raw)
}

// endpointBody is the body of the permission controls.
type endpointBody struct {
	Endpoint string `json:"endpoint"`
}

func (s *Server) postRevoke(r *http.Request) (any, error) {
	var b endpointBody
	if err := decode(r, &b); err != nil {
		return nil, err
	}
	return nil, s.RevokePermission(b.Endpoint)
}

func (s *Server) postGrant(r *http.Request) (any, error) {
	var b endpointBody
	if err := decode(r, &b); err != nil {
		return nil, err
	}
	s.GrantPermission(b.Endpoint)
	return nil, nil
}

func (s *Server) patchSettings(r *http.Request) (any, error) {
	var b struct {
		RateLimits    *bool `json:"rate_limits"`
		BigDepartment *int  `json:"big_department"`
		ClockSkewMS   *int  `json:"clock_skew_ms"`
	}
	if err := decode(r, &b); err != nil {
		return nil, err
	}
	if b.RateLimits != nil {
		s.SetRateLimits(*b.RateLimits)
	}
	if b.BigDepartment != nil {
		s.SetBigDepartment(*b.BigDepartment)
	}
	if b.ClockSkewMS != nil {
		s.SetClockSkew(time.Duration(*b.ClockSkewMS) * time.Millisecond)
	}
	return nil, nil
}

func (s *Server) patchOptions(r *http.Request) (any, error) {
	raw, err := body(r)
	if err != nil {
		return nil, err
	}
	s.SetOptions(func(o *Options) {
		next := *o
		if err = merge(raw, &next); err == nil {
			*o = next
		}
	})
	return s.Options(), err
}
