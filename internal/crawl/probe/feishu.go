package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/feishu"
)

// ErrOtherCompany says that the app is another company's than the log.
var ErrOtherCompany = errors.New("the log in this database is another company's")

// Config says what to look at.
type Config struct {
	Client    *feishu.Client
	AppID     string
	TenantKey string         // as configured; empty where Feishu is to be asked
	Owner     eventlog.Owner // of the log; zero where there is none yet
	// Connections is how many long connections are the mirror's own.
	Connections int
}

// checks are the questions to Feishu, in order, for those that are not asked.
var checks = []string{"credentials", "tenant", "range", "calls", "permissions", "clock", "event channel"}

// SkipFeishu is the answer where Feishu cannot be asked, from a check on.
func SkipFeishu(from, why string) []Finding {
	var findings []Finding
	for _, check := range checks {
		if check == from {
			from = ""
		}
		if from == "" {
			findings = append(findings, Skipped(check, why))
		}
	}
	return findings
}

// Feishu asks Feishu, and compares what it says with the settings and the log.
func Feishu(ctx context.Context, cfg Config) []Finding {
	tenant, err := crawl.ResolveTenant(ctx, cfg.Client, cfg.TenantKey)
	if failed := credentials(err); failed != nil {
		return append([]Finding{*failed}, SkipFeishu("tenant", "Feishu does not answer to this app")...)
	}
	findings := []Finding{
		{Check: "credentials", State: OK, Says: "Feishu accepts the app " + cfg.AppID},
		company(tenant.Key, err, cfg),
	}
	s := &sampler{client: cfg.Client, refused: map[string]error{}}
	if err := s.sample(ctx); err != nil {
		findings = append(findings, Failed("range", err, advice(err)))
		return append(findings, SkipFeishu("calls", "Feishu did not answer the call before")...)
	}
	findings = append(findings, s.companyRange())
	findings = append(findings, refusals(s.refused)...)
	findings = append(findings, fields("user", s.users.fields, s.users.objects)...)
	findings = append(findings, fields("department", s.departments.fields, s.departments.objects)...)
	channel := eventChannel(ctx, cfg)
	return append(findings, clock(cfg.Client.Skew()), channel)
}

// ipDenied is Feishu's answer to a machine that is not on the app's list.
const ipDenied = 99991401

// credentials judges the first call. A permission that is lacking proves that
// the app is accepted.
func credentials(err error) *Finding {
	var e *feishu.Error
	switch {
	case errors.As(err, &e) && e.Code == ipDenied:
		f := Failed("credentials", err, "add this machine's public address to the app's IP allow-list (developer console, Security Settings)")
		return &f
	case err == nil, errors.Is(err, feishu.ErrPermission), errors.Is(err, crawl.ErrNoTenant):
		return nil
	default:
		f := Failed("credentials", err, advice(err))
		return &f
	}
}

func advice(err error) string {
	switch {
	case errors.Is(err, feishu.ErrCredentials):
		return "take App ID and App Secret from the developer console, and see that the app is enabled and released in this company"
	case errors.Is(err, feishu.ErrQuota), errors.Is(err, crawl.ErrMonthlyBudget):
		return "wait for the next month, or raise the limit"
	case errors.Is(err, feishu.ErrUnavailable):
		return "see that this machine reaches MIRROR_FEISHU_BASE_URL (Lark has another one), and try again"
	default:
		return ""
	}
}

// company compares what Feishu says of the company with the settings and the log.
func company(tenant string, err error, cfg Config) Finding {
	const check = "tenant"
	switch {
	case errors.Is(err, feishu.ErrPermission):
		return Failed(check, err, "grant tenant:tenant:readonly and publish a version, or set MIRROR_FEISHU_TENANT_KEY")
	case err != nil:
		return Failed(check, err, "correct MIRROR_FEISHU_TENANT_KEY, or leave it out")
	case cfg.Owner.TenantKey != "" && cfg.Owner.TenantKey != tenant:
		return Failed(check, fmt.Errorf("the app's company is %s: %w", tenant, ErrOtherCompany), "use another database, or the app of the company that this one is of")
	case cfg.Owner.AppID != "" && cfg.Owner.AppID != cfg.AppID:
		return Failed(check, eventlog.ErrForeignApp, "use app "+cfg.Owner.AppID+", or another database: open_ids differ from app to app")
	}
	f := Finding{Check: check, State: OK, Says: "the company is " + tenant}
	if cfg.Owner.TenantKey == tenant {
		f.Says += ", and the log is its"
	}
	return f
}

