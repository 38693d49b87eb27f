package sandbox

import (
	"slices"
	"strings"
)

// attrBody is a custom attribute as requests have it.
type attrBody struct {
	Type  *string        `json:"type"`
	ID    *string        `json:"id"`
	Value *attrValueBody `json:"value"`
}

type attrValueBody struct {
	Text        *string `json:"text"`
	URL         *string `json:"url"`
	PcURL       *string `json:"pc_url"`
	OptionID    *string `json:"option_id"`
	GenericUser *struct {
		ID   *string `json:"id"`
		Type *int    `json:"type"`
	} `json:"generic_user"`
}

// maxAttrText is how long the text of a custom attribute may be.
const maxAttrText = 100

// attributes is about the custom attributes, which are replaced together.
func (w *userWrite) attributes() error {
	if w.body.CustomAttrs == nil {
		return nil
	}
	w.next.CustomAttrs = nil
	for _, sent := range *w.body.CustomAttrs {
		attr, err := w.attribute(sent)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(w.next.CustomAttrs, func(a CustomAttr) bool { return a.ID == attr.ID }) {
			return refuse(codeParam)
		}
		w.next.CustomAttrs = append(w.next.CustomAttrs, attr)
	}
	return nil
}

// attribute reads one of them. A company that has none defined takes any.
func (w *userWrite) attribute(sent attrBody) (CustomAttr, error) {
	var attr CustomAttr
	if missing(sent.ID) {
		return attr, refuse(codeAttrNoID)
	}
	attr.ID = *sent.ID
	defined := w.c.server.org.customAttrs
	at := slices.IndexFunc(defined, func(d *CustomAttrDefinition) bool { return d.ID == attr.ID })
	var definition *CustomAttrDefinition
	switch {
	case at >= 0:
		definition = defined[at]
		attr.Type = definition.Type
	case len(defined) > 0:
		return attr, refuse(codeAttrUnknown)
	}
	if sent.Type != nil && attr.Type != "" && *sent.Type != attr.Type {
		return attr, refuse(codeParam)
	}
	set(&attr.Type, sent.Type)
	if sent.Value == nil {
		return attr, refuse(codeAttrNoValue)
	}
	var err error
	attr.Value, err = w.attributeValue(attr.Type, *sent.Value, definition)
	return attr, err
}

func (w *userWrite) attributeValue(kind string, sent attrValueBody, definition *CustomAttrDefinition) (CustomAttrValue, error) {
	var value CustomAttrValue
	switch kind {
	case "TEXT":
		if sent.Text == nil {
			return value, refuse(codeAttrNoValue)
		}
		value.Text = *sent.Text
	case "HREF":
		switch {
		case missing(sent.Text):
			return value, refuse(codeAttrNoText)
		case missing(sent.URL):
			return value, refuse(codeAttrNoURL)
		case !isLink(*sent.URL), sent.PcURL != nil && !isLink(*sent.PcURL):
			return value, refuse(codeParam)
		}
		value.Text, value.URL = *sent.Text, *sent.URL
		set(&value.PcURL, sent.PcURL)
	case "ENUMERATION", "PICTURE_ENUM":
		if missing(sent.OptionID) {
			return value, refuse(codeAttrNoValue)
		}
		return optionValue(*sent.OptionID, definition)
	case "GENERIC_USER":
		if sent.GenericUser == nil || missing(sent.GenericUser.ID) {
			return value, refuse(codeAttrNoValue)
		}
		// A user_id, whatever user_id_type says.
		u := w.c.server.org.byUserID.current[*sent.GenericUser.ID]
		if u == nil {
			return value, unknownUser(userID, *sent.GenericUser.ID)
		}
		value.GenericUser = u.OpenID
	default:
		return value, refuse(codeParam)
	}
	if len([]rune(value.Text)) > maxAttrText {
		return value, refuse(codeParam)
	}
	return value, nil
}

// optionValue is what people carry who have chosen an option.
func optionValue(id string, definition *CustomAttrDefinition) (CustomAttrValue, error) {
	value := CustomAttrValue{OptionID: id}
	if definition == nil {
		return value, nil
	}
	for _, option := range definition.Options.Options {
		switch {
		case option.ID != id:
			continue
		case definition.Type == "PICTURE_ENUM":
			value.Name, value.PictureURL = option.Name, option.Value
		default:
			value.OptionValue = option.Value
		}
		return value, nil
	}
	return value, refuse(codeParam)
}

func isLink(url string) bool {
	return strings.HasPrefix(url, "http://") || strings.HasPrefix(url, "https://")
}
