package push

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWebhookGetsEvents(t *testing.T) {
	t.Parallel()
	r := newRig(t, Settings{}, Behaviour{})
	hook := newWebhook(t, nil)
	r.send(1, 1) // before anybody is subscribed
	s := plainHook(hook.URL)
	s.EventTypes = []string{"contact.user.updated_v3"}
	r.subscribe(s)
	r.send(2, 4)
	r.Send(testApp, Event{ID: "other", Type: "contact.user.deleted_v3", Payload: json.RawMessage(`{}`)})
	r.Send(testApp, Event{ID: "ticket", Type: "app_ticket", Unasked: true, Legacy: true, Payload: json.RawMessage(`{}`)})
	r.done()
	want := []string{"e1 unsubscribed 0", "e2 delivered 1", "e3 delivered 1", "e4 delivered 1", "other unsubscribed 0", "ticket delivered 1"}
	if diff := cmp.Diff(want, r.states()); diff != "" {
		t.Errorf("history mismatch (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"e2", "e3", "e4", ""}, hook.ids()); diff != "" {
		t.Errorf("pushed mismatch (-want +got)\n%s", diff)
	}
	first := hook.all()[0]
	if got := first.header.Get("Content-Type"); got != "application/json;charset=utf-8" {
		t.Errorf("content type %q", got)
	}
	if first.header.Get(headerSignature) != "" || !strings.Contains(first.body, `"token":"tok"`) || !strings.Contains(first.body, `"event":{"object":{"n":2}}`) {
		t.Errorf("pushed %v %s", first.header, first.body)
	}
	r.Forget(testApp)
	if left := r.states(); len(left) != 0 {
		t.Errorf("after forgetting, the history is %q", left)
	}
}

// decrypt is the receiver's half of the encryption.
func decrypt(t *testing.T, key, body string) string {
	t.Helper()
	var sealed struct {
		Encrypt string `json:"encrypt"`
	}
	if err := json.Unmarshal([]byte(body), &sealed); err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(sealed.Encrypt)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(key))
	block, err := aes.NewCipher(sum[:])
	if err != nil {
		t.Fatal(err)
	}
	plain := raw[aes.BlockSize:]
	cipher.NewCBCDecrypter(block, raw[:aes.BlockSize]).CryptBlocks(plain, plain)
	return string(plain[:len(plain)-int(plain[len(plain)-1])])
}

func TestRetriesAreSealedAnewAndEnd(t *testing.T) {
	t.Parallel()
	const scale = 2e-5 // 0.3 ms, 6 ms, 72 ms, 432 ms
	r := newRig(t, Settings{RetryScale: scale}, Behaviour{})
	hook := newWebhook(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	s := plainHook(hook.URL)
	s.EncryptKey = "k"
	r.subscribe(s)
	r.send(1, 1)
	r.done()
	if diff := cmp.Diff([]string{"e1 lost 5"}, r.states()); diff != "" {
		t.Errorf("history mismatch (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(strings.Split(strings.Repeat("status 500,", 5), ",")[:5], r.errors("e1")); diff != "" {
		t.Errorf("errors mismatch (-want +got)\n%s", diff)
	}
	got := hook.all()
	plain := decrypt(t, "k", got[0].body)
	if !strings.Contains(plain, `"event_id":"e1"`) {
		t.Errorf("decrypted: %s", plain)
	}
	seen := map[string]bool{}
	for i, p := range got {
		ts, nonce := p.header.Get(headerTimestamp), p.header.Get(headerNonce)
		if p.header.Get(headerSignature) != sign(ts, nonce, "k", []byte(p.body)) {
			t.Errorf("push %d has a wrong signature", i)
		}
		if decrypt(t, "k", p.body) != plain {
			t.Errorf("push %d differs: %s", i, decrypt(t, "k", p.body))
		}
		if seen[p.body] || seen[nonce] {
			t.Errorf("push %d is sealed like another one", i)
		}
		seen[p.body], seen[nonce] = true, true
		if i > 0 {
			if gap, least := p.at.Sub(got[i-1].at), time.Duration(float64(schedule[i-1])*scale); gap < least {
				t.Errorf("push %d comes after %v, want at least %v", i, gap, least)
			}
		}
	}
}

func TestWhatIsAFailure(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, c := range []struct {
		name, url string
		answer    func(w http.ResponseWriter, r *http.Request)
		want      string // a part of the error; empty is success
	}{
		{"200 without JSON", "", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }, ""},
		{"201", "", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) }, "status 201"},
		{"204", "", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, "status 204"},
		{"a redirect", "", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) }, "status 302"},
		{"404", "", http.NotFound, "status 404"},
		{"a broken answer", "", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		{"too late", "", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "no answer in time"},
		{"half an answer", "", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10")
			fmt.Fprint(w, "12345")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, "no answer in time"},
		{"nobody there", gone.URL, nil, "connection refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			deadline := 10_000
			if strings.Contains(c.want, "in time") {
				deadline = 50
			}
			r := newRig(t, Settings{RetryScale: instant, DeadlineMS: deadline}, Behaviour{})
			url := c.url
			if url == "" {
				url = newWebhook(t, func(_ int, w http.ResponseWriter, r *http.Request) { c.answer(w, r) }).URL
			}
			r.subscribe(plainHook(url))
			r.send(1, 1)
			r.done()
			errs := r.errors("e1")
			if c.want == "" && (len(errs) != 1 || errs[0] != "") || c.want != "" && (len(errs) != 5 || !strings.Contains(errs[0], c.want)) {
				t.Errorf("pushes end with %q, want %q", errs, c.want)
			}
		})
	}
}

