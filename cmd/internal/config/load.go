package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// value is a setting's text and the place that it came from, for errors.
type value struct {
	text   string
	origin string // "" for a default
}

// layer is what one place says, by key.
type layer map[string]any

func (l layer) has(key string) bool {
	_, ok := l[key]
	return ok
}

// loader reads the layers from the weakest to the strongest.
type loader struct {
	known    map[string]Setting // by key; a secret's _file key too
	values   map[string]value
	bad      map[string]bool // settings that were given, but are of no use
	problems []error

	entries []layer // of the list of companies
	entry   string  // name of the one that this loader is for
	path    string  // of the configuration file, where there is a list
}

// read merges file, environment and flags over the defaults.
func read(flags *pflag.FlagSet, environ []string) *loader {
	l := &loader{known: map[string]Setting{}, values: map[string]value{}, bad: map[string]bool{}}
	for _, s := range Settings() {
		l.known[s.Key] = s
		if s.Secret {
			l.known[s.Key+fileSuffix] = s
		}
	}
	fromEnv, fromFlags := environment(environ), commandLine(flags)
	path, ok := fromFlags["config"].(string)
	if !ok {
		path, _ = fromEnv["config"].(string)
	}
	if path != "" {
		l.file(path)
	}
	l.add(fromEnv, Variable)
	l.add(fromFlags, func(key string) string { return "--" + flagName(key) })
	l.secretFiles()
	return l
}

// testPrefix begins variables that the project's own tests read, which a
// developer may have set for good.
const testPrefix = prefix + "TEST_"

// environment finds everything with our prefix, so that a name we do not know
// can be refused. An empty variable is one that was not set: compose files and
// unit files leave them behind.
func environment(environ []string) layer {
	found := layer{}
	for _, entry := range environ {
		name, text, _ := strings.Cut(entry, "=")
		if key, ours := strings.CutPrefix(name, prefix); ours && text != "" && !strings.HasPrefix(name, testPrefix) {
			found[strings.ToLower(key)] = text
		}
	}
	return found
}

// commandLine finds the flags that were given. Flags of the command's own, such
// as --format, are no settings; an unknown flag was refused by the parser.
func commandLine(flags *pflag.FlagSet) layer {
	settings := pflag.NewFlagSet("", pflag.ContinueOnError)
	Register(settings, Database, Feishu, Tenant, Service, Client)
	found := layer{}
	flags.Visit(func(f *pflag.Flag) {
		if settings.Lookup(f.Name) != nil {
			found[strings.ReplaceAll(f.Name, "-", "_")] = f.Value.String()
		}
	})
	return found
}

func (l *loader) file(path string) {
	var found layer
	content, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(content, &found)
	}
	if err != nil {
		l.problem("%s: the configuration file cannot be read: %w", Variable("config"), err)
		return
	}
	if found.has("config") {
		l.problem("config in %s: a configuration file cannot name another; remove it", path)
		delete(found, "config")
	}
	l.takeTenants(found, path)
	l.add(found, func(key string) string { return key + " in " + path })
}

// add puts a layer over the ones before it. A secret and its file displace each
// other between layers; in one layer they contradict each other.
func (l *loader) add(found layer, origin func(key string) string) {
	for _, key := range slices.Sorted(maps.Keys(found)) {
		setting, ok := l.known[key]
		if !ok {
			l.problem("%s: there is no such setting in this version; remove it, or see --help for those there are", origin(key))
			continue
		}
		text, ok := scalar(found[key])
		if !ok {
			l.bad[setting.Key] = true
			l.problem("%s: must be a single value", origin(key))
			continue
		}
		if setting.Secret {
			if found.has(setting.Key) && found.has(setting.Key+fileSuffix) {
				l.bad[setting.Key] = true
				if key == setting.Key { // say it once
					l.problem("%s and %s are both set; remove one", origin(key), origin(key+fileSuffix))
				}
				continue
			}
			delete(l.values, setting.Key)
			delete(l.values, setting.Key+fileSuffix)
		}
		l.values[key] = value{text: text, origin: origin(key)}
	}
}

// scalar is the text of a single value. YAML reads 1000 as a number and yes as
// a word; both are meant as they are written.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case bool, int, int64, uint64, float64:
		return fmt.Sprint(v), true
	default:
		return "", false
	}
}

// secretFiles puts the content of secrets' files in the secrets' places. A
// trailing line break belongs to the editor, not to the secret.
func (l *loader) secretFiles() {
	for _, s := range Settings() {
		path := l.values[s.Key+fileSuffix]
		if !s.Secret || path.text == "" {
			continue
		}
		content, err := os.ReadFile(path.text)
		text := strings.TrimRight(string(content), "\r\n")
		switch {
		case err != nil:
			l.bad[s.Key] = true
			l.problem("%s: the secret cannot be read: %w", path.origin, err)
		case text == "":
			l.bad[s.Key] = true
			l.problem("%s: %s is empty; it must hold the secret", path.origin, path.text)
		default:
			l.values[s.Key] = value{text: text, origin: path.origin}
		}
	}
}

func (l *loader) problem(format string, args ...any) {
	l.problems = append(l.problems, fmt.Errorf(format, args...))
}

// get is the text of a setting, its default where nothing or an empty flag was given.
func (l *loader) get(key string) value {
	if v := l.values[key]; v.text != "" {
		return v
	}
	return value{text: l.known[key].Default}
}

// name is where a setting came from, for errors.
func (l *loader) name(key string) string {
	if origin := l.get(key).origin; origin != "" {
		return origin
	}
	return Variable(key)
}

// called is what a setting that is missing is called.
func (l *loader) called(key string) string {
	if short := shortKey(key); l.entry != "" && short != key {
		return l.entry + "." + short + " in " + l.path
	}
	return Variable(key)
}

// invalid notes that a setting's value is of no use.
func (l *loader) invalid(key, fix string) {
	l.problem("%s: %q: %s", l.name(key), l.get(key).text, fix)
}

// refused reports whether the setting, or its file, was given but of no use, so
// that it is not called missing as well.
func (l *loader) refused(key string) bool { return l.bad[key] }

func (l *loader) err() error { return errors.Join(l.problems...) }
