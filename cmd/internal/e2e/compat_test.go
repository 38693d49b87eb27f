package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/orgmirror/orgmirror/internal/sandbox"
	"github.com/orgmirror/orgmirror/internal/sandbox/sdktest/nodesdk"
)

// The variables by which the test of the answers is repeated, or made longer.
const (
	compatSeed    = "ORGMIRROR_COMPAT_SEED"
	compatChanges = "ORGMIRROR_COMPAT_CHANGES" // between the two comparisons
)

// TestCompat asks a sandbox and the mirror of it the same questions through
// Feishu's own SDKs, after a backfill, and again after changes that came in as
// events, and wants the same answers.
func TestCompat(t *testing.T) { //nolint:tparallel // the company changes between its parts
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a minute")
	}
	c := startCompat(t, numberIn(t, compatSeed, rand.Uint64()))
	seen := newVantage()
	seen.look(c.server)
	c.compare(t, seen, "after the backfill", true)
	t.Run("by hand", c.byHand)

	c.company.live(t.Context(), int(numberIn(t, compatChanges, 300)), false)
	c.calm()
	seen.look(c.server)
	c.compare(t, seen, "after changes", false)

	c.sweep(0)
	// What is missing from two lists that are a minute apart is gone: let it be a minute.
	execute(t, c.db.url, `UPDATE mirror.poll_missing SET missing_at = missing_at - interval '2 minutes'`)
	execute(t, c.db.url, `UPDATE mirror.poll SET tried_at = tried_at - interval '2 minutes', last_polled_at = last_polled_at - interval '2 minutes'`)
	c.sweep(0)
	c.drained()
	c.compare(t, seen, "after changes and a sweep", true)
	t.Logf("changes %v", c.company.made)
}

// In an app whose range was narrowed the mirror refuses what Feishu refuses.
func TestCompatInANarrowedRange(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	c := startCompat(t, numberIn(t, compatSeed, rand.Uint64()))
	seen := newVantage()
	seen.look(c.server)
	seen.every = 2
	c.company.narrow()
	c.sweep(0, 4) // all groups are gone from the app's sight: that is held
	c.drained()
	all := comparison{swept: true}
	for _, q := range seen.questions(false) {
		if q.method != "contact.v3.department.search" { // asked as a person, who sees everybody
			all.ask(t, c.goFeishu, c.goMirror, q)
		}
	}
	all.report(t, "after the range was narrowed")
}

// compatRun is a mirror of a sandbox, and both through both SDKs.
type compatRun struct {
	*live

	goFeishu, goMirror goSDK
	node               func(t *testing.T) (feishu, mirror js) // skips where there is none
}

// The clients of the mirror: one with the credentials of the app, which is all that
// a program has to know, one of another app, and one without personal data.
const (
	readerClient = "reader-app"
	clientSecret = "s3cret-of-clients"
)

