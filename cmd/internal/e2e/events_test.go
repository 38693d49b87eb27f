package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

// An event is visible as soon as it is acknowledged and folded; it survives the
// death of the service, and is known again afterwards.
func TestWebhookEvents(t *testing.T) {
	t.Parallel()
	server, settings := upstream(t, 40, 6)
	env := environment(append(append(settings, webhook(secrets.VerificationToken, secrets.EncryptKey)...), "MIRROR_DATABASE_URL="+pgtest.URL(t))...)
	backfill(t, env)
	var openID string
	for _, u := range server.Truth().Users {
		openID = u.OpenID
		break // one is as good as another
	}
	s := serveWith(t, env)
	address := s.logged(t, "serving")["webhook"].(string)
	if way := s.logged(t, "serving")["events"]; way != "webhook" {
		t.Errorf("events %v", way)
	}
	if status, body := deliver(t, address, []byte(`{"challenge":"abc","token":"`+secrets.VerificationToken+`","type":"url_verification"}`)); body != `{"challenge":"abc"}` {
		t.Errorf("challenge: %d %s", status, body)
	}

	now := time.Now().Add(time.Minute) // after the walk's observations, whatever the margin
	first := renamed(server, "e1", openID, "First Name", now)
	start := time.Now()
	if status, body := deliver(t, address, first); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	shows := func(name string) func() bool {
		return func() bool {
			code, body := get(t, s.rest+"/v1/users/"+openID)
			return code == http.StatusOK && strings.Contains(body, name)
		}
	}
	waitFor(t, "the new name", shows("First Name"))
	t.Logf("visible %s after it was sent", time.Since(start))

	// Refused, in one of the ways that there are.
	foreign := strings.Replace(string(renamed(server, "e2", openID, "Nobody", now)), server.AppID(), "cli_other", 1)
	if status, body := deliver(t, address, []byte(foreign)); status != http.StatusForbidden {
		t.Errorf("another app's event: %d %s", status, body)
	}

	s.signal(t, syscall.SIGKILL)
	s.code(t)
	s = serveWith(t, env)
	address = s.logged(t, "serving")["webhook"].(string)
	for _, e := range [][]byte{first, renamed(server, "e3", openID, "Second Name", now.Add(time.Second)), first} {
		if status, body := deliver(t, address, e); status != http.StatusOK {
			t.Fatalf("after the restart: %d %s", status, body)
		}
	}
	waitFor(t, "the second name", shows("Second Name"))
	_, metrics := get(t, s.operations+"/metrics")
	for _, want := range []string{
		`orgmirror_intake_webhook_requests_total{code="200",reason="stored"} 1`,
		`orgmirror_intake_webhook_requests_total{code="200",reason="duplicate"} 2`,
		`orgmirror_intake_duplicate_total{source="webhook"} 2`,
		`orgmirror_intake_late_total{source="webhook"} 0`,
		`orgmirror_intake_webhook_seconds_count 3`,
	} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("no %s in the metrics", want)
		}
	}
	for _, secret := range []string{secrets.VerificationToken, secrets.EncryptKey, "Second Name"} {
		if strings.Contains(s.stderr.String(), secret) {
			t.Errorf("%q is in the log", secret)
		}
	}

	s.signal(t, syscall.SIGTERM)
	if code := s.code(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if status, _ := deliver(t, address, first); status != 0 {
		t.Errorf("after the stop: %d", status)
	}
}

// Two services on one database are one mirror: whichever Feishu calls.
func TestWebhookOfTwoServices(t *testing.T) {
	t.Parallel()
	server, settings := upstream(t, 5, 2)
	env := environment(append(append(settings, webhook(secrets.VerificationToken, secrets.EncryptKey)...), "MIRROR_DATABASE_URL="+pgtest.URL(t))...)
	backfill(t, env)
	one, two := serveWith(t, env), serveWith(t, env)
	now := time.Now().Add(time.Minute)
	for i := range 5 {
		for _, s := range []service{one, two} {
			e := event(server, fmt.Sprint("e", i), "contact.user.created_v3", now, map[string]any{"object": map[string]any{"open_id": fmt.Sprint("ou_new_", i), "name": "New"}})
			if status, body := deliver(t, s.logged(t, "serving")["webhook"].(string), e); status != http.StatusOK {
				t.Fatalf("%d %s", status, body)
			}
		}
	}
	for _, s := range []service{one, two} {
		waitFor(t, "the newcomers", func() bool { return s.people(t) == "10" })
	}
	if _, metrics := get(t, two.operations+"/metrics"); !strings.Contains(metrics, `orgmirror_intake_duplicate_total{source="webhook"} 5`) {
		t.Error("the second service knows no duplicates")
	}
}

