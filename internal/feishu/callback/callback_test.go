package callback_test

import (
	"bytes"
	"crypto/aes"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	larkevent "github.com/larksuite/oapi-sdk-go/v3/event"
	"pgregory.net/rapid"

	"github.com/orgmirror/orgmirror/internal/feishu/callback"
	"github.com/orgmirror/orgmirror/internal/feishu/callback/callbacktest"
)

// The vectors that Feishu, and those who ran its SDK, have published.
const (
	vectorKey       = "test key"
	vectorHello     = "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk="
	vectorChallenge = "AAECAwQFBgcICQoLDA0ODw9mLTIAZS9jAmGTQ1wAhHpnBHVL2wRjH9rPunQdQC1v1wnGszlD6pzGWbmfwGjKe8in4C1SfsH3pnQ8Q7GQiLxmfXNpU+X69csHk4sl1//y"
	vectorSignature = "9637774487e7dc4ff37134e20220de28457792bc3cac543e8f923cf7c42ec3fb"
)

func TestVectors(t *testing.T) {
	t.Parallel()
	s := callback.Secrets{VerificationToken: "tok", EncryptKey: vectorKey}

	sealed, err := callback.ParseCipher(vectorHello)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := s.Decrypt(sealed); err != nil || string(plain) != "hello world" {
		t.Errorf("decrypted %q (%v)", plain, err)
	}
	if _, ok := s.OpenUnsigned(sealed); ok {
		t.Error("hello world is taken for a challenge")
	}

	sealed, err = callback.ParseCipher(vectorChallenge)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := s.Decrypt(sealed); err != nil || string(plain) != `{"challenge":"ajls384kdjx98XX","token":"tok","type":"url_verification"}` {
		t.Errorf("decrypted %q (%v)", plain, err)
	}
	if m, ok := s.OpenUnsigned(sealed); !ok || m.Challenge() != "ajls384kdjx98XX" || !s.TokenIs(m.Token()) {
		t.Errorf("challenge %v, %q", ok, m.Challenge())
	}

	body := []byte(`{"encrypt":"` + vectorChallenge + `"}`)
	if got := s.Sign("1700000000", "n0nce", body); got != vectorSignature {
		t.Errorf("signature %s", got)
	}
	for name, signed := range map[string]bool{
		"right":           s.Signed("1700000000", "n0nce", vectorSignature, body),
		"other time":      !s.Signed("1700000001", "n0nce", vectorSignature, body),
		"other nonce":     !s.Signed("1700000000", "n0nc", vectorSignature, body),
		"other body":      !s.Signed("1700000000", "n0nce", vectorSignature, body[:len(body)-1]),
		"upper case":      !s.Signed("1700000000", "n0nce", strings.ToUpper(vectorSignature), body),
		"none":            !s.Signed("1700000000", "n0nce", "", body),
		"no key":          !callback.Secrets{}.Signed("1700000000", "n0nce", callback.Secrets{}.Sign("1700000000", "n0nce", body), body),
		"token":           s.TokenIs("tok"),
		"other token":     !s.TokenIs("tok "),
		"empty token":     !s.TokenIs(""),
		"no token at all": !callback.Secrets{}.TokenIs(""),
	} {
		if !signed {
			t.Errorf("%s: judged wrongly", name)
		}
	}
}

// Whatever is encrypted comes back, and the official SDK, which trims to the
// outermost braces, agrees. The signature is the SDK's.
func TestCryptAgreesWithTheSDK(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.String().Draw(t, "key")
		iv := string(rapid.SliceOfN(rapid.Byte(), aes.BlockSize, aes.BlockSize).Draw(t, "iv"))
		plain := []byte("{" + string(rapid.SliceOf(rapid.Byte()).Draw(t, "inside")) + "}")
		s := callback.Secrets{EncryptKey: key}
		text := callbacktest.Seal(key, iv, plain)

		sealed, err := callback.ParseCipher(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Decrypt(sealed)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("decrypted %q (%v)", got, err)
		}
		theirs, err := larkevent.EventDecrypt(text, key)
		if err != nil || !bytes.Equal(got, theirs) {
			t.Fatalf("the SDK decrypts %q (%v)", theirs, err)
		}
		timestamp, nonce := rapid.String().Draw(t, "timestamp"), rapid.String().Draw(t, "nonce")
		if got, want := s.Sign(timestamp, nonce, plain), larkevent.Signature(timestamp, nonce, key, string(plain)); got != want {
			t.Fatalf("signature %s, the SDK's is %s", got, want)
		}
	})
}