// companyRange says how much of the company the app may see.
func (s *sampler) companyRange() Finding {
	const check = "range"
	switch {
	case s.refused[feishu.EndpointDepartment] != nil:
		return Skipped(check, "the root department may not be read")
	case !s.scoped:
		return Finding{Check: check, State: OK, Says: "all staff"}
	}
	f := Finding{
		Check: check, State: Warn, Says: "only a part of the company",
		Do: "widen the contact range in the developer console (Permissions & Scopes) if all of it is wanted, and publish a version",
	}
	if s.refused[feishu.EndpointScopes] == nil {
		f.Says += fmt.Sprintf(": %s, %s and %s", atLeast(len(s.scope.DepartmentIDs), s.scope.HasMore, "department"),
			atLeast(len(s.scope.UserIDs), s.scope.HasMore, "person"), atLeast(len(s.scope.GroupIDs), s.scope.HasMore, "group"))
	}
	return f
}

// atLeast counts what the first page of the scope showed.
func atLeast(n int, more bool, noun string) string {
	text := fmt.Sprintf("%d %s", n, noun)
	if n != 1 {
		text += "s"
	}
	text = strings.Replace(text, "persons", "people", 1)
	if more {
		return "at least " + text
	}
	return text
}

const (
	// tolerable is how far a clock may be off before somebody should know. The
	// mirror itself goes by Feishu's; the logs and webhook windows do not.
	tolerable = 5 * time.Second
	// vague is how much less than it is a skew may seem.
	vague = 2 * time.Second
)

func clock(ahead time.Duration, known bool) Finding {
	const check = "clock"
	f := Finding{Check: check, State: OK, Says: "this machine's clock agrees with Feishu's"}
	switch {
	case !known:
		return Skipped(check, "Feishu's answers carry no date")
	case ahead > tolerable:
		f.State, f.Says = Warn, fmt.Sprintf("this machine's clock is %s behind Feishu's", ahead.Round(time.Second))
	case -ahead > tolerable+vague:
		f.State, f.Says = Warn, fmt.Sprintf("this machine's clock is %s ahead of Feishu's", (-ahead).Round(time.Second))
	default:
		return f
	}
	f.Do = "let the machine keep its time (NTP): times in logs are wrong, and events may seem too old or from the future"
	return f
}

// eventChannel counts who listens to the app's events over a long connection.
func eventChannel(ctx context.Context, cfg Config) Finding {
	const check = "event channel"
	online, err := cfg.Client.Connections(ctx)
	var e *feishu.Error
	switch {
	case errors.As(err, &e) && e.HTTPStatus == http.StatusNotFound:
		return Skipped(check, "this Feishu does not tell how many clients are connected")
	case errors.Is(err, feishu.ErrPermission):
		return Skipped(check, "the app may not ask how many clients are connected")
	case err != nil:
		return Finding{Check: check, State: Warn, Says: "how many clients are connected is unknown: " + err.Error(), Do: advice(err)}
	case online > cfg.Connections:
		return Finding{
			Check: check, State: Warn,
			Says: fmt.Sprintf("%d clients are connected to the app's events by long connection, %d of them expected", online, cfg.Connections),
			Do:   "find and stop the others, or give them an app of their own: each event goes to one client only",
		}
	}
	return Finding{Check: check, State: OK, Says: fmt.Sprintf("%d long connections, none of them strange", online)}
}

// root is where every company begins.
const root = directory.RootDepartmentID
