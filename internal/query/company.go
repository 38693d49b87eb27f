package query

import (
	"context"
	"log/slog"

	"github.com/orgmirror/orgmirror/internal/eventlog"
)

// company is the tenant that is answered about: the configured one, or else the
// one whose log it is. A service may start on an empty log; until the first
// record tells, the empty key stands for a company of which nothing is known,
// which is what the mirror knows then.
func (s *Service) company(ctx context.Context) string {
	if known := s.tenant.Load(); known != nil {
		return *known
	}
	owner, err := eventlog.ReadOwner(ctx, s.pool.Pool)
	if err != nil {
		// The statement that wanted to know fails as well, and is answered for it.
		s.observer.logger.LogAttrs(ctx, slog.LevelDebug, "company not found out", slog.Any("error", err))
		return ""
	}
	if owner.TenantKey != "" {
		s.tenant.Store(&owner.TenantKey)
	}
	return owner.TenantKey
}
