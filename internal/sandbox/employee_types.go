package sandbox

import (
	"cmp"
	"slices"
	"strconv"
)

const (
	enumListPath   = "GET /contact/v3/employee_type_enums"
	enumCreatePath = "POST /contact/v3/employee_type_enums"
	enumUpdatePath = "PUT /contact/v3/employee_type_enums/:enum_id"
	enumDeletePath = "DELETE /contact/v3/employee_type_enums/:enum_id"
)

func employeeTypeEndpoints() []*endpoint {
	return []*endpoint{
		{name: enumListPath, scopes: []string{scopeBase, scopeLegacy, scopeAccess}, handle: listEmployeeTypes},
		{name: enumCreatePath, scopes: writeScope, tier: tier8, handle: createEmployeeType, write: true, selfBuiltOnly: true},
		{name: enumUpdatePath, scopes: writeScope, handle: updateEmployeeType, write: true, selfBuiltOnly: true, restParam: true},
		{name: enumDeletePath, scopes: writeScope, handle: deleteEmployeeType, write: true, selfBuiltOnly: true, restParam: true},
	}
}

// listEmployeeTypes serves GET employee_type_enums, by enum_value. Its page
// tokens are small numbers, as in Feishu's document: here the value of the last
// type shown, which is nobody's business but ours.
func listEmployeeTypes(c *call) error {
	size, err := pageSize(c.query, 20, 100)
	if err != nil {
		return err
	}
	list := c.view.org.employeeTypes
	if text := c.query.Get("page_token"); text != "" {
		after, err := strconv.Atoi(text)
		if err != nil || after < 1 || after > len(builtInTypes)+c.view.org.enumsMade || strconv.Itoa(after) != text {
			return refuse(codePageToken)
		}
		at, found := slices.BinarySearchFunc(list, after, func(e *EmployeeType, v int) int { return cmp.Compare(e.value(), v) })
		if found {
			at++
		}
		list = list[at:]
	}
	token := ""
	if len(list) > size {
		list = list[:size]
		token = list[size-1].EnumValue
	}
	answerPage(c, "items", list, token, appendEmployeeType)
	return nil
}

// value is enum_value as people have it.
func (e *EmployeeType) value() int {
	v, _ := strconv.Atoi(e.EnumValue) // always one of ours
	return v
}

// employeeTypeBody is the body of create and update.
type employeeTypeBody struct {
	Content     *string `json:"content"`
	EnumType    *int    `json:"enum_type"`
	EnumStatus  *int    `json:"enum_status"`
	I18nContent []Text  `json:"i18n_content"`
}

// into fills a type with the body. What is not given of i18n_content stays.
func (b *employeeTypeBody) into(e *EmployeeType) error {
	switch {
	case b.Content == nil:
		return invalidField("content", "", "content is required")
	case b.EnumType == nil:
		return invalidField("enum_type", "", "enum_type is required")
	case b.EnumStatus == nil:
		return invalidField("enum_status", "", "enum_status is required")
	}
	e.Content, e.EnumType, e.EnumStatus = *b.Content, *b.EnumType, *b.EnumStatus
	if b.I18nContent != nil {
		e.I18nContent = b.I18nContent
	}
	return nil
}

// createEmployeeType serves POST employee_type_enums.
func createEmployeeType(c *call) error {
	var b employeeTypeBody
	if err := c.bodyInto(&b, refuse(codeBadRequest)); err != nil {
		return err
	}
	var e EmployeeType
	if err := b.into(&e); err != nil {
		return err
	}
	made, err := c.view.org.addEmployeeType(e)
	if err != nil {
		return err
	}
	c.answerEmployeeType(made)
	return nil
}

// updateEmployeeType serves PUT employee_type_enums/:enum_id.
func updateEmployeeType(c *call) error {
	var b employeeTypeBody
	if err := c.bodyInto(&b, refuse(codeBadRequest)); err != nil {
		return err
	}
	e, err := c.employeeType()
	if err != nil {
		return err
	}
	next := e.clone()
	if err := b.into(&next); err != nil {
		return err
	}
	if err := c.view.org.changeEmployeeType(e, next); err != nil {
		return err
	}
	c.answerEmployeeType(e)
	return nil
}

// deleteEmployeeType serves DELETE employee_type_enums/:enum_id.
func deleteEmployeeType(c *call) error {
	e, err := c.employeeType()
	if err != nil {
		return err
	}
	if err := c.view.org.removeEmployeeType(e); err != nil {
		return err
	}
	return c.answerNothing()
}

// employeeType finds the type of the path.
func (c *call) employeeType() (*EmployeeType, error) {
	id := c.params["enum_id"]
	if e := c.view.org.employeeType(id); e != nil {
		return e, nil
	}
	return nil, invalidField("enum_id", id, "no such employee type")
}

func (c *call) answerEmployeeType(e *EmployeeType) {
	c.buf = append(c.buf, `{"employee_type_enum":`...)
	c.buf = append(appendEmployeeType(c.buf, e), '}')
}

func appendEmployeeType(buf []byte, e *EmployeeType) []byte {
	o := begin(buf, nil, nil)
	o.str("content", e.Content)
	o.str("enum_id", e.EnumID)
	o.int("enum_status", int64(e.EnumStatus))
	o.int("enum_type", int64(e.EnumType))
	o.str("enum_value", e.EnumValue)
	o.rawKey("i18n_content")
	o.buf = appendTexts(o.buf, e.I18nContent)
	return o.end()
}
