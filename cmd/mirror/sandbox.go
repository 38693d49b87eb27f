package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orgmirror/orgmirror/cmd/internal/app"
	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// sandboxFlags are what a person may say about a sandbox beside its Config.
type sandboxFlags struct {
	company    sandbox.Config
	shape      string
	secretFile string
	scenario   string
	faults     []string
	life       string
	clockSkew  time.Duration
	webhook    webhookFlags
}

func newSandbox() *cobra.Command {
	f := &sandboxFlags{company: sandbox.DefaultConfig()}
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Run a local Feishu with a made-up organisation",
		Long: "sandbox is a Feishu contact service on this machine, with a made-up organisation: for trying things out, and for\n" +
			"tests. Official SDKs work against it by its base URL. The same seed, sizes and shape make the same organisation. It\n" +
			"keeps everything in memory.\n\n" +
			"Its controls are on a port of their own: GET / there lists them. They change the organisation, make calls fail, tell\n" +
			"what is true and what was asked.\n\n" +
			"Faults (--fault, as often as wanted) are a name, then maybe how often, then maybe where, or JSON as for POST /faults:\n\n" +
			"  throttle                            every call, until DELETE /faults\n" +
			"  throttle:5                          five calls\n" +
			"  throttle:0.1                        one call in ten\n" +
			"  'throttle:0.1@GET /contact/v3/users*'\n" +
			"  '{\"preset\":\"slow\",\"match\":\"page_size=50\",\"count\":3}'\n\n" +
			"Their names:\n\n" + presetList(),
		Args: cobra.NoArgs,
	}
	f.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return f.run(cmd) }
	return cmd
}

func presetList() string {
	var b strings.Builder
	for _, p := range sandbox.Presets() {
		fmt.Fprintf(&b, "  %-20s%s\n", p.Name, p.Text)
	}
	return b.String()
}

func (f *sandboxFlags) register(cmd *cobra.Command) {
	flags, c := cmd.Flags(), &f.company
	config.Register(flags)
	flags.StringVar(&c.Listen, "listen", "127.0.0.1:8090", "address of the contact service; port 0 takes a free one")
	flags.StringVar(&c.ControlListen, "control-listen", "127.0.0.1:8091", "address of the controls; port 0 takes a free one")
	flags.IntVar(&c.People, "people", c.People, "how many people")
	flags.IntVar(&c.Departments, "departments", c.Departments, "how many departments, at most 30000")
	flags.Uint64Var(&c.Seed, "seed", c.Seed, "another number makes another organisation")
	flags.StringVar(&f.shape, "shape", string(sandbox.ShapeMixed), "mixed, wide (1000 departments side by side), deep (25 levels) or matrix (everybody in several departments, two leaders)")
	flags.StringVar(&f.scenario, "scenario", "", "file (YAML) that says who there is, and what happens; the README has an example")
	flags.StringArrayVar(&f.faults, "fault", nil, "what goes wrong; see above; can be given several times")
	flags.StringVar(&f.life, "life", "", "how often something happens by itself, such as 2/s or 30/m: hiring, moving, renaming, promoting, leaving")
	flags.BoolVar(&c.RateLimits, "rate-limits", c.RateLimits, "answer 429 above Feishu's rates, for most endpoints 50 calls a second and 1000 a minute")
	flags.IntVar(&c.BigDepartment, "big-department", 0, "refuse to list everything below a department with more departments than that (43010); 0 refuses none")
	flags.DurationVar(&f.clockSkew, "clock-skew", 0, "how wrong the clock of the contact service is, such as -90s")
	flags.StringVar(&c.AppID, "app-id", "cli_0123456789abcdef", "id of the app that may call")
	f.webhook.register(flags)
	flags.StringVar(&f.secretFile, "app-secret-file", "", "file that holds the app's secret (default: it is sandbox-secret)")
}

