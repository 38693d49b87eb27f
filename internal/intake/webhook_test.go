package intake_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/feishu/callback"
	"github.com/orgmirror/orgmirror/internal/feishu/callback/callbacktest"
	"github.com/orgmirror/orgmirror/internal/intake"
)

const requestsTotal = "orgmirror_intake_webhook_requests_total"

// Every answer, with its reason as it is counted.
func TestWebhookAnswers(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	now := time.Now()
	good := event("good", now)
	if status, body := k.signed(t, good); status != http.StatusOK { // whose the log is
		t.Fatalf("%d %s", status, body)
	}
	signAt := func(at time.Time, body []byte) func(*http.Request) {
		return func(r *http.Request) { callbacktest.Sign(r, secrets, body, at) }
	}
	fresh := func(body []byte) func(*http.Request) { return signAt(now, body) }
	sealed := callbacktest.Body(secrets.EncryptKey, event("fresh", now))
	otherKey := callback.Secrets{VerificationToken: "tok", EncryptKey: "another key"}
	// Always the same, for once in 256 times another key's padding looks right.
	otherSealed := []byte(`{"encrypt":"` + callbacktest.Seal(otherKey.EncryptKey, "0123456789abcdef", sample(t, "user_created")) + `"}`)
	list := callbacktest.Body(secrets.EncryptKey, []byte(`[1]`))
	nothing := callbacktest.Body(secrets.EncryptKey, []byte(`{"header":null}`))
	badToken := callbacktest.Body(secrets.EncryptKey, []byte(strings.Replace(string(event("t", now)), `"tok"`, `"not"`, 1)))
	noToken := callbacktest.Body(secrets.EncryptKey, []byte(strings.Replace(string(event("t", now)), `"tok"`, `""`, 1)))
	foreignApp := callbacktest.Body(secrets.EncryptKey, []byte(strings.Replace(string(event("f1", now)), appID, "cli_2", 1)))
	foreignTenant := callbacktest.Body(secrets.EncryptKey, []byte(strings.Replace(string(event("f2", now)), tenantKey, "other", 1)))
	challenge := sample(t, "challenge")
	sealedChallenge := callbacktest.Body(secrets.EncryptKey, challenge)
	badChallenge := callbacktest.Body(secrets.EncryptKey, bytes.Replace(challenge, []byte(`"tok"`), []byte(`"not"`), 1))
	large := []byte(`{"encrypt":"` + strings.Repeat("A", 1<<20) + `"}`)

	none := func(*http.Request) {}
	cases := []struct {
		name   string
		body   []byte
		change func(*http.Request)
		status int
		reason string
	}{
		{"an event", sealed, fresh(sealed), 200, "stored"},
		{"the event again", sealed, fresh(sealed), 200, "duplicate"},
		{"an event that took Feishu seven hours", sealed, signAt(now.Add(-7*time.Hour-6*time.Minute), sealed), 200, "duplicate"},
		{"a clock that is a little ahead", sealed, signAt(now.Add(4*time.Minute), sealed), 200, "duplicate"},
		{"a challenge", sealedChallenge, none, 200, "challenge"},
		{"a signed challenge", sealedChallenge, fresh(sealedChallenge), 200, "challenge"},
		{"a challenge in plain text", challenge, none, 200, "plain_challenge"},
		{"a challenge with another token", badChallenge, none, 403, "no_signature"},
		{"a signed challenge with another token", badChallenge, fresh(badChallenge), 403, "bad_token"},
		{"a challenge in plain text with another token", bytes.Replace(challenge, []byte(`"tok"`), []byte(`"not"`), 1), none, 403, "bad_token"},
		{"no signature", sealed, none, 403, "no_signature"},
		{"a signature of another body", sealed, fresh(list), 403, "bad_signature"},
		{"another app's key", otherSealed, func(r *http.Request) { callbacktest.Sign(r, otherKey, otherSealed, now) }, 403, "bad_signature"},
		{"another time than was signed", sealed, func(r *http.Request) {
			callbacktest.Sign(r, secrets, sealed, now)
			r.Header.Set(callback.HeaderTimestamp, strconv.FormatInt(now.Unix()-1, 10))
		}, 403, "bad_signature"},
		{"another token", badToken, fresh(badToken), 403, "bad_token"},
		{"no token", noToken, fresh(noToken), 403, "bad_token"},
		{"plain text", event("plain", now), none, 403, "plaintext"},
		{"signed plain text", event("plain", now), fresh(event("plain", now)), 403, "plaintext"},
		{"older than the window", sealed, signAt(now.Add(-8*time.Hour-time.Minute), sealed), 403, "too_old"},
		{"too far ahead", sealed, signAt(now.Add(6*time.Minute), sealed), 403, "ahead"},
		{"no timestamp", sealed, func(r *http.Request) {
			r.Header.Set(callback.HeaderSignature, secrets.Sign("", "", sealed))
		}, 403, "bad_timestamp"},
		{"another app's event", foreignApp, fresh(foreignApp), 403, "foreign_app"},
		{"another company's event", foreignTenant, fresh(foreignTenant), 403, "foreign_tenant"},
		{"no JSON", []byte("hello"), none, 400, "not_json"},
		{"nothing", nil, none, 400, "not_json"},
		{"no object", []byte(`[]`), none, 400, "not_json"},
		{"no base64", []byte(`{"encrypt":"%%%%"}`), none, 400, "undecryptable"},
		{"no whole blocks", []byte(`{"encrypt":"aGVsbG8="}`), none, 400, "undecryptable"},
		{"sealed with another key, and signed", otherSealed, fresh(otherSealed), 400, "undecryptable"},
		{"sealed and no object", list, fresh(list), 400, "not_json"},
		{"sealed and no event", nothing, fresh(nothing), 403, "bad_token"},
		{"over 1 MiB", large, none, 413, "too_large"},
		{"another method", nil, func(r *http.Request) { r.Method = http.MethodGet }, 405, "method"},
		{"another path", sealed, func(r *http.Request) { r.URL.Path = "/webhook" }, 404, "path"},
		{"a longer path", sealed, func(r *http.Request) { r.URL.Path = "/webhook/event/" }, 404, "path"},
	}
	for _, c := range cases { // one after the other: a repetition comes after what it repeats
		before := k.count(t, requestsTotal, "reason", c.reason)
		status, body := k.raw(t, c.body, c.change)
		if got := k.count(t, requestsTotal, "code", strconv.Itoa(status), "reason", c.reason); status != c.status || got != before+1 {
			t.Errorf("%s: %d %s, counted %v times as %s; want %d, and once more than %v", c.name, status, body, got, c.reason, c.status, before)
		}
		if !json.Valid([]byte(body)) {
			t.Errorf("%s: the answer is not JSON: %s", c.name, body)
		}
		if strings.HasSuffix(c.reason, "challenge") && body != `{"challenge":"ajls384kdjx98XX"}` {
			t.Errorf("%s: %s", c.name, body)
		}
	}
	if records := k.records(t); len(records) != 2 {
		t.Errorf("%d records, want the 2 that were accepted", len(records))
	}
	if n := k.count(t, "orgmirror_intake_webhook_seconds"); n != float64(len(cases)+1) {
		t.Errorf("%v requests timed, want %d", n, len(cases)+1)
	}
	if n := k.count(t, "orgmirror_intake_duplicate_total", "source", "webhook"); n != 3 {
		t.Errorf("%v duplicates counted, want 3", n)
	}
}