func TestUndecryptable(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty":            "",
		"no base64":        "%%%",
		"IV only":          base64.StdEncoding.EncodeToString(make([]byte, 16)),
		"not whole blocks": base64.StdEncoding.EncodeToString(make([]byte, 33)),
	} {
		if _, err := callback.ParseCipher(text); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, last := range []byte{0, 17, 255} { // no padding ends so
		s := callback.Secrets{EncryptKey: "k"}
		text := callbacktest.Seal("k", "0123456789abcdef", append(bytes.Repeat([]byte{'x'}, 15), last))
		sealed, err := callback.ParseCipher(text)
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := s.Decrypt(sealed[:len(sealed)-aes.BlockSize]); err == nil {
			t.Errorf("padding %d: %q", last, plain)
		}
	}
	sealed, err := callback.ParseCipher(callbacktest.Seal("k", "0123456789abcdef", append(bytes.Repeat([]byte{'x'}, 13), 9, 3, 3)))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := (callback.Secrets{EncryptKey: "k"}).Decrypt(sealed[:len(sealed)-aes.BlockSize]); err == nil {
		t.Errorf("broken padding: %q", plain)
	}
}

// message reads a sample.
func message(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "messages", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func messages(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/messages/*.json")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d samples (%v)", len(files), err)
	}
	all := map[string][]byte{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		all[name] = message(t, name)
	}
	return all
}

func TestEvent(t *testing.T) {
	t.Parallel()
	type event struct {
		ID, Type, TenantKey, AppID, Token string
		CreatedAt                         time.Time
		Legacy                            bool
		OpenID                            string
	}
	const app, tenant = "cli_1", "2ca1d211f64f6438"
	at := time.Date(2020, 12, 23, 12, 19, 49, 0, time.UTC)
	old := time.Date(2017, 8, 8, 13, 33, 27, 717141900, time.UTC)
	cases := map[string]event{
		"token_last":          {ID: "a4", Type: "contact.user.updated_v3", TenantKey: tenant, AppID: app, Token: "tok", CreatedAt: at, OpenID: "ou_1"},
		"spaced":              {ID: "a3", Type: "contact.user.updated_v3", TenantKey: tenant, AppID: app, Token: "tok", CreatedAt: at, OpenID: "ou_1"},
		"numbers_for_strings": {ID: "987654321", Type: "contact.user.updated_v3", TenantKey: tenant, AppID: app, Token: "7", CreatedAt: at, OpenID: "12345"},
		"not_utf8":            {ID: "a2", Type: "contact.user.updated_v3", TenantKey: tenant, AppID: app, Token: "tok", CreatedAt: at, OpenID: "ou_1"},
		"app_ticket":          {ID: "bc447199585340d1f3728d26b1c0297a", Type: "app_ticket", AppID: app, Token: "tok", CreatedAt: old, Legacy: true},
		"legacy_user_add":     {ID: "41b5f371157e3d5341b38b20396e77ea", Type: "user_add", TenantKey: tenant, AppID: app, Token: "tok", CreatedAt: old, Legacy: true},
		"legacy_scope_change": {ID: "f41d8cd98f00b204e9800998ecf84270", Type: "contact_scope_change", TenantKey: tenant, AppID: app, Token: "tok", CreatedAt: old, Legacy: true},
	}
	for name, want := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := callback.Parse(message(t, name))
			if err != nil {
				t.Fatal(err)
			}
			e, err := m.Event()
			if err != nil {
				t.Fatal(err)
			}
			got := event{e.ID, e.Type, e.TenantKey, e.AppID, m.Token(), e.CreatedAt, e.Legacy, e.Find("object", "open_id")}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("mismatch (-want +got):\n%s", diff)
			}
		})
	}

	for name, want := range map[string]time.Time{
		"seconds": at, "microseconds": at.Add(123 * time.Microsecond), "broken_time": {},
	} {
		m, err := callback.Parse(message(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if e, err := m.Event(); err != nil || !e.CreatedAt.Equal(want) {
			t.Errorf("%s: %s (%v), want %s", name, e.CreatedAt, err, want)
		}
	}
}

// An event without an id of its own is known by its text, whatever its token.
func TestEventWithoutID(t *testing.T) {
	t.Parallel()
	id := func(text string) string {
		m, err := callback.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		e, err := m.Event()
		if err != nil {
			t.Fatal(err)
		}
		return e.ID
	}
	one := id(`{"header":{"event_type":"x","token":"a"},"event":{"n":1}}`)
	if again := id(`{"header":{"event_type":"x","token":"b"},"event":{"n":1}}`); again != one || !strings.HasPrefix(one, "sha256:") {
		t.Errorf("ids %s and %s, want one", one, again)
	}
	if other := id(`{"header":{"event_type":"x","token":"a"},"event":{"n":2}}`); other == one {
		t.Error("two events have one id")
	}
	if long := id(`{"header":{"event_id":"` + strings.Repeat("x", 3000) + `"},"event":{}}`); !strings.HasPrefix(long, "sha256:") {
		t.Errorf("an id of %d bytes fits no index", len(long))
	}
}

func TestWithoutTokenKeepsTheRest(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"header":{"token":"tok","event_id":"1"},"event":{}}`:              `{"header":{"event_id":"1"},"event":{}}`,
		`{"header":{"event_id":"1","token":"tok"},"event":{}}`:              `{"header":{"event_id":"1"},"event":{}}`,
		`{"header":{"event_id":"1","token":"tok","a":[]},"event":{}}`:       `{"header":{"event_id":"1","a":[]},"event":{}}`,
		`{"header":{"token":"tok"},"event":{}}`:                             `{"header":{},"event":{}}`,
		`{"token":"tok","header":{"event_id":"1"}, "event": {} }`:           `{"header":{"event_id":"1"}, "event": {} }`,
		`{"uuid":"1","event":{"token":"kept"} , "token" : "tok" }`:          `{"uuid":"1","event":{"token":"kept"} }`,
		`{"token":1,"token":2,"header":{"token":3,"token":4,"event_id":5}}`: `{"header":{"event_id":5}}`,
		`{ "token" : "t" , "event" : {"x":1} }`:                             `{ "event" : {"x":1} }`,
	} {
		m, err := callback.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		e, err := m.Event()
		if err != nil {
			t.Fatal(err)
		}
		if got := string(e.Payload); got != want {
			t.Errorf("%s\n gives %s\n want %s", text, got, want)
		}
	}
}

func TestWhatIsNoEvent(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		``: callback.ErrNotJSON, `nonsense`: callback.ErrNotJSON, `[]`: callback.ErrNotJSON, `null`: callback.ErrNotJSON,
		`"x"`: callback.ErrNotJSON, `{}{}`: callback.ErrNotJSON, `{"a":`: callback.ErrNotJSON,
		`{}`: callback.ErrNoEvent, `{"header":null,"event":null}`: callback.ErrNoEvent, `{"header":[],"event":7}`: callback.ErrNoEvent,
		`{"encrypt":"x"}`: callback.ErrNoEvent,
	} {
		m, err := callback.Parse([]byte(text))
		if err == nil {
			_, err = m.Event()
		}
		if err != want { //nolint:errorlint // they are returned as they are
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
}

// FuzzParse: whatever comes in, nothing panics, and what is handed out is what
// came, less the token.
func FuzzParse(f *testing.F) {
	for _, text := range messages(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := callback.Parse(text)
		if err != nil {
			return
		}
		m.Challenge()
		m.Encrypted()
		e, err := m.Event()
		if err != nil {
			return
		}
		e.Find("object", "open_id")
		e.Find("open_id")
		if e.ID == "" || len(e.ID) > 200 {
			t.Errorf("id %q", e.ID)
		}
		was, is := generic(t, text), generic(t, e.Payload)
		delete(was, "token")
		if header, ok := was["header"].(map[string]any); ok {
			delete(header, "token")
		}
		if diff := cmp.Diff(was, is); diff != "" {
			t.Errorf("the payload differs (-was +is):\n%s", diff)
		}
	})
}

// FuzzDecrypt: no ciphertext panics, and ours says what the SDK's says where both
// say something.
func FuzzDecrypt(f *testing.F) {
	f.Add(vectorHello, vectorKey)
	f.Add(vectorChallenge, vectorKey)
	for _, text := range messages(f) {
		f.Add(callbacktest.Seal(vectorKey, "0123456789abcdef", text), vectorKey)
	}
	f.Fuzz(func(t *testing.T, text, key string) {
		s := callback.Secrets{EncryptKey: key}
		sealed, err := callback.ParseCipher(text)
		if err != nil {
			return
		}
		s.OpenUnsigned(sealed)
		plain, err := s.Decrypt(sealed)
		if err != nil {
			return
		}
		theirs, err := larkevent.EventDecrypt(text, key)
		if err != nil {
			t.Fatalf("the SDK says %v", err)
		}
		if from, to := bytes.IndexByte(plain, '{'), bytes.LastIndexByte(plain, '}'); from >= 0 && to > from && !bytes.Equal(plain[from:to+1], theirs) {
			t.Errorf("decrypted %q, the SDK says %q", plain, theirs)
		}
	})
}

func generic(t *testing.T, text []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return v
}
