package query

import (
	"encoding/json"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// departmentColumns are those of a department d; references are in the id kinds
// asked for ($2, $3). departmentColumnsThen are those of a version of one.
// departmentRow.targets has the same order.
const (
	departmentColumns     = departmentOwn + departmentLeaders + departmentRest
	departmentColumnsThen = departmentOwn + departmentLeadersThen + departmentRest

	departmentOwn = `
    d.open_department_id, d.department_id, d.name,
    d.i18n_name ->> 'zh_cn', d.i18n_name ->> 'ja_jp', d.i18n_name ->> 'en_us',
    CASE WHEN $3 = 'open_department_id' OR d.parent_department_id = '0' THEN d.parent_department_id
         ELSE (SELECT r.department_id
               FROM directory.departments AS r
               WHERE r.tenant_key = $1 AND r.open_department_id = d.parent_department_id)
    END,
    CASE WHEN $2 = 'open_id' THEN d.leader_user_id
         ELSE (SELECT CASE WHEN $2 = 'union_id' THEN r.union_id ELSE r.user_id END
               FROM directory.users AS r
               WHERE r.tenant_key = $1 AND r.open_id = d.leader_user_id)
    END,
    d.chat_id, d."order", d.unit_ids, d.member_count, d.primary_member_count,`

	departmentLeaders = departmentLeadersOf + `
     FROM directory.department_leaders AS l` + departmentLeadersAs + `),`

	departmentLeadersThen = departmentLeadersOf + `
     FROM history.department_leaders AS l` + departmentLeadersAs + `
       AND l.from_position <= d.from_position AND l.to_position > d.from_position),`

	departmentLeadersOf = `
    (SELECT jsonb_agg(jsonb_build_object('type', l.leader_type, 'id', i.id) ORDER BY l.leader_type, l.open_id)`

	departmentLeadersAs = `
     LEFT JOIN directory.users AS r ON $2 <> 'open_id' AND r.tenant_key = $1 AND r.open_id = l.open_id
     CROSS JOIN LATERAL (SELECT CASE $2 WHEN 'open_id' THEN l.open_id WHEN 'union_id' THEN r.union_id ELSE r.user_id END AS id) AS i
     WHERE l.tenant_key = $1 AND l.open_department_id = d.open_department_id AND i.id IS NOT NULL`

	departmentRest = `
    d.group_chat_employee_types,
    CASE WHEN $2 = 'open_id' THEN d.department_hrbps
         ELSE ARRAY(SELECT CASE WHEN $2 = 'union_id' THEN r.union_id ELSE r.user_id END
                    FROM unnest(d.department_hrbps) WITH ORDINALITY AS x (id, n)
                    JOIN directory.users AS r ON r.tenant_key = $1 AND r.open_id = x.id
                    WHERE CASE WHEN $2 = 'union_id' THEN r.union_id ELSE r.user_id END IS NOT NULL
                    ORDER BY x.n)
    END,
    d.removed_at, d.removed_reason`
)

// askedDepartment is the department that a request names by $4: asked resolves
// the id kind, target is empty where there is no such department. The paths of
// the departments below it lie between path and beyond ("0" follows "/"). The
// root exists even where the mirror has no row for it.
const askedDepartment = `asked AS (
    SELECT CASE
        WHEN $3 = 'open_department_id' OR $4 = '0' THEN $4
        ELSE ( -- reused after a deletion: whichever is there now, else which went last
            SELECT d.open_department_id
            FROM directory.departments AS d
            WHERE d.tenant_key = $1 AND d.department_id = $4
            ORDER BY d.removed_at IS NOT NULL, d.removed_at DESC, d.open_department_id
            LIMIT 1)
        END AS id
),
target AS (
    SELECT a.id,
           coalesce(d.path, '/0/') AS path,
           left(coalesce(d.path, '/0/'), -1) || '0' AS beyond
    FROM asked AS a
    LEFT JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = a.id
    WHERE d.open_department_id IS NOT NULL OR a.id = '0'
)`

// departmentRow is scanned straight into the message that it becomes.
type departmentRow struct {
	department *pb.Department
	id         *string // NULL where the row is none, or the root that has none
	removedAt  *time.Time
	leaders    []byte
}

func newDepartmentRow() *departmentRow {
	return &departmentRow{department: &pb.Department{I18NName: &pb.I18NName{}}}
}

func (r *departmentRow) targets() []any {
	d, names := r.department, r.department.I18NName
	return []any{
		&r.id, &d.DepartmentId, &d.Name,
		&names.ZhCn, &names.JaJp, &names.EnUs,
		&d.ParentDepartmentId, &d.LeaderUserId,
		&d.ChatId, &d.Order, &d.UnitIds, &d.MemberCount, &d.PrimaryMemberCount,
		&r.leaders, &d.GroupChatEmployeeTypes, &d.DepartmentHrbps,
		&r.removedAt, &d.RemovedReason,
	}
}

// message finishes the department for a caller; nil where there is none.
func (r *departmentRow) message(t terms) *pb.Department {
	if r.id == nil {
		return nil
	}
	d := r.department
	d.OpenDepartmentId = *r.id
	d.RemovedAt = timestamp(r.removedAt)
	if n := d.I18NName; n.ZhCn == nil && n.JaJp == nil && n.EnUs == nil {
		d.I18NName = nil
	}
	var leaders []struct {
		Type int32  `json:"type"`
		ID   string `json:"id"`
	}
	if r.leaders != nil && json.Unmarshal(r.leaders, &leaders) == nil {
		for _, l := range leaders {
			d.Leaders = append(d.Leaders, &pb.DepartmentLeader{LeaderType: l.Type, LeaderId: l.ID})
		}
	}
	if d.OpenDepartmentId == rootID {
		d.DepartmentId = proto.String(rootID)
	}
	t.mask.apply(d.ProtoReflect())
	return d
}

// bareRoot is the root where the mirror has no row for it.
func bareRoot(t terms) *pb.Department {
	id := rootID
	row := newDepartmentRow()
	row.id = &id
	return row.message(t)
}

func departmentNotFound(t terms) error {
	return &failure{
		reason: reasonDepartmentNotFound, message: "no department has this " + t.departmentIDType,
		metadata: map[string]string{"department_id_type": t.departmentIDType},
	}
}
