// Package callbacktest makes the requests that Feishu makes, for tests.
package callbacktest

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"time"

	"github.com/orgmirror/orgmirror/internal/feishu/callback"
)

// Seal encrypts a message with a key of any length and an IV of 16 bytes.
func Seal(key, iv string, plain []byte) string {
	sum := sha256.Sum256([]byte(key))
	block, err := aes.NewCipher(sum[:])
	if err != nil {
		panic(err) // a SHA-256 is a key
	}
	n := aes.BlockSize - len(plain)%aes.BlockSize
	padded := append(bytes.Clone(plain), bytes.Repeat([]byte{byte(n)}, n)...)
	sealed := make([]byte, len(padded))
	cipher.NewCBCEncrypter(block, []byte(iv)).CryptBlocks(sealed, padded)
	return base64.StdEncoding.EncodeToString(append([]byte(iv), sealed...))
}

// Body is an encrypted message as it goes over the wire.
func Body(key string, plain []byte) []byte {
	iv := make([]byte, aes.BlockSize)
	_, _ = rand.Read(iv) // never fails
	return []byte(`{"encrypt":"` + Seal(key, string(iv), plain) + `"}`)
}

// Request is a signed request with an encrypted message, sent at an instant.
func Request(ctx context.Context, url string, s callback.Secrets, plain []byte, at time.Time) (*http.Request, error) {
	body := Body(s.EncryptKey, plain)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	Sign(req, s, body, at)
	return req, nil
}

// Sign signs a request.
func Sign(req *http.Request, s callback.Secrets, body []byte, at time.Time) {
	timestamp, nonce := strconv.FormatInt(at.Unix(), 10), rand.Text()
	req.Header.Set("Content-Type", "application/json;charset=utf-8")
	req.Header.Set(callback.HeaderTimestamp, timestamp)
	req.Header.Set(callback.HeaderNonce, nonce)
	req.Header.Set(callback.HeaderSignature, s.Sign(timestamp, nonce, body))
}
