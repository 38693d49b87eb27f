package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
)

// cursor says after which entry a page starts: in what part of a listing that
// has several, at which rank, after which id. A page is therefore not a piece
// of a snapshot: who walks a list while it changes may see an entry twice or
// miss it, as with Feishu.
type cursor struct {
	part byte
	rank int64
	id   string
}

// askedPage is the page that a call asks for: so many entries, after one that a
// page before ended with.
type askedPage struct {
	size    int
	after   cursor
	resumed bool // false for the first page
}

// cutPage cuts the page asked for out of a list in its order, and makes the token
// of the next one, "" where this is the last. compare is the list's order; at is
// where an entry stands in it.
func cutPage[T any](c *call, list []T, p askedPage, at func(T) cursor, compare func(T, cursor) int) (page []T, token string) {
	if p.resumed {
		first, found := slices.BinarySearchFunc(list, p.after, compare)
		if found {
			first++
		}
		list = list[first:]
	}
	if len(list) > p.size {
		list = list[:p.size]
		token = c.next(at(list[p.size-1]))
	}
	return list, token
}

// macSize is how much of the token is its seal.
const macSize = 12

// pager makes page tokens, and knows them again.
type pager struct{ secret []byte }

// pageSize reads page_size within 1 and most.
func pageSize(query url.Values, usual, most int) (int, error) {
	text := query.Get("page_size")
	if text == "" {
		return usual, nil
	}
	size, err := strconv.Atoi(text)
	if err != nil {
		return 0, invalidField("page_size", text, "page_size should be an integer")
	}
	if size < 1 || size > most {
		return 0, refuse(codePageSize)
	}
	return size, nil
}

// seal makes the token for the page after c. It belongs to the endpoint and to
// all parameters but page_size.
func (p pager) seal(endpoint string, params map[string]string, query url.Values, c cursor) string {
	plain := append([]byte{c.part}, binary.BigEndian.AppendUint64(nil, uint64(c.rank))...)
	plain = append(plain, c.id...)
	mac := p.mac(endpoint, params, query, plain)
	return base64.StdEncoding.EncodeToString(append(mac, plain...))
}

// open reads a token that seal made for the same call. ok is false where there
// is no token.
func (p pager) open(endpoint string, params map[string]string, query url.Values) (c cursor, ok bool, err error) {
	c, ok, err = p.unseal(endpoint, params, query)
	if !ok || c.part != stayPart {
		return c, ok, err
	}
	query = maps.Clone(query)
	query.Set("page_token", c.id)
	return p.unseal(endpoint, params, query)
}

func (p pager) unseal(endpoint string, params map[string]string, query url.Values) (c cursor, ok bool, err error) {
	token := query.Get("page_token")
	if token == "" {
		return cursor{}, false, nil
	}
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil || len(raw) < macSize+9 {
		return cursor{}, false, refuse(codePageToken)
	}
	mac, plain := raw[:macSize], raw[macSize:]
	if !hmac.Equal(mac, p.mac(endpoint, params, query, plain)) {
		return cursor{}, false, refuse(codePageToken)
	}
	return cursor{part: plain[0], rank: int64(binary.BigEndian.Uint64(plain[1:9])), id: string(plain[9:])}, true, nil
}

// stayPart marks a token that leads to the page that another token leads to.
const stayPart = 0xff

// stay makes a token that leads to the page that the call has just asked for. It
// is another one each time, so that no client takes it for a loop.
func (p pager) stay(endpoint string, params map[string]string, query url.Values) string {
	token, times := query.Get("page_token"), int64(0)
	if c, ok, _ := p.unseal(endpoint, params, query); ok && c.part == stayPart {
		token, times = c.id, c.rank+1
	}
	return p.seal(endpoint, params, query, cursor{part: stayPart, rank: times, id: token})
}

func (p pager) mac(endpoint string, params map[string]string, query url.Values, plain []byte) []byte {
	h := hmac.New(sha256.New, p.secret)
	writeField(h, endpoint)
	for _, name := range slices.Sorted(maps.Keys(params)) {
		writeField(h, name)
		writeField(h, params[name])
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if name == "page_token" || name == "page_size" {
			continue
		}
		writeField(h, name)
		for _, v := range query[name] {
			writeField(h, v)
		}
	}
	h.Write(plain)
	return h.Sum(nil)[:macSize]
}

// writeField writes a text so that two of them cannot run into each other.
func writeField(h hash.Hash, s string) {
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(s))))
	_, _ = io.WriteString(h, s) // a hash never fails
}

// appendPageEnd closes a listing: has_more, and page_token only if there is
// more, since an empty one would send the SDK's iterators back to page one.
// The keys around it are sorted, so it is written in two pieces.
func appendHasMore(buf []byte, more bool) []byte {
	buf = append(buf, `"has_more":`...)
	return strconv.AppendBool(buf, more)
}

func appendPageToken(buf []byte, token string) []byte {
	if token == "" {
		return buf
	}
	buf = append(buf, `,"page_token":`...)
	return appendString(buf, token)
}
