package feishu

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
)

// Reasons why an answer is not one of Feishu's. They are texts of their own,
// not encoding/json's, which repeat values of the answer.
var (
	errNotJSON    = errors.New("the answer is not JSON, or was cut")
	errNoEnvelope = errors.New("the answer has no numeric code: it is not Feishu's")
	errNoData     = errors.New("the answer says success, but the data it must hold is missing or malformed")
)

// envelope is the frame of each answer: code, msg, data and sometimes error.
type envelope struct {
	body       []byte // the whole answer: token answers have no data member
	code       int
	msg        string
	logID      string
	violations []string
	data       json.RawMessage
}

// decodeEnvelope wants a JSON object with a code and tolerates everything else:
// the error object has two documented shapes, and numbers come as strings.
func decodeEnvelope(body []byte) (envelope, error) {
	var wire struct {
		Code  json.RawMessage `json:"code"`
		Msg   json.RawMessage `json:"msg"`
		Error json.RawMessage `json:"error"`
		Data  json.RawMessage `json:"data"`
	}
	if !json.Valid(body) {
		return envelope{}, errNotJSON
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return envelope{}, errNoEnvelope // valid JSON, but not an object
	}
	code, err := strconv.Atoi(text(wire.Code))
	if err != nil {
		return envelope{}, errNoEnvelope
	}
	env := envelope{body: body, code: code, msg: text(wire.Msg), data: wire.Data}
	env.readError(wire.Error)
	return env, nil
}

// readError takes what it finds of the two shapes of the error object: log_id
// with permission_violations[].subject as seen on the wire, logid with
// permission_violations[].scope as in the server API call guide.
func (e *envelope) readError(raw json.RawMessage) {
	var wire struct {
		LogID      json.RawMessage `json:"log_id"`
		OldLogID   json.RawMessage `json:"logid"`
		Violations json.RawMessage `json:"permission_violations"`
	}
	if json.Unmarshal(raw, &wire) != nil {
		return
	}
	if e.logID = text(wire.LogID); e.logID == "" {
		e.logID = text(wire.OldLogID)
	}
	var violations []json.RawMessage
	if json.Unmarshal(wire.Violations, &violations) != nil {
		return
	}
	for _, v := range violations {
		var one struct {
			Subject json.RawMessage `json:"subject"`
			Scope   json.RawMessage `json:"scope"`
		}
		if json.Unmarshal(v, &one) != nil {
			continue
		}
		if s := text(one.Subject); s != "" {
			e.violations = append(e.violations, s)
		} else if s := text(one.Scope); s != "" {
			e.violations = append(e.violations, s)
		}
	}
}

// text is a JSON string's or number's text, and empty for anything else.
func text(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	switch raw[0] {
	case '"':
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return ""
		}
		return s
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return string(raw)
	default:
		return ""
	}
}

// absent is true for a member that is missing or null.
func absent(raw json.RawMessage) bool {
	return len(raw) == 0 || bytes.Equal(raw, []byte("null"))
}

// decodeObject reads the one entity of a GET: data.<member>, whatever its type.
func decodeObject(env envelope, member string) (json.RawMessage, error) {
	var data map[string]json.RawMessage
	if json.Unmarshal(env.data, &data) != nil || absent(data[member]) {
		return nil, errNoData
	}
	return data[member], nil
}

// decodePage reads {has_more, page_token, items}; items have another name in some
// lists. Items absent or null are an
// empty page, and so are empty pages with has_more: both occur. A missing data
// object is not: nothing documented sends it, and an empty page may cost
// people their place in the mirror.
func decodePage(env envelope, items, askedToken string) (Page, error) {
	var wire map[string]json.RawMessage
	if absent(env.data) || json.Unmarshal(env.data, &wire) != nil || wire == nil {
		return Page{}, errNoData
	}
	var page Page
	if !absent(wire[items]) && json.Unmarshal(wire[items], &page.Items) != nil {
		return Page{}, errNoData
	}
	var err error
	page.HasMore, page.PageToken, err = decodePaging(wire["has_more"], wire["page_token"])
	if err != nil {
		return Page{}, err
	}
	// The same parameters with the same token are the same page. Without items
	// it may be one that was withheld for once, so that asking again is right.
	if page.HasMore && page.PageToken == askedToken && len(page.Items) > 0 {
		return Page{}, ErrPaging
	}
	return page, nil
}

// decodePaging returns a token only where there is more: the example of
// group/member_belong shows one beside has_more false.
func decodePaging(more, token json.RawMessage) (hasMore bool, pageToken string, err error) {
	if !absent(more) && json.Unmarshal(more, &hasMore) != nil {
		return false, "", errNoData // taken for false it would end the list early
	}
	if !hasMore {
		return false, "", nil
	}
	if pageToken = text(token); pageToken == "" {
		return false, "", ErrPaging
	}
	return true, pageToken, nil
}

// decodeScopes reads the three id lists of the contact scope.
func decodeScopes(env envelope) (ScopesPage, error) {
	var wire struct {
		DepartmentIDs json.RawMessage `json:"department_ids"`
		UserIDs       json.RawMessage `json:"user_ids"`
		GroupIDs      json.RawMessage `json:"group_ids"`
		HasMore       json.RawMessage `json:"has_more"`
		PageToken     json.RawMessage `json:"page_token"`
	}
	if absent(env.data) || json.Unmarshal(env.data, &wire) != nil {
		return ScopesPage{}, errNoData
	}
	page := ScopesPage{HasUserIDs: !absent(wire.UserIDs)}
	for _, list := range []struct {
		raw json.RawMessage
		ids *[]string
	}{{wire.DepartmentIDs, &page.DepartmentIDs}, {wire.UserIDs, &page.UserIDs}, {wire.GroupIDs, &page.GroupIDs}} {
		if !absent(list.raw) && json.Unmarshal(list.raw, list.ids) != nil {
			return ScopesPage{}, errNoData
		}
	}
	var err error
	page.HasMore, page.PageToken, err = decodePaging(wire.HasMore, wire.PageToken)
	return page, err
}
