package projector

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A rebuild sends the rows that the projector writes as JSON in the text form of
// COPY. The same structs say what is in a row, by the same tags; a column that
// their JSON would lack or have as null is NULL here too.

// chunkSize is from how many bytes on a table's rows are sent.
const chunkSize = 1 << 20

// chunk is some rows of one table.
type chunk struct {
	table string // as statements name it
	rows  []byte
}

// rowBuffers collects rows, table by table.
type rowBuffers struct {
	columns map[string][]string // by table
	buffers map[string]*rowBuffer
	err     error
}

type rowBuffer struct {
	rows  []byte
	row   reflect.Type
	plans []fieldPlan // by column
}

func newRowBuffers(columns map[string][]string) *rowBuffers {
	return &rowBuffers{columns: columns, buffers: map[string]*rowBuffer{}}
}

// put adds rows to a table.
func put[Row any](b *rowBuffers, table string, rows []Row) {
	if len(rows) == 0 || b.err != nil {
		return
	}
	buffer, err := b.buffer(table, reflect.TypeFor[Row]())
	if err != nil {
		b.err = err
		return
	}
	for i := range rows {
		v := reflect.ValueOf(&rows[i]).Elem()
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		buffer.add(v)
	}
}

// flush hands out what is as long as size, and everything where it is 0.
func (b *rowBuffers) flush(size int, send func(chunk) error) error {
	if b.err != nil {
		return b.err
	}
	for table, buffer := range b.buffers {
		if len(buffer.rows) == 0 || len(buffer.rows) < size {
			continue
		}
		c := chunk{table: table, rows: buffer.rows}
		buffer.rows = make([]byte, 0, len(c.rows)+len(c.rows)/8)
		if err := send(c); err != nil {
			return err
		}
	}
	return nil
}

func (b *rowBuffers) buffer(table string, row reflect.Type) (*rowBuffer, error) {
	if buffer := b.buffers[table]; buffer != nil {
		return buffer, nil
	}
	columns := b.columns[table]
	if columns == nil {
		return nil, fmt.Errorf("the generation has no table %s", table)
	}
	if row.Kind() == reflect.Pointer {
		row = row.Elem()
	}
	fields := map[string]fieldPlan{}
	planFields(row, nil, fields)
	buffer := &rowBuffer{row: row}
	for _, column := range columns {
		buffer.plans = append(buffer.plans, fields[column])
	}
	b.buffers[table] = buffer
	return buffer, nil
}

// fieldPlan is where a column's value is in a row. The zero value is a column that
// rows of this kind do not have.
type fieldPlan struct {
	index []int
	write func([]byte, reflect.Value) []byte
}

func planFields(row reflect.Type, at []int, fields map[string]fieldPlan) {
	for i := range row.NumField() {
		f := row.Field(i)
		index := append(append([]int{}, at...), i)
		if f.Anonymous {
			embedded := f.Type
			if embedded.Kind() == reflect.Pointer {
				embedded = embedded.Elem()
			}
			planFields(embedded, index, fields)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		fields[name] = fieldPlan{index: index, write: writerOf(f.Type, strings.Contains(options, "omitempty"))}
	}
}

// add writes one row.
func (b *rowBuffer) add(row reflect.Value) {
	for i, plan := range b.plans {
		if i > 0 {
			b.rows = append(b.rows, '\t')
		}
		if value, ok := fieldAt(row, plan.index); ok {
			b.rows = plan.write(b.rows, value)
		} else {
			b.rows = append(b.rows, null...)
		}
	}
	b.rows = append(b.rows, '\n')
}

// fieldAt finds a field, through embedded pointers that may be nil.
func fieldAt(row reflect.Value, index []int) (reflect.Value, bool) {
	if len(index) == 0 {
		return reflect.Value{}, false
	}
	for _, i := range index {
		if row.Kind() == reflect.Pointer {
			if row.IsNil() {
				return reflect.Value{}, false
			}
			row = row.Elem()
		}
		row = row.Field(i)
	}
	return row, true
}

// null is how COPY writes NULL.
const null = `\N`

// writerOf returns how a type of the row structs is written. An unknown type is a
// mistake in this program, and the first test finds it.
func writerOf(t reflect.Type, omitEmpty bool) func([]byte, reflect.Value) []byte {
	switch t {
	case reflect.TypeFor[json.RawMessage]():
		return func(b []byte, v reflect.Value) []byte {
			if v.Len() == 0 || string(v.Bytes()) == "null" {
				return append(b, null...)
			}
			return appendEscaped(b, string(v.Bytes()))
		}
	case reflect.TypeFor[time.Time]():
		return func(b []byte, v reflect.Value) []byte {
			return v.Interface().(time.Time).UTC().AppendFormat(b, time.RFC3339Nano)
		}
	}
	switch t.Kind() {
	case reflect.Pointer:
		write := writerOf(t.Elem(), false)
		return func(b []byte, v reflect.Value) []byte {
			if v.IsNil() {
				return append(b, null...)
			}
			return write(b, v.Elem())
		}
	case reflect.Slice:
		return writeArray
	}
	write := writerOfScalar(t)
	if !omitEmpty {
		return write
	}
	return func(b []byte, v reflect.Value) []byte {
		if v.IsZero() {
			return append(b, null...)
		}
		return write(b, v)
	}
}

func writerOfScalar(t reflect.Type) func([]byte, reflect.Value) []byte {
	switch t.Kind() {
	case reflect.String:
		return func(b []byte, v reflect.Value) []byte { return appendEscaped(b, v.String()) }
	case reflect.Bool:
		return func(b []byte, v reflect.Value) []byte { return strconv.AppendBool(b, v.Bool()) }
	case reflect.Int, reflect.Int32, reflect.Int64:
		return func(b []byte, v reflect.Value) []byte { return strconv.AppendInt(b, v.Int(), 10) }
	default:
		panic("no way to write a " + t.String() + " into a table")
	}
}

// writeArray writes a list of strings or integers; nil is NULL.
func writeArray(b []byte, v reflect.Value) []byte {
	if v.IsNil() {
		return append(b, null...)
	}
	var text strings.Builder
	text.WriteByte('{')
	for i := range v.Len() {
		if i > 0 {
			text.WriteByte(',')
		}
		item := v.Index(i)
		if item.Kind() != reflect.String {
			text.WriteString(strconv.FormatInt(item.Int(), 10))
			continue
		}
		text.WriteByte('"')
		text.WriteString(quotedInArray.Replace(item.String()))
		text.WriteByte('"')
	}
	text.WriteByte('}')
	return appendEscaped(b, text.String())
}

var quotedInArray = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// appendEscaped writes a value in the text form of COPY. Bytes that are not UTF-8
// become U+FFFD, each, as JSON has it.
func appendEscaped(b []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	from := 0
	for i := range len(s) {
		var escape byte
		switch s[i] {
		case '\\':
			escape = '\\'
		case '\n':
			escape = 'n'
		case '\r':
			escape = 'r'
		case '\t':
			escape = 't'
		default:
			continue
		}
		b = append(append(b, s[from:i]...), '\\', escape)
		from = i + 1
	}
	return append(b, s[from:]...)
}
