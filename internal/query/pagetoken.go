package query

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/proto"
)

// A page token is, in base64url:
//
//	version (1) | log id (16) | digest (8) | key of the last entry (JSON)
//
// The digest is over tenant, request and everything else in the token. It binds
// the token to its request and notices damage. It is no seal: whoever forges a
// token can make a list begin elsewhere, where a page_size would have got him
// too; so the key is checked like any other input.
const (
	pageTokenVersion = 1
	pageTokenDigest  = 8
	pageTokenHeader  = 1 + 16 + pageTokenDigest
)

// pagedRequest is a request for a list.
type pagedRequest interface {
	proto.Message
	GetPageSize() int32
	GetPageToken() string
}

// pageKey is where a page ends: the sort key of its last entry.
type pageKey interface {
	valid() bool
}

// paging is where a list is and how it goes on. K is the sort key.
type paging[K pageKey] struct {
	size    int
	request []byte // what the token is bound to
	after   *K     // nil on the first page
	logID   [16]byte
}

// pagingOf reads page_size and page_token.
func pagingOf[K pageKey](tenant string, req pagedRequest) (p paging[K], err error) {
	if p.size, err = pageSize(req.GetPageSize()); err != nil {
		return p, err
	}
	if p.request, err = fingerprint(tenant, req); err != nil {
		return p, err
	}
	return p, p.resume(req.GetPageToken())
}

// resume reads a page token; empty is the first page.
func (p *paging[K]) resume(token string) error {
	if token == "" {
		return nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) < pageTokenHeader || raw[0] != pageTokenVersion {
		return badField(reasonPageToken, "page_token", "this is no page token")
	}
	copy(p.logID[:], raw[1:17])
	key := raw[pageTokenHeader:]
	if !bytes.Equal(raw[17:pageTokenHeader], p.digest(key)) {
		return badField(reasonPageTokenMismatch, "page_token",
			"the token belongs to another request: only page_size and at_least_as_fresh may differ between pages")
	}
	p.after = new(K)
	if json.Unmarshal(key, p.after) != nil || !(*p.after).valid() {
		return badField(reasonPageToken, "page_token", "this is no page token")
	}
	return nil
}

// fingerprint is a request without what may differ from page to page.
func fingerprint(tenant string, req pagedRequest) ([]byte, error) {
	bare := proto.Clone(req).ProtoReflect()
	for _, name := range []string{"page_size", "page_token", "at_least_as_fresh"} {
		for i := range bare.Descriptor().Fields().Len() {
			if field := bare.Descriptor().Fields().Get(i); field.TextName() == name {
				bare.Clear(field)
			}
		}
	}
	b := append([]byte(bare.Descriptor().FullName()), 0)
	b = append(append(b, tenant...), 0)
	b, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend(b, bare.Interface())
	if err != nil {
		return nil, fmt.Errorf("fingerprint of a request: %w", err)
	}
	return b, nil
}

func (p paging[K]) digest(key []byte) []byte {
	h := sha256.New()
	h.Write(p.logID[:])
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p.request)))) // where one part ends and the next begins
	h.Write(p.request)
	h.Write(key)
	return h.Sum(nil)[:pageTokenDigest]
}

// check refuses a token of another log, whose keys mean nothing in this one.
func (p paging[K]) check(now moment) error {
	if p.after != nil && p.logID != now.logID {
		return badField(reasonForeignLog, "page_token", "the token is of another log: begin with the first page")
	}
	return nil
}

// token makes the token for the page after key.
func (p paging[K]) token(now moment, key K) (string, error) {
	p.logID = now.logID
	encoded, err := json.Marshal(key)
	if err != nil {
		return "", fmt.Errorf("encode a page key: %w", err)
	}
	raw := append([]byte{pageTokenVersion}, p.logID[:]...)
	raw = append(append(raw, p.digest(encoded)...), encoded...)
	return base64.RawURLEncoding.EncodeToString(raw), nil
}

// limit is how many rows to ask for: one more than fit, to see whether there is
// a next page.
func (p paging[K]) limit() int { return p.size + 1 }

// cut ends a page after size entries or maxPageBytes, whichever comes first, and
// returns how many are in it and the token for the next one, empty on the last.
func (p paging[K]) cut(now moment, keys []K, bytesOf func(int) int) (n int, next string, err error) {
	n = min(len(keys), p.size)
	total := 0
	for i := range n {
		if total += bytesOf(i); i > 0 && total > maxPageBytes {
			n = i
			break
		}
	}
	if n == len(keys) {
		return n, "", nil
	}
	next, err = p.token(now, keys[n-1])
	return n, next, err
}
