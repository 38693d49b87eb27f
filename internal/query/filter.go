package query

import (
	"slices"
	"strings"
	"time"

	"go.einride.tech/aip/filtering"
	expr "google.golang.org/genproto/googleapis/api/expr/v1alpha1"
)

// maxFilterBytes is enough for every comparison that there is.
const maxFilterBytes = 1024

// filterFields are what people are filtered by, and of which type it is. Their order
// is that of the statements' parameters, from $9 on; see filterConditions.
var filterFields = []struct{ name, kind string }{
	{"city", "text"},
	{"employee_type", "integer"},
	{"country", "text"},
	{"job_title", "text"},
	{"job_level_id", "text"},
	{"job_family_id", "text"},
	{"is_tenant_manager", "flag"},
	{"status.is_frozen", "flag"},
	{"status.is_resigned", "flag"},
	{"status.is_activated", "flag"},
	{"status.is_exited", "flag"},
	{"status.is_unjoin", "flag"},
	{byEmail, "text"},
	{byEnterpriseEmail, "text"},
	{byMobile, "text"},
	{byEmployeeNo, "text"},
	{"gender", "integer"},
}

const (
	filterDepartment = "department_ids"
	filterJoinTime   = "join_time"
)

// userFilter is what a filter asks for.
type userFilter struct {
	department string         // empty: any
	values     map[string]any // by field
	joinFrom   *time.Time     // inclusive
	joinBefore *time.Time     // exclusive
}

// parseUserFilter reads a filter. The grammar is AIP-160's, and of it comparisons
// joined by AND.
func parseUserFilter(filter string, sensitive bool) (userFilter, error) {
	f := userFilter{values: map[string]any{}}
	switch {
	case strings.TrimSpace(filter) == "":
		return f, nil
	case len(filter) > maxFilterBytes:
		return f, badFilter("must not be longer than %d bytes", maxFilterBytes)
	case strings.ContainsRune(filter, 0):
		return f, badFilter("must not contain U+0000")
	}
	var parser filtering.Parser
	parser.Init(filter)
	parsed, err := parser.Parse()
	if err != nil {
		return f, badFilter("is not in the syntax of AIP-160: comparisons such as city = \"Paris\", joined by AND")
	}
	return f, f.and(parsed.GetExpr(), sensitive)
}

func badFilter(format string, args ...any) error {
	return badField(reasonArgument, "filter", format, args...)
}

// and adds an expression.
func (f *userFilter) and(e *expr.Expr, sensitive bool) error {
	call := e.GetCallExpr()
	switch call.GetFunction() {
	case filtering.FunctionAnd:
		for _, arg := range call.GetArgs() {
			if err := f.and(arg, sensitive); err != nil {
				return err
			}
		}
		return nil
	case filtering.FunctionEquals, filtering.FunctionLessThan, filtering.FunctionLessEquals,
		filtering.FunctionGreaterThan, filtering.FunctionGreaterEquals, filtering.FunctionHas:
		if len(call.GetArgs()) != 2 {
			break
		}
		field := path(call.GetArgs()[0])
		if first, _, _ := strings.Cut(field, "."); !sensitive && slices.Contains(sensitiveFields, first) {
			return fieldNotPermitted("filter", first)
		}
		value, ok := literal(call.GetArgs()[1])
		if !ok {
			return badFilter("%s must be compared with a text in quotes, a whole number, true or false", field)
		}
		if text, is := value.(string); is && strings.ContainsRune(text, 0) {
			return badFilter("%s is compared with what is no text", field)
		}
		return f.compare(field, call.GetFunction(), value)
	}
	return badFilter("must be comparisons with =, <, <=, >, >= or :, joined by AND; there is no OR, NOT or != here")
}

// path is the field that an expression names; empty where it is something else.
func path(e *expr.Expr) string {
	if s := e.GetSelectExpr(); s != nil {
		return path(s.GetOperand()) + "." + s.GetField()
	}
	return e.GetIdentExpr().GetName()
}

