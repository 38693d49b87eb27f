package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/orgmirror/orgmirror/internal/query"
)

// clientsFile is the long form of the setting api_clients, for a file: what does
// not fit between colons.
type clientsFile struct {
	Clients []struct {
		ID          string       `yaml:"id"`
		Hash        string       `yaml:"hash"` // of mirror hash-secret
		Roles       []query.Role `yaml:"roles"`
		Tenants     []string     `yaml:"tenants"`       // needed where several are mirrored
		AllowOpenID bool         `yaml:"allow_open_id"` // open_ids of the mirror's app are what it wants
	} `yaml:"clients"`
}

// clients reads the API clients, in either form.
func (l *loader) clients(key string) []query.Client {
	text := l.get(key).text
	parse := query.ParseClients
	if isMapping(text) {
		parse = parseClientsFile
	}
	clients, err := parse(text)
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			l.problem("%s: %s", l.name(key), strings.TrimRight(line, "\n"))
		}
	}
	return clients
}

// isMapping tells the file's form from the short one, in which each colon stands
// in a word.
func isMapping(text string) bool {
	var node yaml.Node
	return yaml.Unmarshal([]byte(text), &node) == nil && len(node.Content) > 0 && node.Content[0].Kind == yaml.MappingNode
}

func parseClientsFile(text string) ([]query.Client, error) {
	var file clientsFile
	decoder := yaml.NewDecoder(bytes.NewBufferString(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the file of API clients cannot be read: %w", hideValues(err))
	}
	var (
		clients  []query.Client
		mistakes []error
	)
	for i, c := range file.Clients {
		client, err := query.NewHashedClient(query.ClientSpec{
			ID: c.ID, Hash: c.Hash, Roles: c.Roles, Tenants: c.Tenants, AllowOpenID: c.AllowOpenID,
		})
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("entry %d: %w", i+1, err))
			continue
		}
		clients = append(clients, client)
	}
	mistakes = append(mistakes, query.CheckClients(clients))
	return clients, errors.Join(mistakes...)
}

// hideValues leaves of YAML's complaints what shows no value: where it met one of
// another type it quotes it, and it may be a secret in the wrong place.
func hideValues(err error) error {
	wrong, ok := errors.AsType[*yaml.TypeError](err)
	if !ok {
		return err
	}
	var lines []string
	for _, text := range wrong.Errors {
		if i := strings.Index(text, "cannot unmarshal"); i >= 0 {
			text = text[:i] + "a value of another type than it should be"
		}
		lines = append(lines, text)
	}
	return errors.New(strings.Join(lines, "; "))
}
