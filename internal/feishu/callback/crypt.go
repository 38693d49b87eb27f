package callback

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
)

// The headers of a signed request.
const (
	HeaderTimestamp = "X-Lark-Request-Timestamp"
	HeaderNonce     = "X-Lark-Request-Nonce"
	HeaderSignature = "X-Lark-Signature"
)

// ErrUndecryptable says that a text is not what Feishu's encryption makes, or
// not with this key.
var ErrUndecryptable = errors.New("the message cannot be decrypted: is the Encrypt Key that of the app's console?")

// Secrets are what an app and Feishu share for callbacks; both are shown in the
// app's console, under "Events and callbacks". With an empty EncryptKey there is
// neither encryption nor signature.
type Secrets struct {
	VerificationToken string
	EncryptKey        string
}

// TokenIs reports whether a message holds the app's verification token. Without
// one in the secrets, no message does.
func (s Secrets) TokenIs(token string) bool {
	return s.VerificationToken != "" && equal(token, s.VerificationToken)
}

// Signed reports whether the signature is that of this body. The body is what
// came over the wire, to the byte.
func (s Secrets) Signed(timestamp, nonce, signature string, body []byte) bool {
	return s.EncryptKey != "" && equal(signature, s.Sign(timestamp, nonce, body))
}

// Sign makes the signature of a body: no HMAC, but that is how Feishu does it.
func (s Secrets) Sign(timestamp, nonce string, body []byte) string {
	h := sha256.New()
	h.Write([]byte(timestamp + nonce + s.EncryptKey))
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// equal takes as long for a wrong text as for the right one, and tells nothing
// of its length either.
func equal(got, want string) bool {
	g, w := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(g[:], w[:]) == 1
}

// Cipher is an encrypted message in whole blocks.
type Cipher []byte

// ParseCipher reads the base64 text of an encrypted message. It looks at the
// form alone, and so tells nobody anything about the key.
func ParseCipher(text string) (Cipher, error) {
	c, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(c) < 2*aes.BlockSize || len(c)%aes.BlockSize != 0 {
		return nil, ErrUndecryptable
	}
	return c, nil
}

// Decrypt returns the message.
//
// Whether it succeeds MUST NOT be told to who has not signed the message: from
// the answers to many altered copies of one that was overheard, its text could
// be computed. For those there is [Secrets.OpenUnsigned].
func (s Secrets) Decrypt(c Cipher) ([]byte, error) {
	plain, err := s.blocks(c)
	if err != nil {
		return nil, err
	}
	n := int(plain[len(plain)-1])
	if n == 0 || n > aes.BlockSize {
		return nil, ErrUndecryptable
	}
	text, padding := plain[:len(plain)-n], plain[len(plain)-n:]
	for _, b := range padding {
		if int(b) != n {
			return nil, ErrUndecryptable
		}
	}
	return text, nil
}

// OpenUnsigned returns the challenge in a message that nobody signed, if it is
// one: Feishu encrypts a challenge, but does not sign it. It does not look at
// the padding, so that its outcome tells nothing about that; the token inside is
// what shows that the sender knows the key.
func (s Secrets) OpenUnsigned(c Cipher) (Message, bool) {
	plain, err := s.blocks(c)
	if err != nil {
		return Message{}, false
	}
	m, err := parseFirst(plain)
	return m, err == nil && m.IsChallenge()
}

// blocks decrypts without a look at what comes out.
func (s Secrets) blocks(c Cipher) ([]byte, error) {
	key := sha256.Sum256([]byte(s.EncryptKey))
	block, err := aes.NewCipher(key[:])
	if err != nil || len(c) < 2*aes.BlockSize || len(c)%aes.BlockSize != 0 {
		return nil, ErrUndecryptable
	}
	iv, sealed := c[:aes.BlockSize], c[aes.BlockSize:]
	plain := make([]byte, len(sealed))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, sealed)
	return plain, nil
}
