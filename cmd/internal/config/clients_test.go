package config_test

import (
	"strings"
	"testing"

	"github.com/orgmirror/orgmirror/internal/query"
)

func TestClientsFile(t *testing.T) {
	t.Parallel()
	secret, hash := query.GenerateSecret()

	t.Run("takes YAML with hashes", func(t *testing.T) {
		t.Parallel()
		file := write(t, "clients.yaml", "# who may read\nclients:\n"+
			"  - {id: payroll, hash: \""+hash+"\", roles: [sensitive, operator], tenants: [t1, t2], allow_open_id: true}\n"+
			"  - id: wiki\n    hash: \""+hash+"\"\n    roles: [reader]\n")
		c, err := load(t, nil, []string{"MIRROR_API_CLIENTS_FILE=" + file})
		if err != nil || len(c.APIClients) != 2 {
			t.Errorf("clients = %d, %v, want 2", len(c.APIClients), err)
		}
	})

	t.Run("takes a file in which there is none", func(t *testing.T) {
		t.Parallel()
		c, err := load(t, nil, []string{"MIRROR_API_CLIENTS_FILE=" + write(t, "clients.yaml", "clients: []\n")})
		if err != nil || len(c.APIClients) != 0 {
			t.Errorf("clients = %d, %v, want none", len(c.APIClients), err)
		}
	})

	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"several mistakes at once": {
			"clients:\n  - {id: a, roles: [reader]}\n  - {id: b, hash: \"" + hash + "\"}\n  - {id: c, hash: \"" + hash + "\", roles: [king]}\n  - {hash: \"" + hash + "\", roles: [reader]}\n",
			[]string{"entry 1", "mirror hash-secret", "entry 2", "has no role", "entry 3", `unknown role "king"`, "entry 4", "must be a word"},
		},
		"one twice":               {"clients:\n  - {id: a, hash: \"" + hash + "\", roles: [reader]}\n  - {id: a, hash: \"" + hash + "\", roles: [reader]}\n", []string{`"a" is there twice`}},
		"a secret instead":        {"clients:\n  - {id: a, hash: \"" + secret + "\", roles: [reader]}\n", []string{"entry 1", "mirror hash-secret"}},
		"an unknown key":          {"clients:\n  - {id: a, secret: \"" + secret + "\", roles: [reader]}\n", []string{"field secret not found"}},
		"another shape":           {"clients: " + secret + "\n", []string{"a value of another type"}},
		"something else entirely": {"users: []\n", []string{"field users not found"}},
	} {
		t.Run("refuses "+name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, nil, []string{"MIRROR_API_CLIENTS_FILE=" + write(t, "clients.yaml", test.text)})
			if err == nil {
				t.Fatal("it was accepted")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), hash) {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}