// Whatever was acknowledged is in the log, wherever the service was killed.
func TestAcknowledgedEventsSurviveAKill(t *testing.T) {
	t.Parallel()
	server, settings := upstream(t, 5, 2)
	database := pgtest.URL(t)
	env := environment(append(append(settings, webhook(secrets.VerificationToken, secrets.EncryptKey)...), "MIRROR_DATABASE_URL="+database)...)
	now := time.Now()
	const kills, senders, before = 3, 8, 60
	var acknowledged []string
	for kill := range kills {
		s := serveWith(t, env)
		address := s.logged(t, "serving")["webhook"].(string)
		enough := make(chan string, senders*10_000)
		var sending sync.WaitGroup
		for sender := range senders {
			sending.Go(func() {
				for i := 0; ; i++ {
					id := fmt.Sprintf("k%d-%d-%d", kill, sender, i)
					status, _ := deliver(t, address, renamed(server, id, "ou_"+id, "x", now))
					if status == 0 { // it is dead
						return
					}
					if status == http.StatusOK {
						enough <- id
					}
				}
			})
		}
		for range before { // it is in the middle of its work
			select {
			case id := <-enough:
				acknowledged = append(acknowledged, id)
			case <-time.After(patience):
				t.Fatal("nothing is acknowledged")
			}
		}
		s.signal(t, syscall.SIGKILL)
		s.code(t)
		sending.Wait()
		close(enough)
		for id := range enough {
			acknowledged = append(acknowledged, id)
		}
	}
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var found, all int
	err = conn.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE event_id = ANY ($1)), count(*) FROM mirror.event_log`, acknowledged).Scan(&found, &all)
	if err != nil {
		t.Fatal(err)
	}
	if found != len(acknowledged) {
		t.Errorf("%d of %d acknowledged events are in the log", found, len(acknowledged))
	}
	t.Logf("%d events acknowledged, %d in the log, %d kills", len(acknowledged), all, kills)
}

// Without secrets nothing listens, and a warning says what is missed.
func TestNoEvents(t *testing.T) {
	t.Parallel()
	s := serve(t, environment("MIRROR_DATABASE_URL="+pgtest.URL(t)))
	if address := s.logged(t, "serving")["webhook"]; address != "" {
		t.Errorf("webhook at %v", address)
	}
	hint, _ := s.logged(t, "no events are received, so changes in feishu are seen by the next backfill only")["hint"].(string)
	if !strings.Contains(hint, "MIRROR_FEISHU_ENCRYPT_KEY") || !strings.Contains(hint, "MIRROR_EVENTS") {
		t.Errorf("hint %q", hint)
	}

	s = serve(t, environment("MIRROR_DATABASE_URL="+pgtest.URL(t), "MIRROR_EVENTS=none"))
	if strings.Contains(s.stderr.String(), "no events are received") {
		t.Error("a warning of what was wanted")
	}
}

// The secrets may be files, and another app than the log's is refused at start.
func TestEventsOfAnotherApp(t *testing.T) {
	t.Parallel()
	_, settings := upstream(t, 5, 2)
	database := "MIRROR_DATABASE_URL=" + pgtest.URL(t)
	backfill(t, environment(append(settings, database)...))
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	with := func(more ...string) []string {
		return environment(append(append(anyPort[:len(anyPort):len(anyPort)], database, "MIRROR_FEISHU_VERIFICATION_TOKEN_FILE="+file, "MIRROR_FEISHU_ENCRYPT_KEY_FILE="+file), more...)...)
	}
	for setting, says := range map[string]string{
		"MIRROR_FEISHU_APP_ID=cli_other":   "the log belongs to another app",
		"MIRROR_FEISHU_TENANT_KEY=another": "MIRROR_FEISHU_TENANT_KEY",
	} {
		r := run(t, with(setting), binary("mirror"), "serve")
		if r.code != 2 || !strings.Contains(r.stderr, says) {
			t.Errorf("%s: exit code %d, %s", setting, r.code, r.stderr)
		}
	}
}

// A connection that Feishu refuses is seen in the metrics, keeps the service from
// nothing, and does not hold up its stop.
func TestLongConnectionRefused(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 100)
	feishu := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/callback/ws/endpoint" {
			asked <- struct{}{}
			fmt.Fprint(w, `{"code":1000040346,"msg":"app_id is invalid"}`)
			return
		}
		http.NotFound(w, r)
	}))
	defer feishu.Close()
	s := serveWith(t, environment(append(anyPort[:len(anyPort):len(anyPort)], "MIRROR_DATABASE_URL="+pgtest.URL(t), "MIRROR_API_CLIENTS="+client+":reader",
		"MIRROR_EVENTS=websocket", "MIRROR_FEISHU_BASE_URL="+feishu.URL, "MIRROR_FEISHU_APP_ID=cli_1", "MIRROR_FEISHU_APP_SECRET=hush")...))
	select {
	case <-asked:
	case <-time.After(patience):
		t.Fatal("nobody asks for the endpoint")
	}
	waitFor(t, "a red light", func() bool {
		_, metrics := get(t, s.operations+"/metrics")
		return strings.Contains(metrics, "orgmirror_intake_websocket_red 1\n") && strings.Contains(metrics, "orgmirror_intake_websocket_connected 0\n")
	})
	if code, _ := get(t, s.operations+"/readyz"); code != http.StatusOK {
		t.Errorf("readyz: %d", code)
	}
	s.signal(t, os.Interrupt)
	if code := s.code(t); code != 130 {
		t.Errorf("exit code %d", code)
	}
	if strings.Contains(s.stderr.String(), "hush") {
		t.Error("a secret is in the log")
	}
}
