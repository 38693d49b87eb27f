package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/orgmirror/orgmirror/cmd/internal/app"
	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/cmd/internal/report"
	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/query"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// The demo's client is no secret: what it may read is made up.
const demoID, demoSecret = "demo", "demo"

// demoUses are the settings that hold for the demo too.
var demoUses = []string{"data_dir", "http_listen", "grpc_listen", "webhook_listen", "metrics_listen"}

func newDemo() *cobra.Command {
	company := sandbox.DefaultConfig()
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Mirror a made-up organisation and serve it, with commands to try",
		Long: "demo needs nothing: it starts an embedded PostgreSQL, a local Feishu with a made-up organisation, mirrors it, serves the\n" +
			"copy, and prints commands to try. The organisation changes all the time, and its events come in by webhook, as a real\n" +
			"company's do. Its database is in the folder demo of the data directory and stays there, so that the next start is quick.\n" +
			"It ends with Ctrl-C. Settings of a real company are not used.",
		Args: cobra.NoArgs,
	}
	config.Register(cmd.Flags())
	config.RegisterOnly(cmd.Flags(), demoUses...)
	cmd.Flags().IntVar(&company.People, "people", company.People, "how many people")
	cmd.Flags().IntVar(&company.Departments, "departments", company.Departments, "how many departments")
	life := cmd.Flags().String("life", "2/s", "how often something happens in the organisation, such as 2/s or 30/m; or off")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := app.Settings(cmd)
		if err != nil {
			return err
		}
		d := demo{cmd: cmd, out: cmd.OutOrStdout(), company: company}
		if d.rate, err = parseLife(*life); err != nil {
			return err
		}
		if err := d.run(cmd.Context(), cfg); err != nil {
			return err
		}
		return cli.Stopped(cmd.Context())
	}
	return cmd
}

type demo struct {
	cmd     *cobra.Command
	out     io.Writer
	company sandbox.Config
	rate    sandbox.Life
	feishu  *sandbox.Server
}

// run starts everything, walks the made-up company and serves until the context
// ends.
func (d *demo) run(ctx context.Context, cfg config.Config) (err error) {
	logger := app.Logger(d.cmd.ErrOrStderr(), cfg, true)
	// The sandbox is closed last of those who need it, not by the Ctrl-C.
	if d.feishu, err = sandbox.Start(context.WithoutCancel(ctx), d.company); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.feishu.Close()) }()
	if cfg, err = demoSettings(ctx, cfg, d.feishu); err != nil {
		return err
	}
	d.noteUnused(cfg)
	fmt.Fprintf(d.out, "Starting PostgreSQL in %s ...\n", cfg.DataDir)
	db, err := app.OpenDatabase(ctx, cfg, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	service, err := app.OpenService(ctx, cfg, db, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, service.Close()) }()
	life, err := openLife(d.feishu, d.rate, d.company, cfg.DataDir)
	if err != nil {
		return err
	}

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return service.Run(ctx) })
	group.Go(func() error {
		if err := d.subscribe(ctx, cfg, service); err != nil {
			return err
		}
		if err := d.walk(ctx, cfg, db, service); err != nil {
			return err
		}
		return life.run(ctx)
	})
	return group.Wait()
}

// noteUnused names the settings that somebody made and the demo does not heed.
func (d *demo) noteUnused(cfg config.Config) {
	var unused []string
	for _, s := range config.Settings() {
		if s.Group != config.Common && cfg.Given(s.Key) && !slices.Contains(demoUses, s.Key) {
			unused = append(unused, config.Variable(s.Key))
		}
	}
	if len(unused) > 0 {
		fmt.Fprintf(d.out, "Not used, for the demo brings its own: %s\n", strings.Join(unused, ", "))
	}
}

// demoSettings are the settings of a real company with everything replaced that
// leads to one. Addresses that nobody chose give way where they are taken.
func demoSettings(ctx context.Context, cfg config.Config, feishu *sandbox.Server) (config.Config, error) {
	client, err := query.NewClient(demoID, demoSecret, query.RoleSensitive)
	if err != nil {
		return cfg, err
	}
	cfg.APIClients = []query.Client{client}
	cfg.DatabaseURL = ""
	cfg.DataDir = filepath.Join(cfg.DataDir, "demo")
	cfg.FeishuBaseURL, cfg.FeishuAppID, cfg.FeishuAppSecret = feishu.URL(), feishu.AppID(), feishu.AppSecret()
	cfg.FeishuTenantKey = feishu.Truth().Tenant.TenantKey
	cfg.FeishuRates, cfg.FeishuMonthlyCalls = crawl.Rates{}, 0
	demoWebhook(&cfg)
	for key, address := range map[string]*string{
		"http_listen": &cfg.HTTPListen, "grpc_listen": &cfg.GRPCListen, "metrics_listen": &cfg.MetricsListen,
		"webhook_listen": &cfg.WebhookListen,
	} {
		if !cfg.Given(key) && taken(ctx, *address) {
			*address = "127.0.0.1:0"
		}
	}
	return cfg, nil
}