// read makes the configuration of a sandbox, and the faults that it begins with.
func (f *sandboxFlags) read(cmd *cobra.Command) (sandbox.Config, []sandbox.Fault, error) {
	c := f.company
	c.Shape = sandbox.Shape(f.shape)
	if f.scenario != "" {
		for _, name := range []string{"people", "departments", "shape"} {
			if cmd.Flags().Changed(name) {
				return c, nil, fmt.Errorf("--%s and --scenario: the scenario says what company there is (generate: {%s: …}); remove one", name, name)
			}
		}
		var err error
		if c.Scenario, err = sandbox.ReadScenario(f.scenario); err != nil {
			return c, nil, err
		}
	}
	if f.secretFile != "" {
		content, err := os.ReadFile(f.secretFile)
		if err != nil {
			return c, nil, fmt.Errorf("--app-secret-file: %w", err)
		}
		if c.AppSecret = strings.TrimRight(string(content), "\r\n"); c.AppSecret == "" {
			return c, nil, fmt.Errorf("--app-secret-file: %s is empty; it must hold the secret", f.secretFile)
		}
	}
	var faults []sandbox.Fault
	for _, text := range f.faults {
		fault, err := sandbox.ParseFault(text)
		if err != nil {
			return c, nil, fmt.Errorf("--fault: %w", err)
		}
		faults = append(faults, fault)
	}
	return c, faults, nil
}

func (f *sandboxFlags) run(cmd *cobra.Command) (err error) {
	settings, err := app.Settings(cmd)
	if err != nil {
		return err
	}
	c, faults, err := f.read(cmd)
	if err != nil {
		return cli.Usage(err)
	}
	events, err := f.webhook.read(&c)
	if err != nil {
		return cli.Usage(err)
	}
	life := sandbox.Life{}
	if f.life != "" {
		if life, err = sandbox.ParseLife(f.life); err != nil {
			return cli.Usage(fmt.Errorf("--life: %w", err))
		}
		life.Seed = c.Seed
	}
	c.Logger = app.Logger(cmd.ErrOrStderr(), settings, true)
	// It is closed here, after the last word, not by the Ctrl-C.
	server, err := sandbox.Start(context.WithoutCancel(cmd.Context()), c)
	if err != nil {
		return cli.Usage(err)
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	if f.clockSkew != 0 { // else it is the scenario's
		server.SetClockSkew(f.clockSkew)
	}
	for i, fault := range faults {
		if err := server.AddFault(fault); err != nil {
			return cli.Usage(fmt.Errorf("--fault %s: %w", f.faults[i], err))
		}
	}
	end, err := events.begin(cmd.Context(), server, cmd.OutOrStdout(), c.Logger)
	if err != nil {
		return cli.Usage(err)
	}
	defer end()
	if life.PerSecond > 0 {
		if err := server.StartLife(life); err != nil {
			return cli.Usage(fmt.Errorf("--life: %w", err))
		}
	}
	if err := f.invite(cmd.OutOrStdout(), server); err != nil {
		return err
	}
	<-cmd.Context().Done()
	return cli.Stopped(cmd.Context())
}

// invite prints where everything is, in lines that can be copied into another
// shell. A secret of the user's own is named by its file.
func (f *sandboxFlags) invite(out io.Writer, server *sandbox.Server) error {
	secret := "MIRROR_FEISHU_APP_SECRET=" + shellQuote(server.AppSecret())
	if f.secretFile != "" {
		path, err := filepath.Abs(f.secretFile)
		if err != nil {
			return fmt.Errorf("find --app-secret-file: %w", err)
		}
		secret = "MIRROR_FEISHU_APP_SECRET_FILE=" + shellQuote(path)
	}
	truth := server.Truth()
	fmt.Fprintf(out, "A Feishu with %d people in %d departments: %s, tenant_key %s.\n\n", len(truth.Users), len(truth.Departments), truth.Tenant.Name, truth.Tenant.TenantKey)
	fmt.Fprintf(out, `contact service  %s    for an SDK's base URL; app %s
controls         %s    GET / lists them

In another shell:

  export MIRROR_FEISHU_BASE_URL=%s MIRROR_FEISHU_APP_ID=%s %s
  curl -s %s/truth
  curl -s -X POST %s/faults -d '{"preset":"throttle","count":3}'
  curl -s '%s/history?last=5'

Ctrl-C ends it.
`, server.URL(), server.AppID(), server.ControlURL(),
		server.URL(), shellQuote(server.AppID()), secret,
		server.ControlURL(), server.ControlURL(), server.ControlURL())
	return nil
}
