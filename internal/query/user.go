package query

import (
	"context"
	"fmt"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// maxBatch keeps the URL of a batch within what proxies let through.
const maxBatch = 100

var userDescriptor = (&pb.User{}).ProtoReflect().Descriptor()

// GetUser implements the RPC.
func (s *Service) GetUser(ctx context.Context, req *pb.GetUserRequest) (*pb.GetUserResponse, error) {
	t, err := termsOf(ctx, req, userDescriptor)
	if err != nil {
		return nil, err
	}
	id, err := text("user", req.GetUser())
	if err != nil {
		return nil, err
	}
	var user *pb.User
	meta, err := s.read(ctx, t.when, func(ctx context.Context) (moment, error) {
		if !t.native() {
			now, users, err := s.usersByID(ctx, t, []string{id})
			if err == nil {
				user = users[0]
			}
			return now, err
		}
		var now moment
		row := newUserRow()
		if err := s.pool.QueryRow(ctx, selectUser, s.company(ctx), id).Scan(append(now.targets(), row.targets()...)...); err != nil {
			return moment{}, fmt.Errorf("read a user: %w", err)
		}
		user = row.message(t)
		return now, nil
	})
	if err != nil {
		return nil, err
	}
	if user == nil {
		return nil, userNotFound(t)
	}
	return &pb.GetUserResponse{
		User:     user,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

func userNotFound(t terms) error {
	return &failure{
		reason: reasonUserNotFound, message: "no user has this " + t.userIDType,
		metadata: map[string]string{"user_id_type": t.userIDType},
	}
}

// selectUser is the read that is asked for most: by the key, in the ids that the
// mirror keeps, without a thought for others.
const selectUser = `SELECT ` + momentColumns + `,` + userColumns + `,` + userReferences + fromMoment + `
LEFT JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = $2`

// BatchGetUsers implements the RPC.
func (s *Service) BatchGetUsers(ctx context.Context, req *pb.BatchGetUsersRequest) (*pb.BatchGetUsersResponse, error) {
	t, err := termsOf(ctx, req, userDescriptor)
	if err != nil {
		return nil, err
	}
	ids := req.GetUserIds()
	if err := texts("user_ids", ids, maxBatch); err != nil {
		return nil, err
	}
	var users []*pb.User
	meta, err := s.read(ctx, t.when, func(ctx context.Context) (now moment, err error) {
		now, users, err = s.usersByID(ctx, t, ids)
		return now, err
	})
	if err != nil {
		return nil, err
	}
	results := make([]*pb.UserResult, len(ids))
	for i, id := range ids {
		results[i] = &pb.UserResult{Id: id, User: users[i], Missing: users[i] == nil}
	}
	return &pb.BatchGetUsersResponse{
		Results:  results,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

// usersByID reads users by ids of any kind, in order; nil where there is none.
func (s *Service) usersByID(ctx context.Context, t terms, ids []string) (now moment, users []*pb.User, err error) {
	rows, err := s.pool.Query(ctx, selectUsers, s.company(ctx), t.userIDType, t.departmentIDType, ids)
	if err != nil {
		return moment{}, nil, fmt.Errorf("read users by id: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		row := newUserRow()
		if err := rows.Scan(append(now.targets(), row.targets()...)...); err != nil {
			return moment{}, nil, fmt.Errorf("read users by id: %w", err)
		}
		users = append(users, row.message(t))
	}
	if err := rows.Err(); err != nil {
		return moment{}, nil, fmt.Errorf("read users by id: %w", err)
	}
	if len(users) != len(ids) {
		return moment{}, nil, fmt.Errorf("read users by id: %d rows for %d ids", len(users), len(ids))
	}
	return now, users, nil
}

const selectUsers = `SELECT ` + momentColumns + `,` + userColumns + `,` + userReferencesAsked + fromMoment + `
CROSS JOIN unnest($4::text[]) WITH ORDINALITY AS a (id, n)
LEFT JOIN directory.users AS u
    ON u.tenant_key = $1
   AND u.open_id = CASE
       WHEN $2 = 'open_id' THEN a.id
       WHEN $2 = 'union_id' THEN (
           SELECT r.open_id
           FROM directory.users AS r
           WHERE r.tenant_key = $1 AND r.union_id = a.id
           ORDER BY r.removed_at IS NOT NULL, r.removed_at DESC, r.open_id
           LIMIT 1)
       ELSE ( -- given to somebody else after a departure: whoever is there now, else who left last
           SELECT r.open_id
           FROM directory.users AS r
           WHERE r.tenant_key = $1 AND r.user_id = a.id
           ORDER BY r.removed_at IS NOT NULL, r.removed_at DESC, r.open_id
           LIMIT 1)
       END
ORDER BY a.n`