func taken(ctx context.Context, address string) bool {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return errors.Is(err, syscall.EADDRINUSE)
	}
	_ = l.Close()
	return false
}

// walk mirrors the made-up company and says what can be tried. Where an earlier
// demo has done so there is something to try at once, and the walk comes after.
func (d *demo) walk(ctx context.Context, cfg config.Config, db *app.Database, service *app.Service) error {
	status, err := service.Status(ctx)
	if err != nil {
		return err
	}
	mirrored := status.GetLastCompleteSweep() != nil
	if mirrored {
		d.invite(cfg, service)
	} else {
		fmt.Fprintf(d.out, "Mirroring %d people in %d departments, at most 50 calls a second, as Feishu allows ...\n", d.company.People, d.company.Departments)
	}
	summary, err := d.backfill(ctx, cfg, db)
	if err != nil {
		return err
	}
	if mirrored {
		fmt.Fprintf(d.out, "\nFeishu was walked again: %d observations, %d of them new.\n", summary.Appended+summary.Unchanged, summary.Appended)
		return nil
	}
	report.WriteSummary(d.out, summary)
	d.invite(cfg, service)
	return nil
}

func (d *demo) backfill(ctx context.Context, cfg config.Config, db *app.Database) (_ crawl.Summary, err error) {
	progress := report.NewProgress(d.cmd.ErrOrStderr())
	defer progress.Done()
	c, err := app.OpenCrawl(ctx, cfg, db, app.Logger(d.cmd.ErrOrStderr(), cfg, true), progress.Update)
	if err != nil {
		return crawl.Summary{}, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return c.Backfill(ctx)
}

// invite prints commands that work as they are, in any other shell.
func (d *demo) invite(cfg config.Config, service *app.Service) {
	someone := d.someone()
	program, err := os.Executable()
	if err != nil {
		program = "mirror" // it is on the PATH, or this would not run
	}
	program = shellQuote(program)
	a := service.Addresses
	ask := fmt.Sprintf("MIRROR_ADDR=%s MIRROR_CLIENT=%s:%s %s", a.GRPC, demoID, demoSecret, program)
	look := fmt.Sprintf("MIRROR_DATA_DIR=%s %s", shellQuote(cfg.DataDir), program)
	fmt.Fprintf(d.out, `
REST     http://%s    client %s, secret %s    (the API: /openapi.json)
gRPC     %s
metrics  http://%s/metrics

Try, in another shell:

  curl -s -u %s:%s http://%s/v1/departments/0/children
  curl -s -u %s:%s -G http://%s/v1/users:search --data-urlencode query=%s
  %s tree --depth 2
  %s person %s
  %s sql 'SELECT name, member_count FROM directory.departments ORDER BY member_count DESC NULLS LAST LIMIT 10'
%s
Ctrl-C ends the demo.
`, a.HTTP, demoID, demoSecret, a.GRPC, a.Metrics,
		demoID, demoSecret, a.HTTP,
		demoID, demoSecret, a.HTTP, shellQuote(firstRune(someone)),
		ask, ask, shellQuote(someone), look, d.lives(ask, look, service))
}

// someone is the name of a person who has no namesake, and who will not leave if
// there is such a one: administrators stay.
func (d *demo) someone() string {
	times, stays := map[string]int{}, map[string]bool{}
	for _, u := range d.feishu.Truth().Users {
		times[u.Name]++
		stays[u.Name] = u.IsTenantManager
	}
	found := "nobody" // in a company of namesakes, or of nobody
	for _, name := range slices.Sorted(maps.Keys(times)) {
		if times[name] != 1 {
			continue
		}
		if stays[name] {
			return name
		}
		found = name
	}
	return found
}

func firstRune(s string) string {
	for _, r := range s {
		return string(r)
	}
	return s
}

// shellQuote writes a word so that a shell reads it as one.
func shellQuote(s string) string {
	plain := func(r rune) bool {
		return r == '/' || r == '.' || r == '-' || r == '_' || r > 127 || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
