package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A webhook may be started after the sandbox: events come from the moment when
// it answers the challenge. Its key is shown nowhere.
func TestSandboxPushesToAWebhook(t *testing.T) {
	t.Parallel()
	reserved, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := reserved.Addr().String()
	if err := reserved.Close(); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("hush-hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := "sandbox --people 3 --departments 1 --webhook-url http://" + address + " --verification-token tok --retry-scale 0.001"
	plain := serveSandbox(t, t.TempDir(), flags+` --event-fault '{"event_type":"contact.user.created_v3","duplicates":1}'`)
	sealed := serveSandbox(t, t.TempDir(), flags+" --encrypt-key-file "+key)
	for _, s := range []served{plain, sealed} {
		s.until(t, s.stderr, "warning", func(text string) bool { return strings.Contains(text, "the webhook does not answer the challenge") })
	}

	pushed := make(chan string, 10)
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		var e struct{ Challenge, Token string }
		if json.Unmarshal(raw, &e) == nil && e.Challenge != "" {
			fmt.Fprintf(w, `{"challenge":%q}`, e.Challenge)
			return
		}
		if !strings.Contains(string(raw), `"encrypt"`) { // a challenge that this webhook cannot read
			pushed <- string(raw)
		}
	})}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	plain.until(t, plain.stdout, "subscription", func(text string) bool { return strings.Contains(text, "Events are pushed to http://"+address) })
	plain.curl(t, "curl -s -X POST "+plain.control+`/users -d '{"name":"王伟"}'`)
	first, second := <-pushed, <-pushed
	if first != second || !strings.Contains(first, `"token":"tok"`) || !strings.Contains(first, `"event_type":"contact.user.created_v3"`) {
		t.Errorf("pushed %s and %s", first, second)
	}
	for _, s := range []served{plain, sealed} {
		s.stop(t)
		if out := s.stdout.String() + s.stderr.String(); strings.Contains(out, "hush") {
			t.Errorf("the key is shown:\n%s", out)
		}
	}
}
