package sandbox

const attrListPath = "GET /contact/v3/custom_attrs"

func customAttrEndpoints() []*endpoint {
	return []*endpoint{{name: attrListPath, scopes: []string{scopeBase, scopeLegacy}, handle: listCustomAttrs}}
}

// listCustomAttrs serves custom_attrs, by id: nothing where the company does not
// let apps see custom attributes.
func listCustomAttrs(c *call) error {
	page, token, err := pageByKey(c, 20, 100, c.view.customAttrs(), func(d *CustomAttrDefinition) string { return d.ID })
	if err != nil {
		return err
	}
	answerPage(c, "items", page, token, appendCustomAttr)
	return nil
}

// customAttrs lists the definitions that any app sees, by id.
func (v *view) customAttrs() []*CustomAttrDefinition {
	if !v.org.allowOpenQuery {
		return nil
	}
	return v.org.customAttrs
}

// appendCustomAttr appends a definition; only those that have options show them.
func appendCustomAttr(buf []byte, d *CustomAttrDefinition) []byte {
	o := begin(buf, nil, nil)
	o.rawKey("i18n_name")
	o.buf = appendTexts(o.buf, d.I18nName)
	o.str("id", d.ID)
	if attrTypes[d.Type] {
		o.rawKey("options")
		o.buf = appendAttrOptions(o.buf, d.Options)
	}
	o.str("type", d.Type)
	return o.end()
}

func appendAttrOptions(buf []byte, options AttrOptions) []byte {
	o := begin(buf, nil, nil)
	o.strIf("default_option_id", options.DefaultOptionID)
	o.str("option_type", options.OptionType)
	o.rawKey("options")
	o.buf = append(o.buf, '[')
	for i, option := range options.Options {
		if i > 0 {
			o.buf = append(o.buf, ',')
		}
		one := begin(o.buf, nil, nil)
		one.str("id", option.ID)
		one.strIf("name", option.Name)
		one.str("value", option.Value)
		o.buf = one.end()
	}
	o.buf = append(o.buf, ']')
	return o.end()
}
