package projector

// Rows come as JSON and take the type of their table, so SELECT * is the
// table's own columns in the table's own order: the one place where it is right.

const upsertUsers = `
INSERT INTO directory.users
SELECT * FROM jsonb_populate_recordset(NULL::directory.users, $1::jsonb)
ON CONFLICT (tenant_key, open_id) DO UPDATE SET (
    union_id, user_id, name, en_name, nickname, email, enterprise_email, mobile, mobile_visible,
    gender, avatar, is_frozen, is_resigned, is_activated, is_exited, is_unjoin, department_ids,
    leader_user_id, city, country, work_station, join_time, is_tenant_manager, employee_no,
    employee_type, job_title, job_level_id, job_family_id, geo, description,
    dotted_line_leader_user_ids, custom_attrs, attributes, removed_at, removed_reason, position
) = ROW (
    excluded.union_id, excluded.user_id, excluded.name, excluded.en_name, excluded.nickname,
    excluded.email, excluded.enterprise_email, excluded.mobile, excluded.mobile_visible,
    excluded.gender, excluded.avatar, excluded.is_frozen, excluded.is_resigned,
    excluded.is_activated, excluded.is_exited, excluded.is_unjoin, excluded.department_ids,
    excluded.leader_user_id, excluded.city, excluded.country, excluded.work_station,
    excluded.join_time, excluded.is_tenant_manager, excluded.employee_no, excluded.employee_type,
    excluded.job_title, excluded.job_level_id, excluded.job_family_id, excluded.geo,
    excluded.description, excluded.dotted_line_leader_user_ids, excluded.custom_attrs,
    excluded.attributes, excluded.removed_at, excluded.removed_reason, excluded.position
)`

const upsertDepartments = `
INSERT INTO directory.departments
SELECT * FROM jsonb_populate_recordset(NULL::directory.departments, $1::jsonb)
ON CONFLICT (tenant_key, open_department_id) DO UPDATE SET (
    department_id, name, i18n_name, parent_department_id, leader_user_id, chat_id, "order",
    order_number, unit_ids, department_hrbps, group_chat_employee_types, member_count,
    primary_member_count, path, depth, attributes, removed_at, removed_reason, position
) = ROW (
    excluded.department_id, excluded.name, excluded.i18n_name, excluded.parent_department_id,
    excluded.leader_user_id, excluded.chat_id, excluded."order", excluded.order_number,
    excluded.unit_ids, excluded.department_hrbps, excluded.group_chat_employee_types,
    excluded.member_count, excluded.primary_member_count, excluded.path, excluded.depth,
    excluded.attributes, excluded.removed_at, excluded.removed_reason, excluded.position
)`

const upsertMemberships = `
INSERT INTO directory.memberships
SELECT * FROM jsonb_populate_recordset(NULL::directory.memberships, $1::jsonb)
ON CONFLICT (tenant_key, open_department_id, open_id) DO UPDATE SET (
    is_primary_dept, user_order, department_order, position
) = ROW (
    excluded.is_primary_dept, excluded.user_order, excluded.department_order, excluded.position
)`

const upsertLeaders = `
INSERT INTO directory.department_leaders
SELECT * FROM jsonb_populate_recordset(NULL::directory.department_leaders, $1::jsonb)
ON CONFLICT (tenant_key, open_department_id, open_id) DO UPDATE SET (
    leader_type, position
) = ROW (
    excluded.leader_type, excluded.position
)`

// States travel as texts: the fold compares bytes, and jsonb would write them
// anew.
const upsertStates = `
INSERT INTO directory.fold_state (tenant_key, entity_kind, entity_id, state, valid_from)
SELECT *
FROM unnest(@tenants::text[], @kinds::text[], @ids::text[], @states::text[], @valid_froms::timestamptz[])
ON CONFLICT (tenant_key, entity_kind, entity_id) DO UPDATE SET
    state = excluded.state,
    valid_from = excluded.valid_from`

// A sweep's end carries its beginning too, so the first mark may be missing.
const upsertSweeps = `
INSERT INTO directory.sweeps
SELECT * FROM jsonb_populate_recordset(NULL::directory.sweeps, $1::jsonb)
ON CONFLICT (tenant_key, sweep_id) DO UPDATE SET (
    started_at, completed_at, position
) = ROW (
    excluded.started_at, excluded.completed_at, excluded.position
)`

const insertUserVersions = `
INSERT INTO history.users
SELECT * FROM jsonb_populate_recordset(NULL::history.users, $1::jsonb)`

const insertDepartmentVersions = `
INSERT INTO history.departments
SELECT * FROM jsonb_populate_recordset(NULL::history.departments, $1::jsonb)`

