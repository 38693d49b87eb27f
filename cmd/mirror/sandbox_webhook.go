package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// webhookFlags say where the sandbox pushes events, and what goes wrong with them.
type webhookFlags struct {
	url, token, keyFile string
	retryScale          float64
	faults              []string
}

func (f *webhookFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.url, "webhook-url", "", "push the app's events there, from the moment when it answers the challenge")
	flags.StringVar(&f.token, "verification-token", "", "verification token in what is pushed to --webhook-url")
	flags.StringVar(&f.keyFile, "encrypt-key-file", "", "file that holds the Encrypt Key with which what is pushed is encrypted and signed")
	flags.StringArrayVar(&f.faults, "event-fault", nil, "what goes wrong with events, in JSON as for POST /event_faults, such as '{\"lose\":true,\"probability\":0.1,\"count\":-1}'; can be given several times")
	flags.Float64Var(&f.retryScale, "retry-scale", 1, "factor of the waits before an event is pushed again (15s, 5m, 1h, 6h); 0.001 makes them 15ms, 300ms, 3.6s, 21.6s")
}

// eventPlan is what the flags come to.
type eventPlan struct {
	subscription *sandbox.Subscription // nil where nobody wants events
	faults       []sandbox.EventFault
}

func (f *webhookFlags) read(c *sandbox.Config) (eventPlan, error) {
	if f.retryScale <= 0 {
		return eventPlan{}, errors.New("--retry-scale: it must be greater than 0")
	}
	c.Delivery.RetryScale = f.retryScale
	faults, err := f.readFaults()
	if err != nil {
		return eventPlan{}, err
	}
	if f.url == "" {
		if f.token != "" || f.keyFile != "" {
			return eventPlan{}, errors.New("--verification-token and --encrypt-key-file are about --webhook-url, which is missing")
		}
		return eventPlan{faults: faults}, nil
	}
	s := &sandbox.Subscription{Mode: sandbox.ModeWebhook, URL: f.url, VerificationToken: sandbox.Secret(f.token)}
	if f.keyFile != "" {
		content, err := os.ReadFile(f.keyFile)
		if err != nil {
			return eventPlan{}, fmt.Errorf("--encrypt-key-file: %w", err)
		}
		s.EncryptKey = sandbox.Secret(strings.TrimRight(string(content), "\r\n"))
		if s.EncryptKey == "" {
			return eventPlan{}, fmt.Errorf("--encrypt-key-file: %s is empty; it must hold the key", f.keyFile)
		}
	}
	if err := s.Check(); err != nil {
		return eventPlan{}, fmt.Errorf("--webhook-url: %w", err)
	}
	return eventPlan{s, faults}, nil
}

func (f *webhookFlags) readFaults() ([]sandbox.EventFault, error) {
	var list []sandbox.EventFault
	for _, text := range f.faults {
		var fault sandbox.EventFault
		d := json.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		err := d.Decode(&fault)
		if err == nil {
			err = fault.Check()
		}
		if err != nil {
			return nil, fmt.Errorf("--event-fault %s: %w", text, err)
		}
		list = append(list, fault)
	}
	return list, nil
}

// begin does what the flags say. The function that it returns ends that.
func (p eventPlan) begin(ctx context.Context, server *sandbox.Server, out io.Writer, log *slog.Logger) (end func(), err error) {
	for _, fault := range p.faults {
		if err := server.AddEventFault(fault); err != nil {
			return nil, fmt.Errorf("--event-fault: %w", err)
		}
	}
	if p.subscription == nil {
		return func() {}, nil
	}
	return subscribe(ctx, server, p.subscription, out, log), nil
}

// challengeEvery is the pause between challenges to a webhook that is not there
// yet: it may be a program that is started after the sandbox.
const challengeEvery = time.Second

// subscribe challenges the webhook until it answers, the first time before it
// returns. The function that it returns ends that and waits for the end.
func subscribe(ctx context.Context, server *sandbox.Server, s *sandbox.Subscription, out io.Writer, log *slog.Logger) (end func()) {
	said := ""
	try := func() bool {
		err := server.Subscribe(ctx, server.AppID(), *s)
		switch {
		case err == nil:
			fmt.Fprintf(out, "Events are pushed to %s.\n", s.URL)
		case ctx.Err() == nil && err.Error() != said:
			said = err.Error()
			log.LogAttrs(ctx, slog.LevelWarn, "the webhook does not answer the challenge; it is asked again every second", slog.Any("error", err))
		}
		return err == nil
	}
	if try() {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var trying sync.WaitGroup
	trying.Go(func() {
		ticker := time.NewTicker(challengeEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				if try() {
					return
				}
			}
		}
	})
	return func() {
		cancel()
		trying.Wait()
	}
}
