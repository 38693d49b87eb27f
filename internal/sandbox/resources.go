package sandbox

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// What groups, units, employee types and custom attributes have in common.

// maxResourceID is how long an id of a group or unit may be.
const maxResourceID = 64

// validResourceID tells whether a caller may give a group or unit this id.
func validResourceID(id string) bool {
	return id != "" && len(id) <= maxResourceID && !strings.ContainsFunc(id, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

// lengthWithin counts characters, not bytes.
func lengthWithin(s string, least, most int) bool {
	n := utf8.RuneCountInString(s)
	return n >= least && n <= most
}

// bodyInto decodes the request's body, where nothing at all and null stand for
// an empty object. bad is the answer to what is no such object.
func (c *call) bodyInto(v any, bad *Error) error {
	if len(c.body) > 0 && json.Unmarshal(c.body, v) != nil {
		return bad
	}
	return nil
}

// pageByKey cuts the page that the call asks for out of a list that is sorted
// by key, and makes the token of the next one.
func pageByKey[T any](c *call, usual, most int, list []T, key func(T) string) (page []T, token string, err error) {
	asked, err := c.page(usual, most)
	if err != nil {
		return nil, "", err
	}
	page, token = cutPage(c, list, asked, func(v T) cursor { return cursor{id: key(v)} },
		func(v T, after cursor) int { return strings.Compare(key(v), after.id) })
	return page, token, nil
}

// shortTokenText words a bad page token as some methods do.
func shortTokenText(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Code == codePageToken {
		return e.saying("page token is invalid")
	}
	return err
}

// answerPage answers with a page of a listing under the name that its method
// gives the list. Keys are sorted, as everywhere.
func answerPage[T any](c *call, name string, page []T, token string, entry func(buf []byte, v T) []byte) {
	o := begin(c.buf, nil, nil)
	list := func() {
		o.rawKey(name)
		o.buf = append(o.buf, '[')
		for i, v := range page {
			if i > 0 {
				o.buf = append(o.buf, ',')
			}
			o.buf = entry(o.buf, v)
		}
		o.buf = append(o.buf, ']')
	}
	if name < "has_more" {
		list()
	}
	o.bool("has_more", token != "")
	if name > "has_more" && name < "page_token" {
		list()
	}
	o.strIf("page_token", token)
	if name > "page_token" {
		list()
	}
	c.buf = o.end()
}

// answerNothing is the answer of a write that has nothing to say.
func (c *call) answerNothing() error {
	c.buf = append(c.buf, "{}"...)
	return nil
}

// answerField answers with one text.
func (c *call) answerField(name, value string) error {
	o := begin(c.buf, nil, nil)
	o.str(name, value)
	c.buf = o.end()
	return nil
}

// appendTexts appends texts by locale, as a list.
func appendTexts(buf []byte, texts []Text) []byte {
	buf = append(buf, '[')
	for i, t := range texts {
		if i > 0 {
			buf = append(buf, ',')
		}
		o := begin(buf, nil, nil)
		o.str("locale", t.Locale)
		o.str("value", t.Value)
		buf = o.end()
	}
	return append(buf, ']')
}

// sortedSet is a list sorted, and without repetitions; nil where it is empty.
func sortedSet(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

// insertSorted puts a text into a sorted list, unless it is there.
func insertSorted(list []string, s string) []string {
	at, found := slices.BinarySearch(list, s)
	if found {
		return list
	}
	return slices.Insert(list, at, s)
}

// removeSorted takes a text out of a sorted list; nil where nothing is left.
func removeSorted(list []string, s string) []string {
	if at, found := slices.BinarySearch(list, s); found {
		list = slices.Delete(list, at, at+1)
	}
	if len(list) == 0 {
		return nil
	}
	return list
}

// Features are parts of Feishu that a tenant may lack: by its plan, or because
// its administrators turned them off.
type Features struct {
	Groups bool `json:"groups"` // 42015 where off
	Units  bool `json:"units"`  // 43050 where off
}
