package query

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// A client's secret is kept as {SSHA256}, the scheme of LDAP servers: base64 of
// SHA-256(secret, salt) and the salt. It is computed at every call, so it has to
// be quick: bcrypt would allow about twenty calls a second and core, and let
// anybody who guesses take the cores away. What a quick hash does not protect is
// a secret that somebody thought up, in a file that leaked; so a hash for a file
// is made of nothing but a secret that is generated, or as long as one.
const (
	hashScheme = "{SSHA256}"

	saltBytes   = 16
	secretBytes = 32 // of a generated secret

	// minHashedSecret is how long a secret has to be to be hashed for a file: 32
	// letters and digits at random are more than anybody can try.
	minHashedSecret = 32
	maxSecret       = 512
)

// secretHash is a salted hash. That of no secret equals none.
type secretHash struct {
	digest [sha256.Size]byte
	salt   []byte
}

func hashOf(secret string) secretHash {
	h := secretHash{salt: make([]byte, saltBytes)}
	_, _ = rand.Read(h.salt) // never fails
	h.digest = h.digestOf(secret)
	return h
}

func (h secretHash) digestOf(secret string) [sha256.Size]byte {
	buffer := make([]byte, 0, 128)
	return sha256.Sum256(append(append(buffer, secret...), h.salt...))
}

// is takes as long for a wrong secret, or an empty hash, as for the right one.
func (h secretHash) is(secret string) bool {
	digest := h.digestOf(secret)
	return subtle.ConstantTimeCompare(digest[:], h.digest[:]) == 1
}

func (h secretHash) String() string {
	return hashScheme + base64.StdEncoding.EncodeToString(append(h.digest[:], h.salt...))
}

func parseHash(text string) (h secretHash, err error) {
	encoded, ok := strings.CutPrefix(text, hashScheme)
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(raw) < sha256.Size+8 || len(raw) > sha256.Size+64 {
		return secretHash{}, errors.New("the hash must be as `mirror hash-secret` prints it: " + hashScheme + " and base64")
	}
	copy(h.digest[:], raw)
	h.salt = raw[sha256.Size:]
	return h, nil
}

// HashSecret makes the hash of a secret for a file. It refuses one that is short
// enough to be guessed.
func HashSecret(secret string) (string, error) {
	switch {
	case strings.ContainsAny(secret, ":,\x00\r\n"):
		return "", errors.New("a secret must be one line, without : and ,")
	case len(secret) < minHashedSecret || len(secret) > maxSecret:
		return "", fmt.Errorf("a secret must be %d to %d characters long, made at random: let it be generated", minHashedSecret, maxSecret)
	}
	return hashOf(secret).String(), nil
}

// GenerateSecret makes a secret of 256 bits, and its hash.
func GenerateSecret() (secret, hash string) {
	raw := make([]byte, secretBytes)
	_, _ = rand.Read(raw) // never fails
	secret = base64.RawURLEncoding.EncodeToString(raw)
	return secret, hashOf(secret).String()
}
