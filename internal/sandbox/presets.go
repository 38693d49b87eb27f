package sandbox

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Preset is a fault by name.
type Preset struct {
	Name  string `json:"name"`
	Text  string `json:"text"`
	Fault Fault  `json:"fault"`
}

// rateHeaders are what a refusal for the rate brings along.
func rateHeaders() map[string]string { return map[string]string{limitHeader: "50", resetHeader: "1"} }

// Presets are the faults that have names. {"preset":"throttle","probability":0.1}
// is enough to set one; what else is said goes before what the preset says.
func Presets() []Preset {
	const page = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
	return []Preset{
		{"slow", "an answer comes after 0.2 to 2 s", Fault{DelayMS: 200, DelayMaxMS: 2000}},
		{"throttle", "over the rate: HTTP 429, code 99991400, wait 1 s", Fault{Status: http.StatusTooManyRequests, Code: codeRateLimit, Headers: rateHeaders()}},
		{"throttle_400", "the same as older methods say it: HTTP 400", Fault{Status: http.StatusBadRequest, Code: codeRateLimit, Headers: rateHeaders()}},
		{"quota", "the month's calls are used up: code 99991403", Fault{Code: codeQuota}},
		{"server_error", "HTTP 500 with code 2200", Fault{Status: http.StatusInternalServerError, Code: codeInternal}},
		{"unavailable", "HTTP 503 with code 2200", Fault{Status: http.StatusServiceUnavailable, Code: codeInternal}},
		{"bad_gateway", "HTTP 502 with a proxy's HTML page", Fault{Status: http.StatusBadGateway, Body: page, ContentType: "text/html"}},
		{"gateway_timeout", "HTTP 504 with a proxy's HTML page", Fault{Status: http.StatusGatewayTimeout, Body: strings.ReplaceAll(page, "502 Bad Gateway", "504 Gateway Time-out"), ContentType: "text/html"}},
		{"cut", "the connection breaks in the middle of the answer", Fault{Cut: true}},
		{"truncated", "half of the JSON comes as if it were all", Fault{Truncate: true}},
		{"wrong_type", "a good answer says that it is text/html", Fault{ContentType: "text/html; charset=utf-8"}},
		{"expired_token", "all access tokens end: code 99991663", Fault{ExpireTokens: true}},
		{"expired_page_token", "the page token is not good any more: code 40012", Fault{RefusePageToken: true}},
		{"short_pages", "pages of at most 3 entries, with has_more", Fault{PageLimit: 3}},
		{"empty_pages", "a page without entries, with has_more", Fault{EmptyPage: true}},
		{"repeated_pages", "a page comes twice", Fault{RepeatPage: true}},
		{"empty_lists", "a list is said to have nothing in it", Fault{EmptyList: true}},
		{"forbidden", "code 40004 with HTTP 403; give below, a department, for a part of the tree", Fault{Status: http.StatusForbidden, Code: codeNoDepartment}},
		{"forbidden_parent", "code 40014 with HTTP 403, likewise", Fault{Status: http.StatusForbidden, Code: codeNoParent}},
		{"hidden", "mobile, email, status and leaders are missing", Fault{Hide: map[Kind][]string{
			KindUser:       {"mobile", "email", "status", "leader_user_id"},
			KindDepartment: {"leader_user_id", "leaders", "member_count"},
		}}},
		{"narrowed", "the app sees nobody; give range for another one", Fault{Range: &Range{Nobody: true}}},
		{"widened", "the app sees everybody", Fault{Range: &Range{}}},
		{"stale", "for 2 s after a write, reads answer as before it", Fault{Stale: true, ForMS: 2000}},
	}
}

// expand fills what a fault does not say from its preset.
func (f *Fault) expand() error {
	if f.Preset == "" {
		return nil
	}
	presets := Presets()
	f.Preset = strings.ReplaceAll(f.Preset, "-", "_")
	at := slices.IndexFunc(presets, func(p Preset) bool { return p.Name == f.Preset })
	if at < 0 {
		return errUnknown("preset", f.Preset)
	}
	from, to := reflect.ValueOf(presets[at].Fault), reflect.ValueOf(f).Elem()
	for i := range to.NumField() {
		if to.Field(i).IsZero() {
			to.Field(i).Set(from.Field(i))
		}
	}
	return nil
}

// ParseFault reads a fault as a person writes it: a preset, then maybe how
// often, then maybe where.
//
//	throttle                                 until it is removed
//	throttle:5                               five times
//	throttle:0.1                             one call in ten
//	throttle:0.1@GET /contact/v3/users*      of these endpoints
//	{"endpoint":"…","status":503,"count":2}  a [Fault] in JSON
func ParseFault(text string) (Fault, error) {
	var f Fault
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		if err := merge([]byte(text), &f); err != nil {
			return f, fmt.Errorf("fault %s: %w", text, err)
		}
		return f, f.expand()
	}
	what, endpoint, _ := strings.Cut(text, "@")
	name, often, some := strings.Cut(what, ":")
	f = Fault{Preset: strings.TrimSpace(name), Endpoint: strings.TrimSpace(endpoint), Count: -1}
	if some {
		n, err := strconv.Atoi(often)
		p, err2 := strconv.ParseFloat(often, 64)
		switch {
		case err == nil && n > 0:
			f.Count = n
		case err != nil && err2 == nil && p > 0 && p <= 1:
			f.Probability = p
		default:
			return f, fmt.Errorf("fault %q: after the colon stands how often: a number of calls, or a probability such as 0.1", text)
		}
	}
	err := errUnknown("preset", f.Preset)
	if f.Preset != "" {
		err = f.expand()
	}
	if err != nil {
		return f, fmt.Errorf("fault %q: %w; there are %s", text, err, presetNames())
	}
	return f, nil
}

func presetNames() string {
	var names []string
	for _, p := range Presets() {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}
