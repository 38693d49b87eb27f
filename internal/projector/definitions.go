package projector

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// This file writes the small kinds: employee types, custom attributes and the
// setting that shows them, groups, units, and what joins these to others. They have
// no edges and no place in the tree.

// definitionKey is what a row is known by: each table takes the columns that it has.
type definitionKey struct {
	TenantKey string `json:"tenant_key"`

	EnumID           string `json:"enum_id,omitempty"`
	ID               string `json:"id,omitempty"`
	GroupID          string `json:"group_id,omitempty"`
	MemberType       string `json:"member_type,omitempty"`
	MemberID         string `json:"member_id,omitempty"`
	UnitID           string `json:"unit_id,omitempty"`
	OpenDepartmentID string `json:"open_department_id,omitempty"`
	NodeType         string `json:"node_type,omitempty"`
	NodeID           string `json:"node_id,omitempty"`
}

// definitionRow serves all kinds in the same way.
type definitionRow struct {
	definitionKey

	EnumValue   *string         `json:"enum_value,omitempty"`
	Content     *string         `json:"content,omitempty"`
	EnumType    *int64          `json:"enum_type,omitempty"`
	EnumStatus  *int64          `json:"enum_status,omitempty"`
	I18nContent json.RawMessage `json:"i18n_content,omitempty"`

	Type     *string         `json:"type,omitempty"` // of a group a number, which its column reads
	Options  json.RawMessage `json:"options,omitempty"`
	I18nName json.RawMessage `json:"i18n_name,omitempty"`

	Name                  *string  `json:"name,omitempty"`
	Description           *string  `json:"description,omitempty"`
	MemberUserCount       *int64   `json:"member_user_count,omitempty"`
	MemberDepartmentCount *int64   `json:"member_department_count,omitempty"`
	DepartmentScopeList   []string `json:"department_scope_list,omitempty"`
	UnitType              *string  `json:"unit_type,omitempty"`

	AllowOpenQuery *bool `json:"allow_open_query,omitempty"`

	Attributes    json.RawMessage    `json:"attributes"`
	RemovedAt     *time.Time         `json:"removed_at,omitempty"`
	RemovedReason *directory.Reason  `json:"removed_reason,omitempty"`
	Position      directory.Position `json:"position"`
	*ages
}

func newDefinitionKey(s *directory.State) definitionKey {
	k := definitionKey{TenantKey: s.Key.TenantKey}
	switch s.Key.Kind {
	case directory.KindEmployeeType:
		k.EnumID = s.Key.ID
	case directory.KindCustomAttribute:
		k.ID = s.Key.ID
	case directory.KindGroup:
		k.GroupID = s.Key.ID
	case directory.KindGroupMember:
		m := directory.GroupMemberOf(s)
		k.GroupID, k.MemberType, k.MemberID = m.GroupID, m.MemberType, m.MemberID
	case directory.KindUnit:
		k.UnitID = s.Key.ID
	case directory.KindUnitDepartment:
		d := directory.UnitDepartmentOf(s)
		k.UnitID, k.OpenDepartmentID = d.UnitID, d.OpenDepartmentID
	case directory.KindScopeNode:
		n := directory.ScopeNodeOf(s)
		k.NodeType, k.NodeID = n.NodeType, n.NodeID
	}
	return k
}

func newDefinitionRow(s *directory.State) *definitionRow {
	r := &definitionRow{definitionKey: newDefinitionKey(s)}
	life := directory.LifeOf(s)
	switch s.Key.Kind {
	case directory.KindEmployeeType:
		t := directory.EmployeeTypeOf(s)
		r.EnumValue, r.Content, r.EnumType, r.EnumStatus, r.I18nContent = t.EnumValue, t.Content, t.EnumType, t.EnumStatus, t.I18nContent
	case directory.KindCustomAttribute:
		a := directory.CustomAttributeOf(s)
		r.Type, r.Options, r.I18nName = a.Type, a.Options, a.I18nName
	case directory.KindCustomAttrSetting:
		r.AllowOpenQuery = directory.CustomAttrSettingOf(s).AllowOpenQuery
	case directory.KindGroup:
		g := directory.GroupOf(s)
		r.Name, r.Description, r.MemberUserCount, r.MemberDepartmentCount = g.Name, g.Description, g.MemberUserCount, g.MemberDepartmentCount
		r.DepartmentScopeList = g.DepartmentScopeList
		if g.Type != nil {
			number := strconv.FormatInt(*g.Type, 10)
			r.Type = &number
		}
	case directory.KindUnit:
		u := directory.UnitOf(s)
		r.Name, r.UnitType = u.Name, u.UnitType
	}
	r.Attributes = life.Attributes
	r.RemovedAt, r.RemovedReason = removed(life)
	return r
}

// definitionEnd closes an open version.
type definitionEnd struct {
	definitionKey

	ToPosition directory.Position `json:"to_position"`
	ValidTo    string             `json:"valid_to"`
}

// definitionRows are a page's rows of one kind.
type definitionRows struct {
	now      []*definitionRow
	ends     []definitionEnd
	versions []*definitionRow
}

