package callback_test

import (
	"bytes"
	"crypto/aes"
	"encoding/base64"
	"strings"
	"testing"

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
