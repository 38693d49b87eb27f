package crawl_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
)

// lists stands before the sandbox, which does not serve the lists of definitions
// yet, and answers them as Feishu's pages say, one item a page.
type lists struct {
	mu    sync.Mutex
	items map[string][]string // by the end of the path
	asked map[string]int
}

func (l *lists) set(path string, items ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.items[path] = items
}

func (b *bundle) withLists(t *testing.T) *lists {
	t.Helper()
	l := &lists{items: map[string][]string{}, asked: map[string]int{}}
	upstream, err := url.Parse(b.sandbox.URL())
	must(t, err)
	proxy := httputil.NewSingleHostReverseProxy(upstream)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		defer l.mu.Unlock()
		path := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		items, mine := l.items[path]
		if !mine {
			proxy.ServeHTTP(w, r)
			return
		}
		l.asked[path]++
		at := 0
		_, _ = fmt.Sscan(r.URL.Query().Get("page_token"), &at)
		switch {
		case len(items) == 0:
			fmt.Fprint(w, `{"code":0,"msg":"success","data":{"items":[],"has_more":false}}`)
		case at+1 < len(items):
			fmt.Fprintf(w, `{"code":0,"msg":"success","data":{"items":[%s],"has_more":true,"page_token":"%d"}}`, items[at], at+1)
		default:
			fmt.Fprintf(w, `{"code":0,"msg":"success","data":{"items":[%s],"has_more":false}}`, items[at])
		}
	}))
	t.Cleanup(front.Close)
	b.client, err = feishu.New(feishu.Config{
		BaseURL: front.URL, AppID: b.sandbox.AppID(), AppSecret: b.sandbox.AppSecret(),
		Retry: feishu.Retry{Attempts: 2, Pause: time.Millisecond},
	})
	must(t, err)
	t.Cleanup(b.client.Close)
	return l
}

func TestRereadOfEmployeeTypes(t *testing.T) {
	t.Parallel()
	b := setup(t, 5, 2)
	l := b.withLists(t)
	const regular = `{"enum_id":"a/1==","enum_value":"1","content":"正式","enum_type":1,"enum_status":1,"i18n_content":[{"locale":"zh_cn","value":"正式"}]}`
	const temp = `{"enum_id":"b/6==","enum_value":"6","content":"临时","enum_type":2,"enum_status":2,"i18n_content":[]}`
	l.set("employee_type_enums", regular, temp)
	b.queue(t, directory.KindEmployeeType, past(), "b/6==", "gone==")
	r := b.rereader(t)
	must(t, r.Pass(t.Context()))
	equal(t, "queue", b.queued(t), nil)
	equal(t, "appended", b.reread(t), []string{"a/1== mirror.employee_type.observed", "b/6== mirror.employee_type.observed"})
	if got := directory.EmployeeTypeOf(b.state(t, directory.KindEmployeeType, "b/6==")); text(got.Content) != "临时" || *got.EnumStatus != 2 {
		t.Errorf("%+v", got)
	}
	b.queue(t, directory.KindEmployeeType, past(), "b/6==")
	must(t, r.Pass(t.Context()))
	if n := len(b.reread(t)); n != 2 {
		t.Errorf("%d records after a list that says nothing new", n)
	}
	if n := l.asked["employee_type_enums"]; n != 4 { // two pages, twice
		t.Errorf("%d pages asked for", n)
	}
}

func TestRereadOfCustomAttributes(t *testing.T) {
	t.Parallel()
	b := setup(t, 5, 2)
	l := b.withLists(t)
	l.set("custom_attrs",
		`{"id":"C-1","type":"TEXT","i18n_name":[{"locale":"zh_cn","value":"工位"}]}`,
		`{"id":"C-2","type":"ENUMERATION","options":{"option_type":"TEXT","options":[{"id":"1","value":"x"}]}}`)
	r := b.rereader(t)
	ask := func() {
		b.queue(t, directory.KindCustomAttrSetting, past(), directory.CustomAttrSettingID)
		b.queue(t, directory.KindCustomAttribute, past(), "C-1") // one list for both
		must(t, r.Pass(t.Context()))
		equal(t, "queue", b.queued(t), nil)
	}
	ask()
	if got := directory.CustomAttributeOf(b.state(t, directory.KindCustomAttribute, "C-2")); text(got.Type) != "ENUMERATION" || got.Options == nil {
		t.Errorf("%+v", got)
	}
	if n := l.asked["custom_attrs"]; n != 2 {
		t.Errorf("%d pages asked for, want 2", n)
	}

	// An empty list proves nothing, until the company has said that it is on purpose.
	l.set("custom_attrs")
	ask()
	if s := b.state(t, directory.KindCustomAttribute, "C-1"); !s.Exists() {
		t.Error("an empty list removed a definition")
	}
	off := directory.Record{
		OccurredAt: time.Now().Add(-20 * time.Second), EventID: "e-off", EventType: directory.EventCustomAttrsUpdated, Source: directory.SourceWebhook,
		EntityKind: directory.KindCustomAttrSetting, EntityID: directory.CustomAttrSettingID,
		Payload: []byte(`{"event":{"object":{"contact_field_key":[],"allow_open_query":false},"old_object":{"contact_field_key":[],"allow_open_query":true}}}`),
	}
	_, err := b.log.Append(t.Context(), off)
	must(t, err)
	// The read model, which names the definitions, is the projector's.
	_, err = b.pool.Exec(t.Context(), `
		INSERT INTO directory.custom_attributes (tenant_key, id, attributes, position)
		VALUES ($1, 'C-1', '{}', 1), ($1, 'C-2', '{}', 1)`, b.tenant())
	must(t, err)
	ask()
	for _, id := range []string{"C-1", "C-2"} {
		if reason, _ := b.state(t, directory.KindCustomAttribute, id).Gone(); reason != directory.ReasonOutOfRange {
			t.Errorf("%s is gone for %q", id, reason)
		}
	}
}
