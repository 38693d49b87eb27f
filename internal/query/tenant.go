package query

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/orgmirror/orgmirror/internal/eventlog"
)

// TenantHeader is the header, and the metadata, in which a client of several
// companies names the one that a call is about.
const TenantHeader = "X-Mirror-Tenant"

// Tenant is one of several companies that are answered about.
type Tenant struct {
	Key string

	// These are as in [Config].
	SweepInterval time.Duration
	MonthlyCalls  int64
	Channel       func() Channel
	Operator      Operator
}

// tenants are the companies that are answered about. Each call is about one of
// them, which the interceptor finds out before anything is read; every statement
// has it as $1. Whoever comes without a company reads that of the empty key, of
// which there is nothing.
type tenants struct {
	byKey map[string]Tenant // nil where there is only one company
	only  Tenant            // its key may be empty: then it is learnt from the log
	owner func(context.Context) (eventlog.Owner, error)

	learnt atomic.Pointer[string]
}

func newTenants(cfg Config) (*tenants, error) {
	t := &tenants{owner: cfg.Owner}
	if len(cfg.Tenants) == 0 {
		t.only = Tenant{Key: cfg.TenantKey, SweepInterval: cfg.SweepInterval, MonthlyCalls: cfg.MonthlyCalls, Channel: cfg.Channel, Operator: cfg.Operator}
		t.only.SweepInterval = orDefault(t.only.SweepInterval, defaultSweepInterval)
		return t, nil
	}
	t.byKey = map[string]Tenant{}
	for _, tenant := range cfg.Tenants {
		if _, twice := t.byKey[tenant.Key]; twice || tenant.Key == "" {
			return nil, fmt.Errorf("query: tenant %q has no key, or is there twice", tenant.Key)
		}
		tenant.SweepInterval = orDefault(tenant.SweepInterval, defaultSweepInterval)
		t.byKey[tenant.Key] = tenant
	}
	return t, nil
}

// CheckTenants finds clients that are not bound to companies although there are
// several, or to one that there is not.
func CheckTenants(clients []Client, keys []string) error {
	var mistakes []error
	for _, c := range clients {
		if len(c.tenants) == 0 {
			mistakes = append(mistakes, fmt.Errorf("API client %q: several companies are mirrored, so the client needs tenants: "+
				"those that it may ask about, in a file of API clients", c.id))
		}
		for _, key := range c.tenants {
			if !slices.Contains(keys, key) {
				mistakes = append(mistakes, fmt.Errorf("API client %q: there is no tenant %q", c.id, key))
			}
		}
	}
	return errors.Join(mistakes...)
}

// OfTenant makes calls with the context be about a company, where no interceptor
// has seen them.
func OfTenant(ctx context.Context, key string) context.Context {
	c := *callOf(ctx)
	c.tenant, c.resolved = key, true
	return context.WithValue(ctx, callKey{}, &c)
}

// company is the tenant that a call is about.
func (s *Service) company(ctx context.Context) string {
	if c := callOf(ctx); c.resolved {
		return c.tenant
	}
	return s.onlyCompany(ctx)
}

// tenant is what there is to know of it.
func (s *Service) tenant(ctx context.Context) Tenant {
	if s.tenants.byKey == nil {
		return s.tenants.only
	}
	return s.tenants.byKey[s.company(ctx)]
}

// onlyCompany is the only one: the configured one, or else the one whose log it
// is. A service may start on an empty log; until the first record tells, the empty
// key stands for a company of which nothing is known, which is what the mirror
// knows then. It also stands for it where there are several.
func (s *Service) onlyCompany(ctx context.Context) string {
	t := s.tenants
	if t.byKey != nil || t.only.Key != "" {
		return t.only.Key
	}
	if known := t.learnt.Load(); known != nil {
		return *known
	}
	find := t.owner
	if find == nil {
		find = func(ctx context.Context) (eventlog.Owner, error) { return eventlog.ReadOwner(ctx, s.pool.Pool) }
	}
	owner, err := find(ctx)
	if err != nil {
		// The statement that wanted to know fails as well, and is answered for it.
		s.observer.logger.LogAttrs(ctx, slog.LevelDebug, "company not found out", slog.Any("error", err))
		return ""
	}
	if owner.TenantKey != "" {
		t.learnt.Store(&owner.TenantKey)
	}
	return owner.TenantKey
}

// resolve finds out which company a client's call is about: the one that it names,
// or the only one that it may ask about. What it may not ask about is refused in the
// same words whether it exists or not.
func (s *Service) resolve(ctx context.Context, client Client) (string, error) {
	named := metadata.ValueFromIncomingContext(ctx, strings.ToLower(TenantHeader))
	if len(named) > 1 {
		return "", &failure{reason: reasonArgument, message: TenantHeader + " is there more than once"}
	}
	asked := ""
	if len(named) == 1 {
		asked = named[0]
	}
	may := s.mayAsk(ctx, client)
	switch {
	case asked != "" && slices.Contains(may, asked):
		return asked, nil
	case asked == "" && len(may) == 1:
		return may[0], nil
	case asked == "" && len(may) > 1:
		return "", &failure{
			reason:   reasonTenantMissing,
			message:  "this client may ask about several companies: name one in " + TenantHeader,
			metadata: map[string]string{"tenants": strings.Join(may, ",")},
		}
	default:
		return "", &failure{reason: reasonTenantNotPermitted, message: "this client may not ask about that company"}
	}
}

// mayAsk are the companies that there are for a client.
func (s *Service) mayAsk(ctx context.Context, client Client) (keys []string) {
	if s.tenants.byKey == nil {
		only := s.onlyCompany(ctx)
		if only == "" || len(client.tenants) == 0 || slices.Contains(client.tenants, only) {
			return []string{only}
		}
		return nil
	}
	for _, key := range client.tenants {
		if _, there := s.tenants.byKey[key]; there {
			keys = append(keys, key)
		}
	}
	return keys
}

// tenantDigest stands for a company in a token, which may be seen by more eyes
// than the company's key; that of the unknown company is that of none.
func tenantDigest(key string) (digest [8]byte) {
	if key == "" {
		return digest
	}
	sum := sha256.Sum256([]byte("tenant " + key))
	copy(digest[:], sum[:])
	return digest
}

// tenantField is the field of every answer that says which company it is about.
const tenantField protoreflect.Name = "tenant_key"

// nameTenant fills it in.
func (s *Service) nameTenant(ctx context.Context, answer any) {
	message, ok := answer.(proto.Message)
	if !ok {
		return
	}
	m := message.ProtoReflect()
	if field := m.Descriptor().Fields().ByName(tenantField); field != nil && field.Kind() == protoreflect.StringKind {
		m.Set(field, protoreflect.ValueOfString(s.company(ctx)))
	}
}