// A body of exactly 1 MiB is read.
func TestWebhookTakesOneMebibyte(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	// The encrypted text is 4/3 of the plain one, and the plain one padded.
	plain := event("large", time.Now())
	room := (1<<20-len(`{"encrypt":""}`))/4*3 - 16
	room -= room%16 + 1
	plain = append(plain[:len(plain)-1], []byte(`,"filler":"`+strings.Repeat("x", room-len(plain)-len(`,"filler":""`))+`"}`)...)
	body := callbacktest.Body(secrets.EncryptKey, plain)
	for len(body) < 1<<20 {
		body = append(body, ' ') // white space may stand behind JSON
	}
	sign := func(r *http.Request) { callbacktest.Sign(r, secrets, body, time.Now()) }
	if status, answer := k.raw(t, body, sign); status != http.StatusOK || len(body) != 1<<20 {
		t.Errorf("%d bytes: %d %s", len(body), status, answer)
	}
	body = append(body, ' ')
	if status, answer := k.raw(t, body, sign); status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d bytes: %d %s", len(body), status, answer)
	}
}

// Without an Encrypt Key the verification token is all there is.
func TestWebhookWithoutKey(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(_ *eventlog.Options, _ *intake.Config, w *intake.WebhookConfig) { w.Secrets.EncryptKey = "" })
	now := time.Now()
	for _, c := range []struct {
		body   []byte
		status int
	}{
		{sample(t, "challenge"), 200},
		{event("1", now), 200},
		{bytes.Replace(event("2", now), []byte(`"tok"`), []byte(`"not"`), 1), 403},
		{callbacktest.Body("key", event("3", now)), 403},
		{callbacktest.Body("", event("3", now)), 403},
	} {
		if status, body := k.raw(t, c.body); status != c.status {
			t.Errorf("%.40s: %d %s, want %d", c.body, status, body, c.status)
		}
	}
}

