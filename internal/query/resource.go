package query

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
)

// Groups, units, definitions and the nodes of the scope are read in one way: each
// statement's columns are the moment's, whether what it asks about exists, two texts
// that are the sort key, and the row's, of which the first is NULL where there is none.

// listKey orders a list by one or two ids.
type listKey struct {
	First  string `json:"a"`
	Second string `json:"b,omitempty"`
}

func (k listKey) valid() bool {
	return !strings.ContainsRune(k.First, 0) && !strings.ContainsRune(k.Second, 0)
}

func (k *listKey) targets() []any { return []any{&k.First, &k.Second} }

// resourceRow is scanned straight into the message that it becomes.
type resourceRow[M proto.Message] struct {
	id      *string // NULL where the row is none
	columns []any   // after the id
	finish  func(id string) M
}

// resourcePage is a page of resources while it is read.
type resourcePage[M proto.Message] struct {
	found bool // what it is asked about exists
	items []M
	keys  []listKey
}

// readResources runs a statement for a list.
func readResources[M proto.Message](ctx context.Context, s *Service, t terms, p paging[listKey], newRow func() *resourceRow[M],
	statement string, args ...any,
) (items []M, next string, found bool, m meta, err error) {
	var now moment
	var page resourcePage[M]
	m, err = s.read(ctx, t.when, func(ctx context.Context) (moment, error) {
		now, page = moment{}, resourcePage[M]{}
		rows, err := s.pool.Query(ctx, statement, args...)
		if err != nil {
			return moment{}, fmt.Errorf("list resources: %w", err)
		}
		defer rows.Close()
		for rows.Next() {
			var key listKey
			row := newRow()
			targets := append(append(now.targets(), &page.found), key.targets()...)
			if err := rows.Scan(append(append(targets, &row.id), row.columns...)...); err != nil {
				return moment{}, fmt.Errorf("list resources: %w", err)
			}
			if row.id == nil {
				continue
			}
			item := row.finish(*row.id)
			t.mask.apply(item.ProtoReflect())
			page.items, page.keys = append(page.items, item), append(page.keys, key)
		}
		if err := rows.Err(); err != nil {
			return moment{}, fmt.Errorf("list resources: %w", err)
		}
		return now, p.check(now)
	})
	if err != nil {
		return nil, "", false, m, err
	}
	n, next, err := p.cut(now, page.keys, func(i int) int { return proto.Size(page.items[i]) })
	if err != nil {
		return nil, "", false, m, err
	}
	return page.items[:n], next, page.found, m, nil
}

// readResource is the same for one of them; it is the zero M where there is none.
func readResource[M proto.Message](ctx context.Context, s *Service, t terms, newRow func() *resourceRow[M], statement string, args ...any) (item M, m meta, err error) {
	items, _, _, m, err := readResources(ctx, s, t, paging[listKey]{size: 1}, newRow, statement, args...)
	if err == nil && len(items) > 0 {
		item = items[0]
	}
	return item, m, err
}

// afterKey is where a page begins: after the key of the last entry of the page before.
func afterKey(p paging[listKey]) (k listKey) {
	if p.after != nil {
		k = *p.after
	}
	return k
}
