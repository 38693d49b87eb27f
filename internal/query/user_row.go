package query

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// A user's columns are userColumns and, after them, those that name others:
// userReferences as the mirror keeps them, or userReferencesAsked in the id kinds
// that were asked for ($2, $3). userRow.targets has the same order.
const (
	userColumns = `
    u.open_id, u.union_id, u.user_id, u.name, u.en_name, u.nickname,
    u.email, u.enterprise_email, u.mobile, u.mobile_visible, u.gender,
    u.avatar ->> 'avatar_72', u.avatar ->> 'avatar_240', u.avatar ->> 'avatar_640', u.avatar ->> 'avatar_origin',
    u.is_frozen, u.is_resigned, u.is_activated, u.is_exited, u.is_unjoin,
    u.city, u.country, u.work_station, u.join_time, u.is_tenant_manager, u.employee_no, u.employee_type,
    u.job_title, u.geo, u.job_level_id, u.job_family_id, u.description, u.removed_at, u.removed_reason`

	// orders comes from attributes: it is the placement that memberships is made
	// from, at a tenth of the cost of collecting it there.
	userReferences = `
    u.leader_user_id, u.dotted_line_leader_user_ids, u.department_ids, u.attributes -> 'orders', u.custom_attrs`

	userReferencesAsked = `
    CASE WHEN $2 = 'open_id' THEN u.leader_user_id
         ELSE (SELECT CASE WHEN $2 = 'union_id' THEN r.union_id ELSE r.user_id END
               FROM directory.users AS r
               WHERE r.tenant_key = $1 AND r.open_id = u.leader_user_id)
    END,
    CASE WHEN $2 = 'open_id' THEN u.dotted_line_leader_user_ids
         ELSE ARRAY(SELECT CASE WHEN $2 = 'union_id' THEN r.union_id ELSE r.user_id END
                    FROM unnest(u.dotted_line_leader_user_ids) WITH ORDINALITY AS x (id, n)
                    JOIN directory.users AS r ON r.tenant_key = $1 AND r.open_id = x.id
                    WHERE CASE WHEN $2 = 'union_id' THEN r.union_id ELSE r.user_id END IS NOT NULL
                    ORDER BY x.n)
    END,
    CASE WHEN $3 = 'open_department_id' THEN u.department_ids
         ELSE ARRAY(SELECT CASE WHEN x.id = '0' THEN '0' ELSE d.department_id END
                    FROM unnest(u.department_ids) WITH ORDINALITY AS x (id, n)
                    LEFT JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = x.id
                    WHERE x.id = '0' OR d.department_id IS NOT NULL
                    ORDER BY x.n)
    END,
    CASE WHEN $3 = 'open_department_id' OR jsonb_typeof(u.attributes -> 'orders') <> 'array' THEN u.attributes -> 'orders'
         ELSE (SELECT jsonb_agg(CASE WHEN x.o ->> 'department_id' = '0' THEN x.o
                                     ELSE jsonb_set(x.o, '{department_id}', to_jsonb(d.department_id))
                                END ORDER BY x.n)
               FROM jsonb_array_elements(u.attributes -> 'orders') WITH ORDINALITY AS x (o, n)
               LEFT JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = x.o ->> 'department_id'
               WHERE x.o ->> 'department_id' = '0' OR d.department_id IS NOT NULL)
    END,
    CASE WHEN $2 = 'open_id' OR jsonb_typeof(u.custom_attrs) <> 'array' THEN u.custom_attrs
         ELSE (SELECT jsonb_agg(CASE WHEN x.a #>> '{value,generic_user,id}' IS NULL THEN x.a
                                     WHEN r.id IS NULL THEN x.a #- '{value,generic_user}'
                                     ELSE jsonb_set(x.a, '{value,generic_user,id}', to_jsonb(r.id))
                                END ORDER BY x.n)
               FROM jsonb_array_elements(u.custom_attrs) WITH ORDINALITY AS x (a, n)
               LEFT JOIN LATERAL (SELECT CASE WHEN $2 = 'union_id' THEN r.union_id ELSE r.user_id END AS id
                                  FROM directory.users AS r
                                  WHERE r.tenant_key = $1 AND r.open_id = x.a #>> '{value,generic_user,id}') AS r ON true)
    END`
)

// userRow is scanned straight into the message that it becomes.
type userRow struct {
	user        *pb.User
	id          *string // NULL where there is no such user
	joinTime    *time.Time
	removedAt   *time.Time
	orders      []byte
	customAttrs []byte
}

func newUserRow() *userRow {
	return &userRow{user: &pb.User{Avatar: &pb.Avatar{}, Status: &pb.UserStatus{}}}
}