func (t *tables) definition(e *entity) {
	kind := e.state.Key.Kind
	rows := t.definitions[kind]
	if rows == nil {
		rows = &definitionRows{}
		t.definitions[kind] = rows
	}
	if e.row {
		row := newDefinitionRow(e.state)
		row.Position = e.position
		rows.now = append(rows.now, row)
	}
	if e.closed != nil {
		rows.ends = append(rows.ends, definitionEnd{
			definitionKey: newDefinitionKey(e.state), ToPosition: e.closed.position, ValidTo: timestamp(e.closed.at),
		})
	}
	for _, v := range e.versions {
		a := v.ages()
		v.definition.ages = &a
		rows.versions = append(rows.versions, v.definition)
	}
}

// definitionSQL are the statements of one kind.
type definitionSQL struct{ upsert, end, insert string }

func (t *tables) queueDefinitions(b *batch) {
	statements := map[directory.Kind]definitionSQL{
		directory.KindGroup:             {upsertGroups, endGroups, insertGroups},
		directory.KindGroupMember:       {upsertGroupMembers, endGroupMembers, insertGroupMembers},
		directory.KindUnit:              {upsertUnits, endUnits, insertUnits},
		directory.KindUnitDepartment:    {upsertUnitDepartments, endUnitDepartments, insertUnitDepartments},
		directory.KindScopeNode:         {upsertScopes, endScopes, insertScopes},
		directory.KindEmployeeType:      {upsertEmployeeTypes, endEmployeeTypes, insertEmployeeTypes},
		directory.KindCustomAttribute:   {upsertCustomAttributes, endCustomAttributes, insertCustomAttributes},
		directory.KindCustomAttrSetting: {upsertCustomAttrSettings, endCustomAttrSettings, insertCustomAttrSettings},
	}
	for _, kind := range slices.Sorted(maps.Keys(t.definitions)) {
		rows, sql := t.definitions[kind], statements[kind]
		b.add(sql.end, len(rows.ends), rows.ends)
		b.add(sql.insert, len(rows.versions), rows.versions)
		b.add(sql.upsert, len(rows.now), rows.now)
	}
}

const upsertEmployeeTypes = `
INSERT INTO directory.employee_types
SELECT * FROM jsonb_populate_recordset(NULL::directory.employee_types, $1::jsonb)
ON CONFLICT (tenant_key, enum_id) DO UPDATE SET (
    enum_value, content, enum_type, enum_status, i18n_content, attributes, removed_at, removed_reason, position
) = ROW (
    excluded.enum_value, excluded.content, excluded.enum_type, excluded.enum_status, excluded.i18n_content,
    excluded.attributes, excluded.removed_at, excluded.removed_reason, excluded.position
)`

const insertEmployeeTypes = `
INSERT INTO history.employee_types
SELECT * FROM jsonb_populate_recordset(NULL::history.employee_types, $1::jsonb)`

const endEmployeeTypes = `
UPDATE history.employee_types h
SET to_position = r.to_position, valid_to = r.valid_to
FROM jsonb_to_recordset($1::jsonb) AS r (tenant_key text, enum_id text, to_position bigint, valid_to timestamptz)
WHERE h.tenant_key = r.tenant_key
  AND h.enum_id = r.enum_id
  AND h.to_position = 9223372036854775807`

const upsertCustomAttributes = `
INSERT INTO directory.custom_attributes
SELECT * FROM jsonb_populate_recordset(NULL::directory.custom_attributes, $1::jsonb)
ON CONFLICT (tenant_key, id) DO UPDATE SET (
    type, options, i18n_name, attributes, removed_at, removed_reason, position
) = ROW (
    excluded.type, excluded.options, excluded.i18n_name, excluded.attributes,
    excluded.removed_at, excluded.removed_reason, excluded.position
)`

const insertCustomAttributes = `
INSERT INTO history.custom_attributes
SELECT * FROM jsonb_populate_recordset(NULL::history.custom_attributes, $1::jsonb)`

const endCustomAttributes = `
UPDATE history.custom_attributes h
SET to_position = r.to_position, valid_to = r.valid_to
FROM jsonb_to_recordset($1::jsonb) AS r (tenant_key text, id text, to_position bigint, valid_to timestamptz)
WHERE h.tenant_key = r.tenant_key
  AND h.id = r.id
  AND h.to_position = 9223372036854775807`

const upsertCustomAttrSettings = `
INSERT INTO directory.custom_attr_settings
SELECT * FROM jsonb_populate_recordset(NULL::directory.custom_attr_settings, $1::jsonb)
ON CONFLICT (tenant_key) DO UPDATE SET (allow_open_query, position) = ROW (excluded.allow_open_query, excluded.position)`

const insertCustomAttrSettings = `
INSERT INTO history.custom_attr_settings
SELECT * FROM jsonb_populate_recordset(NULL::history.custom_attr_settings, $1::jsonb)`

// There is one setting a company.
const endCustomAttrSettings = `
UPDATE history.custom_attr_settings h
SET to_position = r.to_position, valid_to = r.valid_to
FROM jsonb_to_recordset($1::jsonb) AS r (tenant_key text, to_position bigint, valid_to timestamptz)
WHERE h.tenant_key = r.tenant_key
  AND h.to_position = 9223372036854775807`
