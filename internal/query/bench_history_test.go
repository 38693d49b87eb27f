package query_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// BenchmarkHistory compares a company of 20 000 people whose history has
// 80 000 versions: over an hour in which 20 people changed, and over all time, in which
// everybody did; and reads somebody's timeline.
func BenchmarkHistory(b *testing.B) {
	company := setup(b, nil, "company", "history")
	company.exec(b, `ANALYZE history.users, history.departments, history.department_leaders`)
	history := pb.NewHistoryServiceClient(company.conn)
	ctx := as(b, "reads")
	var department, person string
	if err := company.pool.QueryRow(b.Context(), `
SELECT (SELECT open_department_id FROM directory.departments WHERE department_id = 'D3'),
       (SELECT open_id FROM directory.users WHERE user_id = 'u77')`).Scan(&department, &person); err != nil {
		b.Fatal(err)
	}
	for name, req := range map[string]*pb.DiffOrganizationRequest{
		"an hour":                    {From: timestamppb.New(time.Now().Add(-time.Hour))},
		"an hour below a department": {From: timestamppb.New(time.Now().Add(-time.Hour)), Department: department},
		"all time":                   {From: timestamppb.New(time.Now().Add(-58 * 24 * time.Hour))},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := history.DiffOrganization(ctx, req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("a timeline", func(b *testing.B) {
		for b.Loop() {
			if _, err := history.ListUserChanges(ctx, &pb.ListUserChangesRequest{User: person}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
