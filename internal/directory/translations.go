package directory

import (
	"slices"
	"strings"
)

// translations is a list of {locale, value}: by locale, without the empty ones,
// the last of each, since the list has no order of its own.
func translations(raw []byte, _ origin) (value []byte, ok bool, err error) {
	list, err := asList(raw)
	if err != nil {
		return nil, false, err
	}
	type translation struct{ locale, value string }
	var all []translation
	for _, item := range list {
		if item[0] != '{' {
			return nil, false, errWrongType
		}
		o, err := readObject(item, nil)
		if err != nil {
			return nil, false, err
		}
		var t translation
		if t.locale, err = asText(o.get("locale")); err != nil {
			return nil, false, err
		}
		if isNull(o.get("value")) {
			continue
		}
		if t.value, err = asText(o.get("value")); err != nil {
			return nil, false, err
		}
		if t.value != "" {
			all = append(all, t)
		}
	}
	slices.SortStableFunc(all, func(a, b translation) int { return strings.Compare(a.locale, b.locale) })
	for i, t := range all {
		if i+1 < len(all) && all[i+1].locale == t.locale {
			continue
		}
		value = append(value, separator(value))
		value = appendQuoted(append(value, `{"locale":`...), t.locale)
		value = append(appendQuoted(append(value, `,"value":`...), t.value), '}')
	}
	return closeList(value), true, nil
}
