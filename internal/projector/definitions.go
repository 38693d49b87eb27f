package projector

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// This file writes the small kinds: employee types, custom attributes and the
// setting that shows them. They have no edges and no place in the tree.

// definitionRow serves all of them: each table takes the columns that it has.
type definitionRow struct {
	TenantKey string `json:"tenant_key"`

	EnumID      string          `json:"enum_id,omitempty"`
	EnumValue   *string         `json:"enum_value,omitempty"`
	Content     *string         `json:"content,omitempty"`
	EnumType    *int64          `json:"enum_type,omitempty"`
	EnumStatus  *int64          `json:"enum_status,omitempty"`
	I18nContent json.RawMessage `json:"i18n_content,omitempty"`

	ID       string          `json:"id,omitempty"`
	Type     *string         `json:"type,omitempty"`
	Options  json.RawMessage `json:"options,omitempty"`
	I18nName json.RawMessage `json:"i18n_name,omitempty"`

	AllowOpenQuery *bool `json:"allow_open_query,omitempty"`

	Attributes    json.RawMessage    `json:"attributes"`
	RemovedAt     *time.Time         `json:"removed_at,omitempty"`
	RemovedReason *directory.Reason  `json:"removed_reason,omitempty"`
	Position      directory.Position `json:"position"`
	*ages
}

func newDefinitionRow(s *directory.State) *definitionRow {
	r := &definitionRow{TenantKey: s.Key.TenantKey}
	var life directory.Life
	switch s.Key.Kind {
	case directory.KindEmployeeType:
		t := directory.EmployeeTypeOf(s)
		life = t.Life
		r.EnumID, r.EnumValue, r.Content, r.EnumType, r.EnumStatus, r.I18nContent = t.EnumID, t.EnumValue, t.Content, t.EnumType, t.EnumStatus, t.I18nContent
	case directory.KindCustomAttribute:
		a := directory.CustomAttributeOf(s)
		life = a.Life
		r.ID, r.Type, r.Options, r.I18nName = a.ID, a.Type, a.Options, a.I18nName
	case directory.KindCustomAttrSetting:
		set := directory.CustomAttrSettingOf(s)
		life = set.Life
		r.AllowOpenQuery = set.AllowOpenQuery
	}
	r.Attributes = life.Attributes
	r.RemovedAt, r.RemovedReason = removed(life)
	return r
}

// definitionEnd closes an open version.
type definitionEnd struct {
	TenantKey  string             `json:"tenant_key"`
	EntityID   string             `json:"entity_id"`
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
			TenantKey: e.state.Key.TenantKey, EntityID: e.state.Key.ID, ToPosition: e.closed.position, ValidTo: timestamp(e.closed.at),
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
FROM jsonb_to_recordset($1::jsonb) AS r (tenant_key text, entity_id text, to_position bigint, valid_to timestamptz)
WHERE h.tenant_key = r.tenant_key
  AND h.enum_id = r.entity_id
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
FROM jsonb_to_recordset($1::jsonb) AS r (tenant_key text, entity_id text, to_position bigint, valid_to timestamptz)
WHERE h.tenant_key = r.tenant_key
  AND h.id = r.entity_id
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