// literal is a value: a string, an int64 or a bool. Words without quotes are texts,
// but for true and false.
func literal(e *expr.Expr) (any, bool) {
	if word := e.GetIdentExpr().GetName(); word != "" {
		if word == "true" || word == "false" {
			return word == "true", true
		}
		return word, true
	}
	switch c := e.GetConstExpr().GetConstantKind().(type) {
	case *expr.Constant_StringValue:
		return c.StringValue, true
	case *expr.Constant_Int64Value:
		return c.Int64Value, true
	default:
		return nil, false
	}
}

func (f *userFilter) compare(field, operator string, value any) error {
	switch field {
	case filterDepartment:
		id, ok := value.(string)
		if n, number := value.(int64); number && n == 0 {
			id, ok = rootID, true // department_ids:0
		}
		if !ok || operator != filtering.FunctionHas || id == "" || f.department != "" {
			return badFilter(`%s must be asked once, as %s:"id"`, field, field)
		}
		f.department = id
		return nil
	case filterJoinTime:
		return f.joined(operator, value)
	}
	at := slices.IndexFunc(filterFields, func(o struct{ name, kind string }) bool { return o.name == field })
	if at < 0 {
		return badFilter("there is no filter by %q; there are %s", field, strings.Join(filterNames(), ", "))
	}
	if _, twice := f.values[field]; twice || operator != filtering.FunctionEquals {
		return badFilter("%s must be compared once, with =", field)
	}
	ok := false
	switch filterFields[at].kind {
	case "text":
		_, ok = value.(string)
	case "integer":
		var n int64
		n, ok = value.(int64)
		ok = ok && n == int64(int32(n))
	case "flag":
		_, ok = value.(bool)
	}
	if !ok {
		return badFilter("%s is a %s and must be compared with one", field, filterFields[at].kind)
	}
	f.values[field] = value
	return nil
}

func filterNames() []string {
	names := []string{filterDepartment, filterJoinTime}
	for _, f := range filterFields {
		names = append(names, f.name)
	}
	return names
}

// joined narrows the time of entry. A date is a day of UTC, and an instant is as long
// as the database's clock ticks.
func (f *userFilter) joined(operator string, value any) error {
	text, _ := value.(string)
	began, err := time.Parse(time.RFC3339, text)
	length := time.Microsecond
	if err != nil {
		if began, err = time.Parse(time.DateOnly, text); err != nil {
			return badFilter(`join_time must be compared with a date ("2024-01-31") or an instant ("2024-01-31T09:00:00Z")`)
		}
		length = 24 * time.Hour
	}
	ended := began.Add(length)
	switch operator {
	case filtering.FunctionEquals:
		f.from(began)
		f.before(ended)
	case filtering.FunctionGreaterEquals:
		f.from(began)
	case filtering.FunctionGreaterThan:
		f.from(ended)
	case filtering.FunctionLessThan:
		f.before(began)
	case filtering.FunctionLessEquals:
		f.before(ended)
	default:
		return badFilter("join_time must be compared with =, <, <=, > or >=")
	}
	return nil
}

func (f *userFilter) from(t time.Time) {
	if f.joinFrom == nil || t.After(*f.joinFrom) {
		f.joinFrom = &t
	}
}

func (f *userFilter) before(t time.Time) {
	if f.joinBefore == nil || t.Before(*f.joinBefore) {
		f.joinBefore = &t
	}
}

// args are the parameters of filterConditions.
func (f *userFilter) args() []any {
	args := make([]any, 0, len(filterFields)+3)
	for _, field := range filterFields {
		args = append(args, f.values[field.name])
	}
	number, _ := f.values[byMobile].(string)
	one, other := ways(byMobile, number)
	var also *string
	if number != "" {
		args[slices.IndexFunc(filterFields, func(o struct{ name, kind string }) bool { return o.name == byMobile })] = one
		also = &other
	}
	return append(args, f.joinFrom, f.joinBefore, also)
}
