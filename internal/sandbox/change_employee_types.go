package sandbox

import (
	"encoding/base64"
	"encoding/hex"
	"reflect"
	"slices"
	"strconv"
)

// maxCustomEmployeeTypes is how many types a company may make, ever.
const maxCustomEmployeeTypes = 255

// The values of EmployeeType.EnumType and EnumStatus.
const (
	builtInType  = 1
	customType   = 2
	activeType   = 1
	inactiveType = 2
)

// Codes of employee types. Job levels have the same numbers, and Feishu's list
// gives their texts first.
const (
	codeContentTaken     = 42301
	codeI18nContentTaken = 42302
	codeTooManyTypes     = 42303
)

var locales = []string{"zh_cn", "en_us", "ja_jp"}

// builtInEmployeeTypes are those that every company has, with the values 1 to 5.
func builtInEmployeeTypes(ids idSource) []*EmployeeType {
	var list []*EmployeeType
	for i, name := range builtInTypes {
		list = append(list, &EmployeeType{
			EnumID: ids.enumID(), EnumValue: strconv.Itoa(i + 1), Content: name.zh, EnumType: builtInType, EnumStatus: activeType,
			I18nContent: []Text{{"zh_cn", name.zh}, {"en_us", name.en}},
		})
	}
	return list
}

// enumID is sixteen bytes in base64, as Feishu makes them: it may hold slashes,
// pluses and equal signs.
func (s idSource) enumID() string {
	raw, _ := hex.DecodeString(s.hex32("")) // it has just been encoded
	return base64.StdEncoding.EncodeToString(raw)
}

// employeeType finds a type by its enum_id; nil where there is none.
func (o *organisation) employeeType(enumID string) *EmployeeType {
	at := slices.IndexFunc(o.employeeTypes, func(e *EmployeeType) bool { return e.EnumID == enumID })
	if at < 0 {
		return nil
	}
	return o.employeeTypes[at]
}

// addEmployeeType completes, checks and enters a new type, with the next value:
// those of types that are gone do not come back.
func (o *organisation) addEmployeeType(e EmployeeType) (*EmployeeType, error) {
	if o.enumsMade >= maxCustomEmployeeTypes {
		return nil, refuse(codeTooManyTypes)
	}
	if e.EnumID == "" {
		e.EnumID = o.resourceIDs.enumID()
	}
	if o.employeeType(e.EnumID) != nil {
		return nil, refuseWith(codeParam, "enum_id is taken")
	}
	if e.EnumType != customType {
		return nil, invalidField("enum_type", strconv.Itoa(e.EnumType), "only types of the company itself can be made: enum_type should be 2")
	}
	value := strconv.Itoa(len(builtInTypes) + o.enumsMade + 1)
	if e.EnumValue != "" && e.EnumValue != value {
		return nil, refuseWith(codeParam, "enum_value is the next number and cannot be chosen")
	}
	e.EnumValue = value
	if err := o.settleEmployeeType(&e, nil); err != nil {
		return nil, err
	}
	o.enumsMade++
	o.employeeTypes = append(o.employeeTypes, &e)
	after := e.clone()
	o.record(change{what: created, entity: kindEmployeeType, enumAfter: &after})
	return &e, nil
}

// changeEmployeeType replaces a type by next, which must keep its id, value and
// kind. Built-in types stay as they are.
func (o *organisation) changeEmployeeType(e *EmployeeType, next EmployeeType) error {
	if e.EnumType == builtInType {
		return refuseBuiltIn(e)
	}
	if next.EnumID != e.EnumID || next.EnumValue != e.EnumValue {
		return refuseWith(codeParam, "enum_id and enum_value never change")
	}
	if next.EnumType != customType {
		return invalidField("enum_type", strconv.Itoa(next.EnumType), "enum_type should be 2")
	}
	if err := o.settleEmployeeType(&next, e); err != nil {
		return err
	}
	before, after := e.clone(), next.clone()
	*e = next
	if !reflect.DeepEqual(before, after) {
		o.record(change{what: changed, entity: kindEmployeeType, enumBefore: &before, enumAfter: &after})
	}
	return nil
}

// removeEmployeeType takes a type away. Whoever has it keeps its value.
func (o *organisation) removeEmployeeType(e *EmployeeType) error {
	if e.EnumType == builtInType {
		return refuseBuiltIn(e)
	}
	before := e.clone()
	o.employeeTypes = slices.DeleteFunc(o.employeeTypes, func(other *EmployeeType) bool { return other == e })
	o.record(change{what: deleted, entity: kindEmployeeType, enumBefore: &before})
	return nil
}

func refuseBuiltIn(e *EmployeeType) error {
	return invalidField("enum_id", e.EnumID, "a built-in employee type can be neither changed nor deleted")
}

// settleEmployeeType checks what must hold of a type. before is the type as it
// is now, nil for a new one.
func (o *organisation) settleEmployeeType(e, before *EmployeeType) error {
	if !lengthWithin(e.Content, 1, 100) {
		return invalidField("content", e.Content, "the length of content should be 1 to 100")
	}
	if e.EnumStatus != activeType && e.EnumStatus != inactiveType {
		return invalidField("enum_status", strconv.Itoa(e.EnumStatus), "enum_status is required, options: [1,2]")
	}
	seen := map[string]bool{}
	for _, t := range e.I18nContent {
		if !slices.Contains(locales, t.Locale) || seen[t.Locale] {
			return invalidField("i18n_content.locale", t.Locale, "each of zh_cn, en_us and ja_jp may be given once")
		}
		if !lengthWithin(t.Value, 1, 100) {
			return invalidField("i18n_content.value", t.Value, "the length of value should be 1 to 100")
		}
		seen[t.Locale] = true
	}
	if len(e.I18nContent) == 0 {
		e.I18nContent = nil
	}
	for _, other := range o.employeeTypes {
		switch {
		case other == before:
		case other.Content == e.Content:
			return refuse(codeContentTaken).saying("param content duplicate")
		case slices.ContainsFunc(e.I18nContent, func(t Text) bool { return slices.Contains(other.I18nContent, t) }):
			return refuse(codeI18nContentTaken).saying("param i18n_content duplicate")
		}
	}
	return nil
}
