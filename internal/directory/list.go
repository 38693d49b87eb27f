package directory

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// asList yields nothing for null, and refuses what is no array.
func asList(raw []byte) (list [][]byte, err error) {
	if isNull(raw) {
		return nil, nil
	}
	if raw[0] != '[' {
		return nil, errWrongType
	}
	for item := range items(raw) {
		list = append(list, item)
	}
	return list, nil
}

// setOf reads a list without order: sorted, each once.
func setOf[T cmp.Ordered](raw []byte, read func([]byte) (T, error)) ([]T, error) {
	list, err := asList(raw)
	if err != nil {
		return nil, err
	}
	set := make([]T, 0, len(list))
	for _, item := range list {
		v, err := read(item)
		if err != nil {
			return nil, err
		}
		set = append(set, v)
	}
	slices.Sort(set)
	return slices.Compact(set), nil
}

// texts writes a set of strings; an empty one clears.
func texts(set []string, err error) (value []byte, ok bool, _ error) {
	if err != nil {
		return nil, false, err
	}
	for _, s := range set {
		if s == "" {
			continue // names nothing
		}
		value = append(value, separator(value))
		value = appendQuoted(value, s)
	}
	return closeList(value), true, nil
}

// separator is what stands before the next item of a list.
func separator(list []byte) byte {
	if len(list) == 0 {
		return '['
	}
	return ','
}

func closeList(list []byte) []byte {
	if len(list) == 0 {
		return nil
	}
	return append(list, ']')
}

func textSet(raw []byte, _ origin) (value []byte, ok bool, err error) {
	return texts(setOf(raw, asText))
}

func integerSet(raw []byte, _ origin) (value []byte, ok bool, err error) {
	set, err := setOf(raw, asInteger)
	if err != nil {
		return nil, false, err
	}
	for _, n := range set {
		if n < 0 || n > maxInt32 {
			return nil, false, errTooLarge
		}
		value = append(value, separator(value))
		value = strconv.AppendInt(value, n, 10)
	}
	return closeList(value), true, nil
}

// openIDs is a set of open_ids. Feishu does not say which id kind events use
// here, so an event that holds another one tells no more than that it is set.
func openIDs(raw []byte, from origin) (value []byte, ok bool, err error) {
	return texts(setOf(raw, func(item []byte) (string, error) {
		id, err := asText(item)
		if err == nil && from == fromEvent && !strings.HasPrefix(id, "ou_") {
			err = errForeignID
		}
		return id, err
	}))
}

// hrbps is a set of open_ids: objects {open_id, ...} in events.
func hrbps(raw []byte, _ origin) (value []byte, ok bool, err error) {
	return texts(setOf(raw, func(item []byte) (string, error) {
		if item[0] != '{' {
			return asText(item)
		}
		ids, err := readObject(item, userFields)
		if err != nil {
			return "", err
		}
		return asKey(ids.get("open_id"))
	}))
}

// Leader is one leader of a department.
type Leader struct {
	Type   int64  `json:"leaderType"` // 1 main, 2 deputy
	OpenID string `json:"leaderID"`
}

const mainLeader = 1

// leaders are sorted by type and id, each person once. Without the permission
// for the ids Feishu sends the types alone, which says nothing.
func leaders(raw []byte, _ origin) (value []byte, ok bool, err error) {
	list, err := asList(raw)
	if err != nil {
		return nil, false, err
	}
	all := make([]Leader, 0, len(list))
	for _, item := range list {
		l, hidden, err := oneLeader(item)
		if hidden || err != nil {
			return nil, false, err
		}
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b Leader) int {
		return cmp.Or(strings.Compare(a.OpenID, b.OpenID), cmp.Compare(a.Type, b.Type))
	})
	all = slices.CompactFunc(all, func(a, b Leader) bool { return a.OpenID == b.OpenID })
	slices.SortStableFunc(all, func(a, b Leader) int { return cmp.Compare(a.Type, b.Type) })
	for _, l := range all {
		value = append(value, separator(value))
		value = strconv.AppendInt(append(value, `{"leaderType":`...), l.Type, 10)
		value = append(appendQuoted(append(value, `,"leaderID":`...), l.OpenID), '}')
	}
	return closeList(value), true, nil
}

func oneLeader(raw []byte) (l Leader, hidden bool, err error) {
	if raw[0] != '{' {
		return l, false, errWrongType
	}
	o, err := readObject(raw, nil)
	if err != nil {
		return l, false, err
	}
	if id := o.get("leaderID"); isNull(id) || string(id) == `""` {
		return l, true, nil
	}
	if l.OpenID, err = asKey(o.get("leaderID")); err != nil {
		return l, false, err
	}
	l.Type = mainLeader
	if o.says("leaderType") {
		l.Type, err = asInteger(o.get("leaderType"))
		if err == nil && (l.Type < 0 || l.Type > maxInt32) {
			err = errTooLarge
		}
	}
	return l, false, err
}