func (r *userRow) targets() []any {
	u, a, s := r.user, r.user.Avatar, r.user.Status
	return []any{
		&r.id, &u.UnionId, &u.UserId, &u.Name, &u.EnName, &u.Nickname,
		&u.Email, &u.EnterpriseEmail, &u.Mobile, &u.MobileVisible, &u.Gender,
		&a.Avatar_72, &a.Avatar_240, &a.Avatar_640, &a.AvatarOrigin,
		&s.IsFrozen, &s.IsResigned, &s.IsActivated, &s.IsExited, &s.IsUnjoin,
		&u.City, &u.Country, &u.WorkStation, &r.joinTime, &u.IsTenantManager, &u.EmployeeNo, &u.EmployeeType,
		&u.JobTitle, &u.Geo, &u.JobLevelId, &u.JobFamilyId, &u.Description, &r.removedAt, &u.RemovedReason,
		&u.LeaderUserId, &u.DottedLineLeaderUserIds, &u.DepartmentIds, &r.orders, &r.customAttrs,
	}
}

// message finishes the user for a caller; nil where there is none. Sensitive
// fields end here.
func (r *userRow) message(t terms) *pb.User {
	if r.id == nil {
		return nil
	}
	u := r.user
	u.OpenId = *r.id
	u.JoinTime, u.RemovedAt = timestamp(r.joinTime), timestamp(r.removedAt)
	u.Orders = ordersOf(r.orders)
	if u.Avatar.Avatar_72 == nil && u.Avatar.Avatar_240 == nil && u.Avatar.Avatar_640 == nil && u.Avatar.AvatarOrigin == nil {
		u.Avatar = nil
	}
	if s := u.Status; s.IsFrozen == nil && s.IsResigned == nil && s.IsActivated == nil && s.IsExited == nil && s.IsUnjoin == nil {
		u.Status = nil
	}
	if t.sensitive {
		u.CustomAttrs = customAttrsOf(r.customAttrs)
	} else {
		u.Mobile, u.Email, u.EnterpriseEmail, u.EmployeeNo, u.Gender = nil, nil, nil, nil, nil
	}
	t.mask.apply(u.ProtoReflect())
	return u
}

// ordersOf reads the places, the person's primary department first.
func ordersOf(raw []byte) []*pb.UserOrder {
	if len(raw) == 0 {
		return nil
	}
	var places []struct {
		DepartmentID    string `json:"department_id"`
		UserOrder       *int64 `json:"user_order"`
		DepartmentOrder *int64 `json:"department_order"`
		IsPrimaryDept   bool   `json:"is_primary_dept"`
	}
	if json.Unmarshal(raw, &places) != nil {
		return nil // the fold writes no other form
	}
	orders := make([]*pb.UserOrder, len(places))
	for i, p := range places {
		orders[i] = &pb.UserOrder{
			DepartmentId: p.DepartmentID, UserOrder: p.UserOrder,
			DepartmentOrder: p.DepartmentOrder, IsPrimaryDept: p.IsPrimaryDept,
		}
	}
	rank := func(o *pb.UserOrder) int64 {
		if o.DepartmentOrder == nil {
			return math.MinInt64
		}
		return *o.DepartmentOrder
	}
	slices.SortStableFunc(orders, func(a, b *pb.UserOrder) int {
		return cmp.Or(cmp.Compare(rank(b), rank(a)), strings.Compare(a.DepartmentId, b.DepartmentId))
	})
	return orders
}

// customAttrsOf reads the company's own fields. The mirror keeps them as Feishu
// gave them, so a part of another type than documented is left out, and the rest
// answered.
func customAttrsOf(raw []byte) []*pb.CustomAttr {
	var items []map[string]any
	if len(raw) == 0 || json.Unmarshal(raw, &items) != nil {
		return nil
	}
	attrs := make([]*pb.CustomAttr, 0, len(items))
	for _, item := range items {
		a := &pb.CustomAttr{}
		a.Id, _ = item["id"].(string)
		a.Type, _ = item["type"].(string)
		if value, ok := item["value"].(map[string]any); ok {
			a.Value = customAttrValueOf(value)
		}
		attrs = append(attrs, a)
	}
	return attrs
}

func customAttrValueOf(value map[string]any) *pb.CustomAttrValue {
	part := func(name string) *string {
		if s, ok := value[name].(string); ok {
			return proto.String(s)
		}
		return nil
	}
	v := &pb.CustomAttrValue{
		Text: part("text"), Url: part("url"), PcUrl: part("pc_url"),
		OptionId: part("option_id"), OptionValue: part("option_value"),
		Name: part("name"), PictureUrl: part("picture_url"),
	}
	if person, ok := value["generic_user"].(map[string]any); ok {
		v.GenericUser = &pb.CustomAttrGenericUser{}
		v.GenericUser.Id, _ = person["id"].(string)
		if kind, ok := person["type"].(float64); ok {
			v.GenericUser.Type = int32(kind)
		}
	}
	return v
}
