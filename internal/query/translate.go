package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// maxTranslated is how many ids are translated at once. They come in a body, which
// no proxy minds.
const maxTranslated = 1000

// Further kinds of ids, to translate from and to: fields of a user, and sensitive.
const (
	byEmail           = "email"
	byEnterpriseEmail = "enterprise_email"
	byMobile          = "mobile"
	byEmployeeNo      = "employee_no"
)

// translatable are the kinds, the default first.
var translatable = []string{openID, unionID, userID, byEmail, byEnterpriseEmail, byMobile, byEmployeeNo}

// translation is a request that was found to be in order.
type translation struct {
	when
	from string
	to   []string
	ids  []string
	also []string // another way to write each id, or the same
}

func translationOf(ctx context.Context, req *pb.TranslateUserIdsRequest) (t translation, err error) {
	sensitive := callOf(ctx).client.sees(RoleSensitive)
	if t.from, err = idKind("id_type", req.GetIdType(), sensitive); err != nil {
		return t, err
	}
	for _, word := range req.GetToIdTypes() {
		kind, err := idKind("to_id_types", word, sensitive)
		if err != nil {
			return t, err
		}
		t.to = append(t.to, kind)
	}
	if len(t.to) == 0 {
		t.to = []string{openID, unionID, userID}
	}
	if err := texts("ids", req.GetIds(), maxTranslated); err != nil {
		return t, err
	}
	for _, id := range req.GetIds() {
		one, other := ways(t.from, id)
		t.ids, t.also = append(t.ids, one), append(t.also, other)
	}
	t.when, err = whenOf(req)
	return t, err
}

func idKind(field, word string, sensitive bool) (string, error) {
	kind, err := oneOf(field, word, translatable...)
	if err == nil && !sensitive && slices.Contains(sensitiveFields, kind) {
		return "", fieldNotPermitted(field, kind)
	}
	return kind, err
}

// ways are how an id may be written in the mirror. Numbers are typed with all kinds
// of signs in them, and without the code of the country that most are in.
func ways(kind, id string) (one, other string) {
	switch kind {
	case byEmail, byEnterpriseEmail:
		id = strings.TrimSpace(id)
	case byMobile:
		id = strings.Map(func(r rune) rune {
			if strings.ContainsRune(" \t-().", r) {
				return -1
			}
			return r
		}, id)
		if !strings.HasPrefix(id, "+") {
			return id, "+86" + id
		}
	}
	return id, id
}

// TranslateUserIds implements the RPC.
func (s *Service) TranslateUserIds(ctx context.Context, req *pb.TranslateUserIdsRequest) (*pb.TranslateUserIdsResponse, error) { //nolint:revive // the name is the RPC's
	t, err := translationOf(ctx, req)
	if err != nil {
		return nil, err
	}
	var results []*pb.TranslatedUserId
	meta, err := s.read(ctx, t.when, func(ctx context.Context) (now moment, err error) {
		now, results, err = s.translate(ctx, t)
		return now, err
	})
	if err != nil {
		return nil, err
	}
	for i, id := range req.GetIds() {
		results[i].Id = id
	}
	return &pb.TranslateUserIdsResponse{
		Results:  results,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

// translate finds the people. A row is an id with somebody who has it: whoever is
// there comes first, and there are two rows where somebody else has it too.
func (s *Service) translate(ctx context.Context, t translation) (now moment, results []*pb.TranslatedUserId, err error) {
	rows, err := s.pool.Query(ctx, selectTranslated, s.company(ctx), t.from, t.ids, t.also)
	if err != nil {
		return moment{}, nil, fmt.Errorf("translate ids: %w", err)
	}
	defer rows.Close()
	results = make([]*pb.TranslatedUserId, len(t.ids))
	for rows.Next() {
		var (
			n         int
			removedAt *time.Time
			u         pb.UserIds
		)
		targets := []any{&n, &removedAt, &u.OpenId, &u.UnionId, &u.UserId, &u.Email, &u.EnterpriseEmail, &u.Mobile, &u.EmployeeNo}
		if err := rows.Scan(append(now.targets(), targets...)...); err != nil {
			return moment{}, nil, fmt.Errorf("translate ids: %w", err)
		}
		switch before := results[n-1]; {
		case u.OpenId == nil:
			results[n-1] = &pb.TranslatedUserId{Missing: true}
		case before == nil:
			results[n-1] = &pb.TranslatedUserId{UserIds: t.only(&u), RemovedAt: timestamp(removedAt)}
		case removedAt == nil: // and so is the first of the two
			results[n-1] = &pb.TranslatedUserId{Ambiguous: true}
		}
	}
	if err := rows.Err(); err != nil {
		return moment{}, nil, fmt.Errorf("translate ids: %w", err)
	}
	if i := slices.Index(results, nil); i >= 0 {
		return moment{}, nil, fmt.Errorf("translate ids: no row for id %d of %d", i+1, len(results))
	}
	return now, results, nil
}

// only keeps the kinds that were asked for.
func (t translation) only(u *pb.UserIds) *pb.UserIds {
	kept := &pb.UserIds{}
	message := u.ProtoReflect()
	for _, kind := range t.to {
		if field := message.Descriptor().Fields().ByTextName(kind); message.Has(field) {
			kept.ProtoReflect().Set(field, message.Get(field))
		}
	}
	return kept
}

// One branch runs for each kind, the others end at their one-time filter.
const selectTranslated = `
SELECT ` + momentColumns + `, a.n, f.removed_at, f.open_id, f.union_id, f.user_id, f.email, f.enterprise_email, f.mobile, f.employee_no` + fromMoment + `
CROSS JOIN unnest($3::text[], $4::text[]) WITH ORDINALITY AS a (id, other, n)
LEFT JOIN LATERAL (
    SELECT u.removed_at, u.open_id, u.union_id, u.user_id, u.email, u.enterprise_email, u.mobile, u.employee_no
    FROM (
        SELECT c.open_id FROM directory.users AS c WHERE $2 = 'open_id' AND c.tenant_key = $1 AND c.open_id = a.id
        UNION ALL
        SELECT c.open_id FROM directory.users AS c WHERE $2 = 'union_id' AND c.tenant_key = $1 AND c.union_id = a.id
        UNION ALL
        SELECT c.open_id FROM directory.users AS c WHERE $2 = 'user_id' AND c.tenant_key = $1 AND c.user_id = a.id
        UNION ALL
        SELECT c.open_id FROM directory.users AS c WHERE $2 = 'email' AND c.tenant_key = $1 AND lower(c.email) = lower(a.id)
        UNION ALL
        SELECT c.open_id FROM directory.users AS c WHERE $2 IN ('email', 'enterprise_email') AND c.tenant_key = $1 AND lower(c.enterprise_email) = lower(a.id)
          AND ($2 <> 'email' OR lower(c.email) IS DISTINCT FROM lower(a.id)) -- who has it twice is one person
        UNION ALL
        SELECT c.open_id FROM directory.users AS c WHERE $2 = 'mobile' AND c.tenant_key = $1 AND c.mobile IN (a.id, a.other)
        UNION ALL
        SELECT c.open_id FROM directory.users AS c WHERE $2 = 'employee_no' AND c.tenant_key = $1 AND c.employee_no = a.id
    ) AS k
    JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = k.open_id
    ORDER BY u.removed_at IS NOT NULL, u.removed_at DESC, u.open_id
    LIMIT 2
) AS f ON true
ORDER BY a.n, f.removed_at IS NOT NULL, f.removed_at DESC, f.open_id`
