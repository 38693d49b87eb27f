package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// reader reads YAML and gathers everything that is wrong with it, with lines.
type reader struct {
	name string
	errs []error
}

// readDocument parses a file that holds one document.
func (r *reader) readDocument(raw []byte) *yaml.Node {
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	var document, second yaml.Node
	if err := decoder.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the file is empty")
		}
		r.errs = append(r.errs, fmt.Errorf("%s: %w", r.name, err))
		return nil
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		r.fail(&second, "there is a second document; a scenario is one")
		return nil
	}
	return document.Content[0]
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	r.errs = append(r.errs, r.at(n.Line, fmt.Errorf(format, args...)))
}

// at puts the place before an error.
func (r *reader) at(line int, err error) error { return fmt.Errorf("%s:%d: %w", r.name, line, err) }

func (r *reader) err() error { return errors.Join(r.errs...) }

// fields are what an object may have, by name.
type fields map[string]func(*yaml.Node)

// object reads a mapping. A name that is not among its fields goes to rest, and
// is an error where there is none.
func (r *reader) object(n *yaml.Node, what string, known fields, rest func(key, value *yaml.Node)) {
	n = deref(n)
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s: names with values are expected here, such as %s: …", what, slices.Min(slices.Collect(maps.Keys(known))))
		return
	}
	seen := map[string]bool{}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], deref(n.Content[i+1])
		read, ok := known[key.Value]
		switch {
		case seen[key.Value]:
			r.fail(key, "%s: %s stands here twice", what, key.Value)
		case ok:
			read(value)
		case rest != nil:
			rest(key, value)
		default:
			r.fail(key, "%s: there is no %q; there are %s", what, key.Value, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		seen[key.Value] = true
	}
}

func (r *reader) list(n *yaml.Node, what string, each func(*yaml.Node)) {
	n = deref(n)
	if n.Kind != yaml.SequenceNode {
		r.fail(n, "%s: a list is expected here", what)
		return
	}
	for _, item := range n.Content {
		each(deref(item))
	}
}

// scalar reads a value of the type of into.
func (r *reader) scalar(n *yaml.Node, what string, into any) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		r.fail(n, "%s: a single value is expected here", what)
		return
	}
	if text, ok := into.(*string); ok {
		*text = n.Value // also where YAML would take it for a number
		return
	}
	if n.Decode(into) != nil {
		r.fail(n, "%s: %q is not a %s", what, n.Value, strings.TrimLeft(fmt.Sprintf("%T", into), "*"))
	}
}

func (r *reader) text(n *yaml.Node, what string) (text string) {
	r.scalar(n, what, &text)
	return text
}

// texts reads one text or a list of them.
func (r *reader) texts(n *yaml.Node, what string) (all []string) {
	if n.Kind == yaml.ScalarNode {
		return []string{r.text(n, what)}
	}
	r.list(n, what, func(item *yaml.Node) { all = append(all, r.text(item, what)) })
	return all
}

func (r *reader) duration(n *yaml.Node, what string) time.Duration {
	d, err := time.ParseDuration(r.text(n, what))
	if err != nil {
		r.fail(n, "%s: %q is no time; it is written as 1.5s, 200ms or 2m", what, n.Value)
	}
	return d
}

// json reads an object that the controls take as JSON into v, strictly: name by
// name, for the lines.
func (r *reader) json(n *yaml.Node, what string, v any) {
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s: names with values are expected here", what)
		return
	}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], any(nil)
		if err := n.Content[i+1].Decode(&value); err != nil {
			r.fail(key, "%s: %w", what, err)
			continue
		}
		raw, err := json.Marshal(map[string]any{key.Value: value})
		if err == nil {
			err = merge(raw, v)
		}
		var mistyped *json.UnmarshalTypeError
		switch {
		case errors.As(err, &mistyped):
			r.fail(key, "%s: %s: a %s is expected here, not a %s; a text that looks like a number needs quotes", what, key.Value, mistyped.Type, mistyped.Value)
		case err != nil:
			r.fail(key, "%s: %s", what, strings.TrimPrefix(err.Error(), "decode body: json: "))
		}
	}
}

// subset is an object without some of its fields.
func subset(n *yaml.Node, without ...string) *yaml.Node {
	c := *n
	c.Content = nil
	for i := 0; i < len(n.Content); i += 2 {
		if !slices.Contains(without, n.Content[i].Value) {
			c.Content = append(c.Content, n.Content[i], n.Content[i+1])
		}
	}
	return &c
}

func deref(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}