func TestChallenge(t *testing.T) {
	t.Parallel()
	// echo answers a challenge, encrypted by key where there is one.
	echo := func(t *testing.T, key string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			raw, _ := io.ReadAll(r.Body)
			text := string(raw)
			if key != "" {
				text = decrypt(t, key, text)
			}
			var c struct{ Challenge, Token, Type string }
			if err := json.Unmarshal([]byte(text), &c); err != nil || c.Token != "tok" || c.Type != "url_verification" {
				t.Errorf("challenged with %s", text)
			}
			if r.Header.Get(headerSignature) != "" || r.Header.Get(headerNonce) != "" {
				t.Error("a challenge is signed")
			}
			fmt.Fprintf(w, `{"challenge":%q}`, c.Challenge)
		}
	}
	for _, c := range []struct {
		name string
		key  Secret
		hook func(t *testing.T) http.HandlerFunc
		want string // a part of the error
	}{
		{"plain", "", func(t *testing.T) http.HandlerFunc { return echo(t, "") }, ""},
		{"encrypted", "kk", func(t *testing.T) http.HandlerFunc { return echo(t, "kk") }, ""},
		{"another text", "", func(*testing.T) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"challenge":"x"}`) }
		}, "must answer status 200"},
		{"no JSON", "", func(*testing.T) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `ok`) }
		}, "must answer status 200"},
		{"right, but 500", "", func(t *testing.T) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusInternalServerError)
				echo(t, "")(w, r)
			}
		}, "it answered status 500"},
		{"too late", "", func(*testing.T) http.HandlerFunc {
			return func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body); <-r.Context().Done() }
		}, "must answer within 1s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, Settings{}, Behaviour{})
			server := httptest.NewServer(c.hook(t))
			defer server.Close()
			err := r.Subscribe(t.Context(), testApp, Subscription{Mode: ModeWebhook, URL: server.URL, VerificationToken: "tok", EncryptKey: c.key})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("subscribing ends with %v, want %q", err, c.want)
			}
			if saved := r.Subscriptions(); (len(saved) == 1) != (c.want == "") {
				t.Errorf("saved: %v", saved)
			}
		})
	}
}

func TestSubscriptionsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	r := newRig(t, Settings{}, Behaviour{})
	for _, c := range []struct {
		app  string
		s    Subscription
		want string
	}{
		{testApp, Subscription{Mode: "pigeon"}, `mode "pigeon"`},
		{testApp, Subscription{Mode: ModeWebhook}, "needs a url"},
		{testApp, Subscription{Mode: ModeWebhook, URL: "ftp://h/"}, "needs a url"},
		{testApp, Subscription{Mode: ModeWebhook, URL: "http://"}, "needs a url"},
		{testApp, Subscription{Mode: ModeLongConnection, URL: "http://h"}, "are for mode"},
		{testApp, Subscription{EncryptKey: "k"}, "are for mode"},
		{testApp, Subscription{Mode: ModeLongConnection}, "no long connection is open"},
		{storeApp, Subscription{Mode: ModeLongConnection, Unchecked: true}, "by webhook only"},
		{"cli_nobody", Subscription{}, "no such app"},
	} {
		if err := r.Subscribe(t.Context(), c.app, c.s); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %+v: %v, want %q", c.app, c.s, err, c.want)
		}
	}
	r.subscribe(Subscription{Mode: ModeLongConnection, Unchecked: true})
	r.subscribe(Subscription{})
	if saved := r.Subscriptions(); len(saved) != 0 {
		t.Errorf("saved: %v", saved)
	}
}
