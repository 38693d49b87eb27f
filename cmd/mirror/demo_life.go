package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/orgmirror/orgmirror/cmd/internal/app"
	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

const (
	// rememberEvery is how often is written down how much has happened.
	rememberEvery = 2 * time.Second
	// demoChallengeEvery is how often the webhook is challenged until it answers.
	demoChallengeEvery = 100 * time.Millisecond
)

// demoLife is what goes on in the made-up company. It is in no file itself, but
// comes out the same again: each demo's changes follow from the company before
// it and from their number, and these are remembered.
type demoLife struct {
	feishu *sandbox.Server
	rate   sandbox.Life // its zero value is a company at rest
	file   string       // of the earlier demos' numbers of changes
	past   []int
}

// openLife brings a company to where it was when the last demo ended.
func openLife(feishu *sandbox.Server, rate sandbox.Life, company sandbox.Config, dataDir string) (*demoLife, error) {
	l := &demoLife{
		feishu: feishu, rate: rate,
		file: filepath.Join(dataDir, fmt.Sprintf("life-%d-people-%d-departments.json", company.People, company.Departments)),
	}
	raw, err := os.ReadFile(l.file)
	if errors.Is(err, os.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what happened in earlier demos: %w", err)
	}
	if err := json.Unmarshal(raw, &l.past); err != nil {
		return nil, cli.Usage(fmt.Errorf("read what happened in earlier demos: %s: %w: remove the file, and the company is young again", l.file, err))
	}
	for i, changes := range l.past {
		if err := l.begin(i); err != nil {
			return nil, err
		}
		feishu.StopLife() // before its first change, which is far off
		feishu.LiveOnce(changes)
	}
	return l, nil
}

// begin chooses the changes of one demo.
func (l *demoLife) begin(demo int) error {
	return l.feishu.StartLife(sandbox.Life{PerSecond: 1e-6, Seed: uint64(demo)})
}

// run lets the company live until the context ends.
func (l *demoLife) run(ctx context.Context) error {
	if l.rate.PerSecond == 0 {
		return nil
	}
	l.rate.Seed = uint64(len(l.past))
	if err := l.feishu.StartLife(l.rate); err != nil {
		return err
	}
	ticker := time.NewTicker(rememberEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := l.remember(); err != nil {
				return err
			}
		case <-ctx.Done():
			l.feishu.StopLife()
			return l.remember()
		}
	}
}

// remember writes down how many changes there were in each demo.
func (l *demoLife) remember() error {
	changes := 0
	for _, n := range l.feishu.Life().Changes {
		changes += n
	}
	raw, err := json.Marshal(append(l.past[:len(l.past):len(l.past)], changes))
	if err == nil {
		err = os.WriteFile(l.file+".new", raw, 0o600)
	}
	if err == nil {
		err = os.Rename(l.file+".new", l.file)
	}
	if err != nil {
		return fmt.Errorf("remember what happened in the demo: %w", err)
	}
	return nil
}

// demoWebhook are the settings of a webhook. The secrets hold for this once.
func demoWebhook(cfg *config.Config) {
	cfg.Events = config.EventsWebhook
	cfg.FeishuVerificationToken, cfg.FeishuEncryptKey = rand.Text(), rand.Text()
}

// subscribe has Feishu call the service's webhook. The service may not have
// begun to answer.
func (d *demo) subscribe(ctx context.Context, cfg config.Config, service *app.Service) error {
	subscription := sandbox.Subscription{
		Mode: sandbox.ModeWebhook, URL: "http://" + service.Addresses.Webhook + "/webhook/event",
		VerificationToken: sandbox.Secret(cfg.FeishuVerificationToken), EncryptKey: sandbox.Secret(cfg.FeishuEncryptKey),
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	ticker := time.NewTicker(demoChallengeEvery)
	defer ticker.Stop()
	for {
		err := d.feishu.Subscribe(ctx, d.feishu.AppID(), subscription)
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("subscribe to the made-up Feishu's events: %w", err)
		}
	}
}

// parseLife reads --life.
func parseLife(text string) (sandbox.Life, error) {
	if text == "off" {
		return sandbox.Life{}, nil
	}
	life, err := sandbox.ParseLife(text)
	if err != nil {
		return life, cli.Usage(fmt.Errorf("--life: %w; or off", err))
	}
	return life, nil
}

// watch is what shows changes that came in: the newest versions of people.
const watch = `SELECT from_position, valid_from, name, job_title, removed_reason FROM history.users ORDER BY from_position DESC LIMIT 10`

// lives says that the company changes, and how that can be seen. Of the second that
// has just begun there may be no history yet.
func (d *demo) lives(ask, look string, service *app.Service) string {
	if d.rate.PerSecond == 0 {
		return ""
	}
	return fmt.Sprintf(`
The company lives (%s changes a second): people come, move, rise and go. Feishu tells of each by an event, encrypted and
signed, to http://%s/webhook/event, and the copy follows at once. Watch it, again and again:

  %s sql '%s'
  %s status
  %s diff --from %s
`, strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.2f", d.rate.PerSecond), "0"), "."), service.Addresses.Webhook, look, watch, look,
		ask, time.Now().Add(time.Second).UTC().Format(time.RFC3339))
}
