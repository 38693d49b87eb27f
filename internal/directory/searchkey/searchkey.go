// Package searchkey says by what a person or a department is found: the keys that
// the projector writes, and what a query has to look for among them.
//
// A key is found by its beginning. From a name come the whole of it and, as parts,
// its rest from every word and every Chinese character on; the same in pinyin, with
// every reading that a surname has; and the initials. E-mail addresses and the
// employee number make keys that are sensitive.
//
// Keys and queries are folded alike: case, accents, width, and all that separates
// words do not count. The package is pure, and [Version] changes with what it makes
// of a name.
package searchkey

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// Version is of the keys that [Of] makes and that the tables keep, those of now and,
// since 2, those of former names: another one asks for all of them anew.
const Version = 2

// Key is something that an entity is found by.
type Key struct {
	Text      string
	Part      bool // does not begin where a name begins
	Sensitive bool // only for those who may see what it was made of
}

// Limits that no name of this world meets, and that keep a hostile one small.
const (
	maxRunes    = 64 // of a key, and of a query
	maxStarts   = 24 // parts of one name
	maxReadings = 8  // of one name or part
)

// Of makes the keys of an entity, each text once, sorted. A text that is there by
// a sensitive and by another way is not sensitive: it tells nothing.
func Of(n directory.Names) []Key {
	var keys []Key
	if n.Person {
		for _, name := range []string{n.Name, n.EnName, n.Nickname} {
			keys = appendName(keys, name, true)
		}
		for _, text := range []string{n.Email, n.EnterpriseEmail, n.EmployeeNo} {
			keys = append(keys, Key{Text: Fold(text), Sensitive: true})
		}
	} else {
		keys = appendName(keys, n.Name, false)
		var byLocale map[string]any
		if n.I18nName != "" && json.Unmarshal([]byte(n.I18nName), &byLocale) == nil {
			for _, name := range byLocale {
				text, _ := name.(string)
				keys = appendName(keys, text, false)
			}
		}
	}
	// The best of several ways to the same text comes first, and stays.
	slices.SortFunc(keys, func(a, b Key) int {
		return cmp.Or(strings.Compare(a.Text, b.Text), compare(a.Sensitive, b.Sensitive), compare(a.Part, b.Part))
	})
	keys = slices.CompactFunc(keys, func(a, b Key) bool { return a.Text == b.Text })
	return slices.DeleteFunc(keys, func(k Key) bool { return k.Text == "" })
}

func compare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// appendName adds the keys of a name.
func appendName(keys []Key, name string, person bool) []Key {
	units := split(name)
	if len(units) == 0 {
		return keys
	}
	add := func(part bool, texts ...string) {
		for _, text := range texts {
			keys = append(keys, Key{Text: cut(text), Part: part})
		}
	}
	for i := range min(len(units), maxStarts) {
		add(i > 0, written(units[i:]))
		spellings, initials := read(units[i:], person && i == 0)
		add(i > 0, spellings...)
		if i == 0 && len(units) > 1 {
			add(false, initials...)
		}
	}
	// Jane Doe is looked for as Doe Jane too.
	if n := len(units); n > 1 && n <= 4 && !slices.ContainsFunc(units, unit.alone) {
		add(false, units[n-1].text+written(units[:n-1]))
	}
	return keys
}

func written(units []unit) string {
	var b strings.Builder
	for _, u := range units {
		b.WriteString(u.text)
	}
	return b.String()
}

// read spells units out in all their readings, and by the initials of these.
func read(units []unit, surname bool) (spellings, initials []string) {
	spellings, initials = []string{""}, []string{""}
	rest := units
	if surname {
		if double := doubleSurname(units); double != nil {
			spellings, initials = nil, nil
			for _, syllables := range double {
				spellings = append(spellings, syllables[0]+syllables[1])
				initials = append(initials, syllables[0][:1]+syllables[1][:1])
			}
			rest, surname = units[2:], false
		}
	}
	for i, u := range rest {
		readings := u.readings(surname && i == 0)
		spellings = extend(spellings, readings)
		firsts := make([]string, len(readings))
		for k, r := range readings {
			firsts[k] = first(r)
		}
		initials = extend(initials, firsts)
	}
	return spellings, initials
}

// extend puts each of the endings behind each of the texts, as many as may be.
func extend(texts, endings []string) []string {
	var all []string
	for _, text := range texts {
		for _, ending := range endings {
			if extended := text + ending; len(all) < maxReadings && !slices.Contains(all, extended) {
				all = append(all, extended)
			}
		}
	}
	return all
}

// Query is what a text looks for.
type Query struct {
	// Prefixes are what keys may begin with, folded. None where the text holds
	// nothing to search by.
	Prefixes []string
	// Written must be in the name as it is written, each: the Chinese part of
	// a text that spells the rest out, as 张san does.
	Written []string
}

// Parse reads what somebody types into a search box.
func Parse(text string) Query {
	units := split(text)
	folded := cut(written(units))
	if folded == "" {
		return Query{}
	}
	q := Query{Prefixes: []string{folded}}
	var run strings.Builder
	spelt := false
	for _, u := range units {
		if u.han {
			run.WriteString(u.text)
			continue
		}
		spelt = true
		if run.Len() > 0 {
			q.Written = append(q.Written, run.String())
			run.Reset()
		}
	}
	if run.Len() > 0 {
		q.Written = append(q.Written, run.String())
	}
	if !spelt || q.Written == nil {
		q.Written = nil
		return q
	}
	spellings, _ := read(units, true)
	for _, s := range spellings {
		if s = cut(s); !slices.Contains(q.Prefixes, s) {
			q.Prefixes = append(q.Prefixes, s)
		}
	}
	return q
}