// Who alters an event that was overheard, and cannot sign it, gets one answer for
// all copies: the answers must not tell which of them have a right padding, for
// that would give the text away byte by byte.
func TestWebhookIsNoPaddingOracle(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	overheard, err := callback.Parse(callbacktest.Body(secrets.EncryptKey, event("overheard", time.Now())))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := overheard.Encrypted()
	original, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	answers := map[string]int{}
	for i := range 600 {
		altered := bytes.Clone(original)
		if i < 256 {
			altered[len(altered)-17] = byte(i) // one of them makes the padding 0x01
		} else {
			altered[random.IntN(len(altered))] ^= byte(1 + random.IntN(255))
		}
		body := []byte(`{"encrypt":"` + base64.StdEncoding.EncodeToString(altered) + `"}`)
		recorder := httptest.NewRecorder()
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, intake.WebhookPath, bytes.NewReader(body))
		k.in.Webhook(intake.WebhookConfig{Secrets: secrets}).ServeHTTP(recorder, req)
		answers[fmt.Sprint(recorder.Code, recorder.Body)]++
	}
	if len(answers) != 1 {
		t.Errorf("answers to altered copies differ: %v", answers)
	}
	for answer := range answers {
		if !strings.HasPrefix(answer, "403") {
			t.Errorf("answer %s", answer)
		}
	}
}

// A sender that never comes to an end holds nothing up for long.
func TestWebhookGivesUpOnASlowSender(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	r, w := io.Pipe()
	defer w.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, k.url, r)
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() {
		resp, err := client.Do(req)
		if err == nil {
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusBadRequest {
				err = errors.New(resp.Status)
			}
		}
		answered <- err
	}()
	if _, err := w.Write([]byte(`{"encrypt":`)); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-answered:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("no answer in a minute")
	}
}

// FuzzWebhook: without the secrets nothing gets past the door, whatever it looks
// like. (The handler has no log: to reach it would be a panic.)
func FuzzWebhook(f *testing.F) {
	in, err := intake.New(f.Context(), intake.Config{Owner: nobody})
	if err != nil {
		f.Fatal(err)
	}
	now := time.Now()
	for _, name := range sampleNames(f) {
		plain := sample(f, name)
		f.Add(plain, "", "", "")
		f.Add(callbacktest.Body("another key", plain), strconv.FormatInt(now.Unix(), 10), "n0nce", strings.Repeat("ab", 32))
	}
	f.Add([]byte(`{"encrypt":"AAECAwQFBgcICQoLDA0ODw9mLTIAZS9jAmGTQ1wAhHpnBHVL2wRjH9rPunQdQC1v1wnGszlD6pzGWbmfwGjKe8in4C1SfsH3pnQ8Q7GQiLxmfXNpU+X69csHk4sl1//y"}`),
		"1700000000", "n0nce", "9637774487e7dc4ff37134e20220de28457792bc3cac543e8f923cf7c42ec3fb")
	handler := in.Webhook(intake.WebhookConfig{Secrets: secrets})
	f.Fuzz(func(t *testing.T, body []byte, timestamp, nonce, signature string) {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, intake.WebhookPath, bytes.NewReader(body))
		req.Header.Set(callback.HeaderTimestamp, timestamp)
		req.Header.Set(callback.HeaderNonce, nonce)
		req.Header.Set(callback.HeaderSignature, signature)
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, req)
		switch recorder.Code {
		case http.StatusBadRequest, http.StatusForbidden, http.StatusRequestEntityTooLarge:
		case http.StatusOK:
			if !strings.Contains(recorder.Body.String(), `"challenge"`) {
				t.Errorf("200 %s", recorder.Body)
			}
		default:
			t.Errorf("%d %s", recorder.Code, recorder.Body)
		}
	})
}
