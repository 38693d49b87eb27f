package sandbox

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// attrTypes are the types of custom attributes, with whether they have options.
var attrTypes = map[string]bool{"TEXT": false, "HREF": false, "ENUMERATION": true, "GENERIC_USER": false, "PICTURE_ENUM": true}

// firstAttrID is where the numbers of made attributes begin, beyond those of the
// generator.
const firstAttrID = 6965457429001748600

// customAttr finds a definition by id; nil where there is none.
func (o *organisation) customAttr(id string) *CustomAttrDefinition {
	at, found := slices.BinarySearchFunc(o.customAttrs, id, compareAttrs)
	if !found {
		return nil
	}
	return o.customAttrs[at]
}

func compareAttrs(d *CustomAttrDefinition, id string) int { return strings.Compare(d.ID, id) }

// addCustomAttr completes, checks and enters a new definition.
func (o *organisation) addCustomAttr(d CustomAttrDefinition) (*CustomAttrDefinition, error) {
	for n := int64(firstAttrID); d.ID == ""; n++ {
		if id := "C-" + strconv.FormatInt(n, 10); o.customAttr(id) == nil {
			d.ID = id
		}
	}
	if o.customAttr(d.ID) != nil {
		return nil, refuseWith(codeParam, "the id of the custom attribute is taken")
	}
	if err := o.settleCustomAttr(&d); err != nil {
		return nil, err
	}
	before := o.attrsNow()
	at, _ := slices.BinarySearchFunc(o.customAttrs, d.ID, compareAttrs)
	o.customAttrs = slices.Insert(o.customAttrs, at, &d)
	o.recordAttrs(before)
	return &d, nil
}

// changeCustomAttr replaces a definition by next, which must keep id and type.
// New names and options make no event.
func (o *organisation) changeCustomAttr(d *CustomAttrDefinition, next CustomAttrDefinition) error {
	if next.ID != d.ID || next.Type != d.Type {
		return refuseWith(codeParam, "id and type of a custom attribute never change")
	}
	if err := o.settleCustomAttr(&next); err != nil {
		return err
	}
	*d = next
	return nil
}

// removeCustomAttr takes a definition away, and everybody's value of it: of
// these no event tells.
func (o *organisation) removeCustomAttr(d *CustomAttrDefinition) {
	before := o.attrsNow()
	o.customAttrs = slices.DeleteFunc(o.customAttrs, func(other *CustomAttrDefinition) bool { return other == d })
	is := func(a CustomAttr) bool { return a.ID == d.ID }
	for _, u := range o.users {
		if !slices.ContainsFunc(u.CustomAttrs, is) {
			continue
		}
		u.CustomAttrs = slices.DeleteFunc(slices.Clone(u.CustomAttrs), is)
		if len(u.CustomAttrs) == 0 {
			u.CustomAttrs = nil
		}
	}
	o.recordAttrs(before)
}

// openQuery turns the switch that lets apps see custom attributes.
func (o *organisation) openQuery(allowed bool) {
	if allowed == o.allowOpenQuery {
		return
	}
	before := o.attrsNow()
	o.allowOpenQuery = allowed
	o.recordAttrs(before)
}

// attrsNow begins the note of a change of the attributes.
func (o *organisation) attrsNow() attrsChange {
	return attrsChange{before: o.attrIDs(), open: [2]bool{o.allowOpenQuery, o.allowOpenQuery}}
}

func (o *organisation) attrIDs() []string {
	ids := make([]string, 0, len(o.customAttrs))
	for _, d := range o.customAttrs {
		ids = append(ids, d.ID)
	}
	return ids
}

func (o *organisation) recordAttrs(a attrsChange) {
	a.after, a.open[1] = o.attrIDs(), o.allowOpenQuery
	o.record(change{what: changed, entity: kindCustomAttr, attrs: &a})
}

// settleCustomAttr brings a definition into its normal form and checks it.
func (o *organisation) settleCustomAttr(d *CustomAttrDefinition) error {
	hasOptions, known := attrTypes[d.Type]
	if !known {
		return refuseWith(codeParam, "type is TEXT, HREF, ENUMERATION, GENERIC_USER or PICTURE_ENUM")
	}
	if len(d.I18nName) == 0 {
		return refuseWith(codeParam, "a custom attribute needs i18n_name")
	}
	if !hasOptions {
		if d.Options.OptionType != "" || d.Options.DefaultOptionID != "" || len(d.Options.Options) > 0 {
			return refuseWith(codeParam, "only ENUMERATION and PICTURE_ENUM have options")
		}
		d.Options.Options = nil
		return nil
	}
	optionType := "TEXT"
	if d.Type == "PICTURE_ENUM" {
		optionType = "PICTURE"
	}
	d.Options.OptionType = cmp.Or(d.Options.OptionType, optionType)
	if d.Options.OptionType != optionType || len(d.Options.Options) == 0 {
		return refuseWith(codeParam, "an ENUMERATION has options of the type TEXT, a PICTURE_ENUM of the type PICTURE")
	}
	ids := map[string]bool{"": true}
	for i := range d.Options.Options {
		option := &d.Options.Options[i]
		if option.ID == "" {
			option.ID = o.resourceIDs.userID()
		}
		if ids[option.ID] || option.Value == "" {
			return refuseWith(codeParam, "each option has an id of its own and a value")
		}
		ids[option.ID] = true
	}
	if !ids[d.Options.DefaultOptionID] {
		return refuseWith(codeParam, "default_option_id is none of the options")
	}
	return nil
}
