package push

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
)

// encrypt is the value of "encrypt" for a plaintext: AES-256-CBC under the
// SHA-256 of the Encrypt Key, padded by PKCS#7, behind its IV.
func encrypt(key string, iv [aes.BlockSize]byte, plain []byte) string {
	sum := sha256.Sum256([]byte(key))
	block, err := aes.NewCipher(sum[:])
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	out := make([]byte, aes.BlockSize, aes.BlockSize+len(plain)+pad)
	copy(out, iv[:])
	out = append(out, plain...)
	for range pad {
		out = append(out, byte(pad))
	}
	body := out[aes.BlockSize:]
	cipher.NewCBCEncrypter(block, iv[:]).CryptBlocks(body, body)
	return base64.StdEncoding.EncodeToString(out)
}

// sign is X-Lark-Signature: a plain hash, with the Encrypt Key in the middle.
func sign(timestamp, nonce, key string, body []byte) string {
	h := sha256.New()
	h.Write([]byte(timestamp + nonce + key))
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}
