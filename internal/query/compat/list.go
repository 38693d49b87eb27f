package compat

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/orgmirror/orgmirror/internal/query"
)

// pages reads page_size, between 1 and most, and page_token, which belongs to the
// method and to all parameters but these two.
func (c *call) pages(usual, most int) (query.Pages, error) {
	size := usual
	if text := c.query.Get("page_size"); text != "" {
		var err error
		if size, err = strconv.Atoi(text); err != nil {
			return query.Pages{}, invalidField("page_size", text, "page_size should be an integer")
		}
		if size < 1 || size > most {
			return query.Pages{}, refuse(codePageSize)
		}
	}
	return query.NewPages(size, c.fingerprint(), c.query.Get("page_token"))
}

// fingerprint is what a page token belongs to.
func (c *call) fingerprint() []byte {
	bound := url.Values{}
	for name, values := range c.query {
		if name != "page_size" && name != "page_token" {
			bound[name] = values
		}
	}
	// The client's id too, since what it may see decides what a page has.
	parts := []string{"compat", c.service.Company(c.ctx), c.client.ID(), c.method.name, c.request.URL.EscapedPath(), bound.Encode(), c.searched}
	return []byte(strings.Join(parts, "\x00"))
}

// listing is a page while it is read.
type listing struct {
	now     query.Moment
	entries [][]byte
	keys    []query.Key
}

func (l *listing) add(entry []byte, key query.Key) {
	l.entries, l.keys = append(l.entries, entry), append(l.keys, key)
}

// answerPage answers with a page, under the name that the method gives its list.
func (c *call) answerPage(name string, p query.Pages, l listing) error {
	n, next, err := p.Cut(l.now, l.keys)
	if err != nil {
		return err
	}
	o := object{name: join(l.entries[:n]), "has_more": marshal(next != "")}
	if next != "" {
		o.text("page_token", next)
	}
	c.data = o.append(nil)
	return nil
}

func join(entries [][]byte) []byte {
	buf := []byte{'['}
	for i, e := range entries {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = append(buf, e...)
	}
	return append(buf, ']')
}

// rows runs a statement and hands each row over, after the moment has been read
// into now.
func (c *call) rows(ctx context.Context, now *query.Moment, statement string, args, targets []any, each func() error) error {
	rows, err := c.service.Query(ctx, statement, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", c.method.name, err)
	}
	defer rows.Close()
	all := slices.Concat(now.Targets(), targets)
	for rows.Next() {
		if err := rows.Scan(all...); err != nil {
			return fmt.Errorf("%s: %w", c.method.name, err)
		}
		if err := each(); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%s: %w", c.method.name, err)
	}
	return nil
}
