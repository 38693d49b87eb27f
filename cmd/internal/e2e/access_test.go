package e2e_test

import (
	"crypto/x509"
	"encoding/pem"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

// Clients by a file with hashes that the program itself made, over TLS; and who
// reads personal data leaves a line.
func TestClientsFileAndTLS(t *testing.T) {
	t.Parallel()
	server, settings := upstream(t, 20, 3)
	env := environment(append(settings, "MIRROR_DATABASE_URL="+pgtest.URL(t))...)
	backfill(t, env)

	made := mustRun(t, env, binary("mirror"), "hash-secret", "--generate")
	_, rest, _ := strings.Cut(made, "secret: ")
	secret, rest, _ := strings.Cut(rest, "\n")
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	clients := file("clients.yaml", "clients:\n- id: payroll\n  roles: [sensitive]\n  "+rest)
	cert, key := ownCertificate(t)
	certFile := file("cert.pem", cert)

	p := start(t, append(append(env[:len(env):len(env)], anyPort...),
		"MIRROR_API_CLIENTS_FILE="+clients, "MIRROR_TLS_CERT="+certFile, "MIRROR_TLS_KEY="+file("key.pem", key)), binary("mirror"), "serve")
	address := p.logged(t, "serving")["grpc"].(string)
	ask := environment("MIRROR_ADDR="+address, "MIRROR_CLIENT=payroll:"+secret)

	tree := mustRun(t, ask, binary("mirror"), "tree", "--ca", certFile)
	if lines := strings.Count(tree, "od-"); lines != 3 {
		t.Errorf("the tree shows %d departments, want 3:\n%s", lines, tree)
	}
	for _, args := range [][]string{{"tree"}, {"tree", "--tls"}} { // in plain text; and trusting others
		if r := run(t, ask, binary("mirror"), args...); r.code != 1 || !strings.Contains(r.stderr, "MIRROR_TLS") {
			t.Errorf("%q: exit code %d, %s", args, r.code, r.stderr)
		}
	}
	id := slices.Sorted(maps.Keys(server.Truth().Users))[0]
	mustRun(t, ask, binary("mirror"), "person", "--ca", certFile, id)
	if line := p.logged(t, "withheld fields read"); line["client"] != "payroll" || line["entities"] != float64(1) {
		t.Errorf("the audit says %v", line)
	}
	if log := p.stderr.String(); strings.Contains(log, secret) || strings.Contains(log, id) {
		t.Error("the log shows a secret or a person")
	}
}

// ownCertificate is one for 127.0.0.1 that signs itself, and its key.
func ownCertificate(t *testing.T) (cert, key string) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	private, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}
