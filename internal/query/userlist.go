package query

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// userPage is a page of users while it is read.
type userPage[K pageKey] struct {
	users []*pb.User
	keys  []K
	// known says that what the list is of exists: the department, the person; of a
	// search, that there is something to search.
	known bool
}

// readUsers runs a statement for a list of users. Its columns are the moment's,
// whether what the list is of exists, those of the sort key, and the user's; without
// users it has one row with the moment.
func readUsers[K pageKey](ctx context.Context, s *Service, t terms, p paging[K],
	keyTargets func(*K) []any, statement string, args ...any,
) (now moment, page userPage[K], err error) {
	rows, err := s.pool.Query(ctx, statement, args...)
	if err != nil {
		return moment{}, page, fmt.Errorf("list users: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var key K
		row := newUserRow()
		targets := append(append(now.targets(), &page.known), keyTargets(&key)...)
		if err := rows.Scan(append(targets, row.targets()...)...); err != nil {
			return moment{}, page, fmt.Errorf("list users: %w", err)
		}
		if user := row.message(t); user != nil {
			page.users, page.keys = append(page.users, user), append(page.keys, key)
		}
	}
	if err := rows.Err(); err != nil {
		return moment{}, page, fmt.Errorf("list users: %w", err)
	}
	return now, page, p.check(now)
}

// cutUsers is what of a read page is answered, and the token for the next one.
func cutUsers[K pageKey](now moment, p paging[K], page userPage[K]) ([]*pb.User, string, error) {
	n, next, err := p.cut(now, page.keys, func(i int) int { return proto.Size(page.users[i]) })
	if err != nil {
		return nil, "", err
	}
	return page.users[:n], next, nil
}
