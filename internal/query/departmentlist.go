package query

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// departmentPage is a page of departments while it is read.
type departmentPage[K pageKey] struct {
	departments []*pb.Department
	keys        []K
	known       bool // see userPage
}

// readDepartments runs a statement for a list of departments. Its columns are the
// moment's, whether what the list is of exists, those of the sort key, and the
// department's; without departments it has one row with the moment.
func readDepartments[K pageKey](ctx context.Context, s *Service, t terms, p paging[K],
	keyTargets func(*K) []any, statement string, args ...any,
) (now moment, page departmentPage[K], err error) {
	rows, err := s.pool.Query(ctx, statement, args...)
	if err != nil {
		return moment{}, page, fmt.Errorf("list departments: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var key K
		row := newDepartmentRow()
		targets := append(append(now.targets(), &page.known), keyTargets(&key)...)
		if err := rows.Scan(append(targets, row.targets()...)...); err != nil {
			return moment{}, page, fmt.Errorf("list departments: %w", err)
		}
		if department := row.message(t); department != nil {
			page.departments, page.keys = append(page.departments, department), append(page.keys, key)
		}
	}
	if err := rows.Err(); err != nil {
		return moment{}, page, fmt.Errorf("list departments: %w", err)
	}
	return now, page, p.check(now)
}

// cutDepartments is what of a read page is answered, and the token for the next one.
func cutDepartments[K pageKey](now moment, p paging[K], page departmentPage[K]) ([]*pb.Department, string, error) {
	n, next, err := p.cut(now, page.keys, func(i int) int { return proto.Size(page.departments[i]) })
	if err != nil {
		return nil, "", err
	}
	return page.departments[:n], next, nil
}