func startCompat(t *testing.T, seed uint64) *compatRun {
	t.Helper()
	t.Logf("seed %d", seed)
	l := &live{liveRun: liveRun{seed: seed}, t: t, random: rand.New(rand.NewPCG(seed, 1)), db: startDatabase(t), address: free(t), told: map[string]bool{}}
	var err error
	l.server, err = sandbox.Start(t.Context(), sandbox.Config{
		People: 120, Departments: 25, Seed: seed, AppID: newApp(),
		Options: sandbox.Options{ // whatever happens is told: of the rest the mirror hears by the next sweep
			EventOptions:   sandbox.EventOptions{UnreadableChanges: true, UncarriedChanges: true, SiblingEvents: true, ResurrectEvent: sandbox.ResurrectAsUpdated},
			FollowUpEvents: true,
		},
		Delivery: sandbox.Delivery{RetryScale: 0.003, Parallel: 8, History: 1_000_000},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.server.Close(); err != nil {
			t.Errorf("close the sandbox: %v", err)
		}
	})
	l.company = newLiveCompany(t, l.server, seed)
	// Feishu tells of an erased person as of one who resigned, and the mirror asks no
	// more about people who are gone.
	l.company.never = []string{"person erased"}
	app, other := l.server.AppID(), newApp()
	l.env = environment(append(anyPort[:len(anyPort):len(anyPort)], "MIRROR_DATABASE_URL="+l.db.url, "MIRROR_WEBHOOK_LISTEN="+l.address,
		"MIRROR_FEISHU_VERIFICATION_TOKEN="+secrets.VerificationToken, "MIRROR_FEISHU_ENCRYPT_KEY="+secrets.EncryptKey,
		"MIRROR_FEISHU_BASE_URL="+l.server.URL(), "MIRROR_FEISHU_APP_ID="+app, "MIRROR_FEISHU_APP_SECRET="+l.server.AppSecret(),
		"MIRROR_FEISHU_RATE=off", "MIRROR_MAX_REMOVALS=90%", "MIRROR_REREAD=always", "MIRROR_API_CLIENTS="+
			app+":"+l.server.AppSecret()+":sensitive,"+other+":"+clientSecret+":sensitive+allow_open_id,"+readerClient+":"+clientSecret+":reader+allow_open_id")...)
	mustRun(t, l.env, binary("mirror"), "migrate", "up")
	l.company.look()
	l.sweep(0)
	l.serve()
	l.subscribe()
	c := l.sdks(t, other)
	waitFor(t, "what the service asks Feishu about the company", func() bool {
		return strings.Contains(text(c.goMirror.ask(t, question{method: "tenant.v2.tenant.query"}).data), `"name"`)
	})
	return c
}

// newApp is the id of an app that no other test has: the Go SDK keeps tokens by app
// id for the whole process.
func newApp() string { return fmt.Sprintf("cli_%016x", rand.Uint64()) }

func (l *live) sdks(t *testing.T, other string) *compatRun {
	t.Helper()
	app, secret := l.server.AppID(), l.server.AppSecret()
	return &compatRun{
		live:     l,
		goFeishu: newGoSDK(t, l.server.URL(), app, secret, ""),
		goMirror: newGoSDK(t, l.service.rest, other, clientSecret, mirrorToken(t, l.service.rest, other, clientSecret)),
		node: func(t *testing.T) (feishu, mirror js) {
			t.Helper()
			return js{nodesdk.Start(t, l.server.URL(), app, secret), l.person()},
				js{nodesdk.Start(t, l.service.rest, app, secret), mirrorToken(t, l.service.rest, app, secret)}
		},
	}
}

// person is an access token of somebody who is here, whom the search of departments
// asks for.
func (l *live) person() string {
	l.t.Helper()
	l.company.look()
	token, err := l.server.MintUserToken(l.server.AppID(), l.company.people[0], nil)
	if err != nil {
		l.t.Fatal(err)
	}
	return token
}

// mirrorToken asks the mirror for a token as SDKs do.
func mirrorToken(t *testing.T, url, id, secret string) string {
	t.Helper()
	body := text(map[string]string{"app_id": id, "app_secret": secret})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/open-apis/auth/v3/tenant_access_token/internal", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Token string `json:"tenant_access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Token == "" {
		t.Fatalf("no token from the mirror: %v", err)
	}
	return answer.Token
}

// calm ends the changes, and waits until the mirror has heard of all of them.
func (c *compatRun) calm() {
	c.t.Helper()
	c.company.settle()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	if err := c.server.FlushEvents(ctx); err != nil {
		c.t.Fatalf("deliver what is left: %v", err)
	}
	c.drained()
}

// compare asks everything by the Go SDK, and of every few people and departments by
// the Node SDK.
func (c *compatRun) compare(t *testing.T, seen *vantage, when string, swept bool) {
	t.Helper()
	t.Run(when+" by the Go SDK", func(t *testing.T) {
		all := comparison{swept: swept}
		c.goFeishu.person = c.person()
		for _, q := range seen.questions(swept) {
			all.ask(t, c.goFeishu, c.goMirror, q)
		}
		all.report(t, when)
	})
	t.Run(when+" by the Node SDK", func(t *testing.T) {
		feishu, mirror := c.node(t)
		all, few := comparison{swept: swept}, *seen
		few.every = 9
		for _, q := range few.questions(swept) {
			all.ask(t, feishu, mirror, q)
		}
		all.report(t, when)
	})
}