const insertMembershipVersions = `
INSERT INTO history.memberships
SELECT * FROM jsonb_populate_recordset(NULL::history.memberships, $1::jsonb)`

const insertLeaderVersions = `
INSERT INTO history.department_leaders
SELECT * FROM jsonb_populate_recordset(NULL::history.department_leaders, $1::jsonb)`

// LATERAL and LIMIT keep the planner to one look into the index for each row that
// ends: joined freely it reads all open versions, as long as nobody has analyzed
// the table and it believes that there are few.

const endUserVersions = `
UPDATE history.users h
SET to_position = r.to_position, valid_to = r.valid_to
FROM jsonb_to_recordset($1::jsonb) AS r (tenant_key text, open_id text, to_position bigint, valid_to timestamptz)
CROSS JOIN LATERAL (SELECT v.ctid
                    FROM history.users v
                    WHERE v.tenant_key = r.tenant_key
                      AND v.open_id = r.open_id
                      AND v.to_position = 9223372036854775807
                    LIMIT 1) AS v
WHERE h.ctid = v.ctid`

const endDepartmentVersions = `
UPDATE history.departments h
SET to_position = r.to_position, valid_to = r.valid_to
FROM jsonb_to_recordset($1::jsonb) AS r (tenant_key text, open_department_id text, to_position bigint, valid_to timestamptz)
CROSS JOIN LATERAL (SELECT v.ctid
                    FROM history.departments v
                    WHERE v.tenant_key = r.tenant_key
                      AND v.open_department_id = r.open_department_id
                      AND v.to_position = 9223372036854775807
                    LIMIT 1) AS v
WHERE h.ctid = v.ctid`

const endMembershipVersions = `
UPDATE history.memberships h
SET to_position = r.to_position, valid_to = r.valid_to
FROM jsonb_to_recordset($1::jsonb) AS r (tenant_key text, open_department_id text, open_id text, to_position bigint, valid_to timestamptz)
CROSS JOIN LATERAL (SELECT v.ctid
                    FROM history.memberships v
                    WHERE v.tenant_key = r.tenant_key
                      AND v.open_department_id = r.open_department_id
                      AND v.open_id = r.open_id
                      AND v.to_position = 9223372036854775807
                    LIMIT 1) AS v
WHERE h.ctid = v.ctid`

const endLeaderVersions = `
UPDATE history.department_leaders h
SET to_position = r.to_position, valid_to = r.valid_to
FROM jsonb_to_recordset($1::jsonb) AS r (tenant_key text, open_department_id text, open_id text, to_position bigint, valid_to timestamptz)
CROSS JOIN LATERAL (SELECT v.ctid
                    FROM history.department_leaders v
                    WHERE v.tenant_key = r.tenant_key
                      AND v.open_department_id = r.open_department_id
                      AND v.open_id = r.open_id
                      AND v.to_position = 9223372036854775807
                    LIMIT 1) AS v
WHERE h.ctid = v.ctid`

const deleteMemberships = `
DELETE FROM directory.memberships d
USING jsonb_to_recordset($1::jsonb) AS r (tenant_key text, open_department_id text, open_id text)
WHERE d.tenant_key = r.tenant_key
  AND d.open_department_id = r.open_department_id
  AND d.open_id = r.open_id`

const deleteLeaders = `
DELETE FROM directory.department_leaders d
USING jsonb_to_recordset($1::jsonb) AS r (tenant_key text, open_department_id text, open_id text)
WHERE d.tenant_key = r.tenant_key
  AND d.open_department_id = r.open_department_id
  AND d.open_id = r.open_id`

const updatePlaces = `
UPDATE directory.departments d
SET path = r.path, depth = r.depth
FROM jsonb_to_recordset($1::jsonb) AS r (tenant_key text, open_department_id text, path text, depth integer)
WHERE d.tenant_key = r.tenant_key
  AND d.open_department_id = r.open_department_id`

// A page that is folded again after a lost race parks the same again.
const insertParked = `
INSERT INTO mirror.event_log_parked
SELECT * FROM jsonb_populate_recordset(NULL::mirror.event_log_parked, $1::jsonb)
ON CONFLICT DO NOTHING`

const upsertRereads = `
INSERT INTO mirror.reread_queue AS q
SELECT * FROM jsonb_populate_recordset(NULL::mirror.reread_queue, $1::jsonb)
ON CONFLICT (tenant_key, entity_kind, entity_id) DO UPDATE SET
    reasons = ARRAY (SELECT DISTINCT reason FROM unnest(q.reasons || excluded.reasons) AS reason ORDER BY reason),
    not_before = greatest(q.not_before, excluded.not_before),
    position = excluded.position`
