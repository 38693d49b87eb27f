package push

import (
	"encoding/json"
	"strconv"
	"strings"
)

// replace puts a value in the place of a field that a path such as
// object.orders.0.user_order leads to. It reports whether there is such a
// field; an empty path replaces nothing and is always there.
func replace(raw json.RawMessage, path string, value json.RawMessage) (json.RawMessage, bool) {
	if path == "" {
		return raw, true
	}
	key, rest, deeper := strings.Cut(path, ".")
	inside := func(old json.RawMessage) (json.RawMessage, bool) {
		if deeper {
			return replace(old, rest, value)
		}
		return value, true
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) == nil {
		old, has := object[key]
		if !has {
			return raw, false
		}
		if object[key], has = inside(old); !has {
			return raw, false
		}
		return marshal(object), true
	}
	var list []json.RawMessage
	at, err := strconv.Atoi(key)
	if err != nil || json.Unmarshal(raw, &list) != nil || at < 0 || at >= len(list) {
		return raw, false
	}
	var has bool
	if list[at], has = inside(list[at]); !has {
		return raw, false
	}
	return marshal(list), true
}
