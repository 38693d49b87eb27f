package intake

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
)

// guard keeps events of other apps and companies out of the log. Settings come
// before the log, but must not contradict it. An empty log is asked again with
// each event: the first backfill may be running beside us.
type guard struct {
	read     func(context.Context) (eventlog.Owner, error)
	settings eventlog.Owner

	mu    sync.Mutex
	owner eventlog.Owner // zero while the log is empty
}

// ErrSettings says that the settings name another company than the log is of.
var ErrSettings = errors.New("receive events: the log is of another company than the settings name: correct the tenant key, or use another database")

// settle looks whose log it is, and whether the settings agree.
func (g *guard) settle(ctx context.Context) error {
	owner, err := g.ask(ctx)
	switch {
	case err != nil:
		return err
	case owner.AppID != "" && g.settings.AppID != "" && owner.AppID != g.settings.AppID:
		return fmt.Errorf("receive events: %w: use that app's credentials, or another database", eventlog.ErrForeignApp)
	case owner.TenantKey != "" && g.settings.TenantKey != "" && owner.TenantKey != g.settings.TenantKey:
		return ErrSettings
	default:
		return nil
	}
}

// ask returns the owner, from memory where it is known: it never changes. Nobody
// waits here for another's question: the database may be slow to answer.
func (g *guard) ask(ctx context.Context) (eventlog.Owner, error) {
	if owner := g.known(); owner != (eventlog.Owner{}) {
		return owner, nil
	}
	owner, err := g.read(ctx)
	if err != nil {
		return eventlog.Owner{}, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.owner = owner
	return owner, nil
}

func (g *guard) known() eventlog.Owner {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.owner
}

// admit refuses a record that is not the owner's, and names the owner where the
// record does not say whose it is.
func (g *guard) admit(ctx context.Context, r *directory.Record) error {
	owner, err := g.ask(ctx)
	if err != nil {
		return err
	}
	app, tenant := g.settings.AppID, g.settings.TenantKey
	if app == "" {
		app = owner.AppID
	}
	if tenant == "" {
		tenant = owner.TenantKey
	}
	switch {
	case r.AppID == "":
		r.AppID = app
	case app != "" && r.AppID != app:
		return ErrForeignApp
	}
	switch {
	case r.TenantKey == "":
		r.TenantKey = tenant
	case tenant != "" && r.TenantKey != tenant:
		return ErrForeignTenant
	}
	if r.AppID == "" || r.TenantKey == "" || len(r.AppID) > maxEntityID || len(r.TenantKey) > maxEntityID {
		return ErrOwnerUnknown
	}
	return nil
}
