package crawl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// PollState is how it stands with a resource.
type PollState struct {
	Resource     Resource   `json:"resource"`
	LastPolledAt *time.Time `json:"last_polled_at,omitempty"` // the beginning of the last complete poll
	Held         int64      `json:"held"`
	ApprovedAt   *time.Time `json:"approved_at,omitempty"`
	Refusals     []Refusal  `json:"refusals,omitempty"`
}

const selectPolls = `
SELECT resource, last_polled_at, held, approved_at, refusals
FROM mirror.poll
ORDER BY resource`

// ListPolls returns how it stands with each resource that was polled.
func ListPolls(ctx context.Context, pool *pgxpool.Pool) ([]PollState, error) {
	rows, err := pool.Query(ctx, selectPolls)
	if err != nil {
		return nil, fmt.Errorf("list the polls: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s PollState, err error) {
		err = row.Scan(&s.Resource, &s.LastPolledAt, &s.Held, &s.ApprovedAt, &s.Refusals)
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("list the polls: %w", err)
	}
	return list, nil
}

const approvePoll = `
UPDATE mirror.poll
SET approved_at = clock_timestamp()
WHERE resource = @resource AND held > 0
RETURNING held`

// ErrNoPollHeld is the answer to an approval that nobody waits for.
var ErrNoPollHeld = errors.New("nothing of this resource waits for a decision")

// ApprovePoll lets go what the last poll of a resource held, and returns how much that
// was. The next polls remove it as anything else: where two lists a minute apart lack
// it.
func ApprovePoll(ctx context.Context, pool *pgxpool.Pool, r Resource) (held int64, err error) {
	err = pool.QueryRow(ctx, approvePoll, pgx.NamedArgs{"resource": string(r)}).Scan(&held)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return 0, fmt.Errorf("%s: %w", r, ErrNoPollHeld)
	case err != nil:
		return 0, fmt.Errorf("approve the removals of %s: %w", r, err)
	}
	return held, nil
}
