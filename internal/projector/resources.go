package projector

// The statements of groups, units and what the app may see; see definitions.go.

const upsertGroups = `
INSERT INTO directory.groups
SELECT * FROM jsonb_populate_recordset(NULL::directory.groups, $1::jsonb)
ON CONFLICT (tenant_key, group_id) DO UPDATE SET (
    name, description, type, member_user_count, member_department_count, department_scope_list, attributes,
    removed_at, removed_reason, position
) = ROW (
    excluded.name, excluded.description, excluded.type, excluded.member_user_count,
    excluded.member_department_count, excluded.department_scope_list, excluded.attributes,
    excluded.removed_at, excluded.removed_reason, excluded.position
)`

const insertGroups = `
INSERT INTO history.groups
SELECT * FROM jsonb_populate_recordset(NULL::history.groups, $1::jsonb)`

const endGroups = `
UPDATE history.groups h
SET to_position = r.to_position, valid_to = r.valid_to
FROM jsonb_to_recordset($1::jsonb) AS r (tenant_key text, group_id text, to_position bigint, valid_to timestamptz)
WHERE h.tenant_key = r.tenant_key
  AND h.group_id = r.group_id
  AND h.to_position = 9223372036854775807`

const upsertGroupMembers = `
INSERT INTO directory.group_members
SELECT * FROM jsonb_populate_recordset(NULL::directory.group_members, $1::jsonb)
ON CONFLICT (tenant_key, group_id, member_type, member_id) DO UPDATE SET (
    removed_at, removed_reason, position
) = ROW (
    excluded.removed_at, excluded.removed_reason, excluded.position
)`

const insertGroupMembers = `
INSERT INTO history.group_members
SELECT * FROM jsonb_populate_recordset(NULL::history.group_members, $1::jsonb)`

const endGroupMembers = `
UPDATE history.group_members h
SET to_position = r.to_position, valid_to = r.valid_to
FROM jsonb_to_recordset($1::jsonb) AS r (tenant_key text, group_id text, member_type text, member_id text, to_position bigint, valid_to timestamptz)
WHERE h.tenant_key = r.tenant_key
  AND h.group_id = r.group_id
  AND h.member_type = r.member_type
  AND h.member_id = r.member_id
  AND h.to_position = 9223372036854775807`

const upsertUnits = `
INSERT INTO directory.units
SELECT * FROM jsonb_populate_recordset(NULL::directory.units, $1::jsonb)
ON CONFLICT (tenant_key, unit_id) DO UPDATE SET (
    name, unit_type, attributes, removed_at, removed_reason, position
) = ROW (
    excluded.name, excluded.unit_type, excluded.attributes, excluded.removed_at, excluded.removed_reason,
    excluded.position
)`

const insertUnits = `
INSERT INTO history.units
SELECT * FROM jsonb_populate_recordset(NULL::history.units, $1::jsonb)`

const endUnits = `
UPDATE history.units h
SET to_position = r.to_position, valid_to = r.valid_to
FROM jsonb_to_recordset($1::jsonb) AS r (tenant_key text, unit_id text, to_position bigint, valid_to timestamptz)
WHERE h.tenant_key = r.tenant_key
  AND h.unit_id = r.unit_id
  AND h.to_position = 9223372036854775807`

const upsertUnitDepartments = `
INSERT INTO directory.unit_departments
SELECT * FROM jsonb_populate_recordset(NULL::directory.unit_departments, $1::jsonb)
ON CONFLICT (tenant_key, unit_id, open_department_id) DO UPDATE SET (
    removed_at, removed_reason, position
) = ROW (
    excluded.removed_at, excluded.removed_reason, excluded.position
)`

const insertUnitDepartments = `
INSERT INTO history.unit_departments
SELECT * FROM jsonb_populate_recordset(NULL::history.unit_departments, $1::jsonb)`

const endUnitDepartments = `
UPDATE history.unit_departments h
SET to_position = r.to_position, valid_to = r.valid_to
FROM jsonb_to_recordset($1::jsonb) AS r (tenant_key text, unit_id text, open_department_id text, to_position bigint, valid_to timestamptz)
WHERE h.tenant_key = r.tenant_key
  AND h.unit_id = r.unit_id
  AND h.open_department_id = r.open_department_id
  AND h.to_position = 9223372036854775807`

const upsertScopes = `
INSERT INTO directory.scopes
SELECT * FROM jsonb_populate_recordset(NULL::directory.scopes, $1::jsonb)
ON CONFLICT (tenant_key, node_type, node_id) DO UPDATE SET (
    removed_at, removed_reason, position
) = ROW (
    excluded.removed_at, excluded.removed_reason, excluded.position
)`

const insertScopes = `
INSERT INTO history.scopes
SELECT * FROM jsonb_populate_recordset(NULL::history.scopes, $1::jsonb)`

const endScopes = `
UPDATE history.scopes h
SET to_position = r.to_position, valid_to = r.valid_to
FROM jsonb_to_recordset($1::jsonb) AS r (tenant_key text, node_type text, node_id text, to_position bigint, valid_to timestamptz)
WHERE h.tenant_key = r.tenant_key
  AND h.node_type = r.node_type
  AND h.node_id = r.node_id
  AND h.to_position = 9223372036854775807`
