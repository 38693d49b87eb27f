package compat

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// object is a JSON object on its way out, by Feishu's names.
type object map[string]json.RawMessage

// objectOf reads what the read model keeps, nil where that is nothing.
func objectOf(raw []byte) (object, error) {
	if len(raw) == 0 {
		return object{}, nil
	}
	o := object{}
	return o, json.Unmarshal(raw, &o)
}

// append writes the object, its keys in order as Feishu does.
func (o object) append(buf []byte) []byte {
	buf = append(buf, '{')
	for i, name := range slices.Sorted(maps.Keys(o)) {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = append(strconv.AppendQuote(buf, name), ':')
		buf = append(buf, o[name]...)
	}
	return append(buf, '}')
}

func (o object) text(name, value string) { o[name] = marshal(value) }

// unset is a field that Feishu shows although it is not set, where another one of
// the same permission proves that it may be read.
type unset struct {
	name, witness string
	value         json.RawMessage
}

func (o object) fill(fields []unset) {
	for _, f := range fields {
		if _, set := o[f.name]; set {
			continue
		}
		if _, readable := o[f.witness]; readable {
			o[f.name] = f.value
		}
	}
}

var (
	emptyText = json.RawMessage(`""`)
	emptyList = json.RawMessage(`[]`)
	zero      = json.RawMessage(`0`)
)

// references translate ids of one kind into those that were asked for. The nil map
// leaves ids as they are.
type references map[string]string

// referencesOf reads them; those of native ids are none.
func referencesOf(raw []byte, native bool) (references, error) {
	if native {
		return nil, nil
	}
	refs := references{rootID: rootID}
	if len(raw) == 0 {
		return refs, nil
	}
	return refs, json.Unmarshal(raw, &refs)
}

// one translates a field that holds an id; it goes where it has none of the kind.
func (r references) one(o object, name string) error {
	raw, set := o[name]
	if r == nil || !set {
		return nil
	}
	var id string
	if err := json.Unmarshal(raw, &id); err != nil {
		return err
	}
	if id = r[id]; id == "" {
		delete(o, name)
		return nil
	}
	o.text(name, id)
	return nil
}

// list translates a field that holds a list of ids.
func (r references) list(o object, name string) error {
	raw, set := o[name]
	if r == nil || !set {
		return nil
	}
	var ids []string
	if err := json.Unmarshal(raw, &ids); err != nil {
		return err
	}
	kept := make([]string, 0, len(ids))
	for _, id := range ids {
		if id = r[id]; id != "" {
			kept = append(kept, id)
		}
	}
	o[name] = marshal(kept)
	return nil
}

// objects translates a member of each object of a list; an object without goes.
func (r references) objects(o object, name, member string) error {
	raw, set := o[name]
	if r == nil || !set {
		return nil
	}
	var all []object
	if err := json.Unmarshal(raw, &all); err != nil {
		return err
	}
	buf := []byte{'['}
	for _, one := range all {
		if err := r.one(one, member); err != nil {
			return err
		}
		if _, has := one[member]; !has {
			continue
		}
		if len(buf) > 1 {
			buf = append(buf, ',')
		}
		buf = one.append(buf)
	}
	o[name] = append(buf, ']')
	return nil
}
