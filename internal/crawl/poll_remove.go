package crawl

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
)

// appendAtOnce is from how many records on what is gone is appended.
const appendAtOnce = 500

// remove appends that entities are gone, as far as it is proven, and returns which
// are. What a group or a unit holds goes before it: after a kill in between there is
// still one that tells of the rest.
func (g *polling) remove(ctx context.Context, r *reading, ids []string, states map[string]*known) (gone map[string]bool, err error) {
	var settled, kept []string
	var records []directory.Record
	gone = map[string]bool{}
	for i, id := range ids {
		reason, at, err := g.prove(ctx, r, id)
		if err != nil {
			return nil, err
		}
		if reason == directory.ReasonNone {
			kept = append(kept, id)
		} else {
			settled, gone[id] = append(settled, id), true
			held, err := g.withWhatItHolds(ctx, r.kind, id, reason, at)
			if err != nil {
				return nil, err
			}
			record, err := g.gone(states[id], reason, at)
			if err != nil {
				return nil, err
			}
			records = append(append(records, held...), record...)
		}
		if len(records) < appendAtOnce && i < len(ids)-1 {
			continue
		}
		if err := g.append(ctx, records); err != nil {
			return nil, err
		}
		g.mu.Lock()
		g.done.Removed += int64(len(records))
		g.done.Appended += int64(len(records))
		g.mu.Unlock()
		records = nil
	}
	return gone, g.settled(ctx, r.kind, settled, kept)
}

// prove says why an entity is gone that two lists lacked, and when that was asked;
// no reason where it is not proven after all.
func (g *polling) prove(ctx context.Context, r *reading, id string) (reason directory.Reason, at time.Time, err error) {
	at = r.begunAt
	switch r.kind {
	case directory.KindGroup:
		at = g.cfg.Client.Now()
		r.calls++
		_, err = g.cfg.Client.Group(ctx, id)
	case directory.KindUnit:
		at = g.cfg.Client.Now()
		r.calls++
		_, err = g.cfg.Client.Unit(ctx, id)
	case directory.KindCustomAttribute:
		if len(r.seen) == 0 { // the company shows its attributes to no app
			return directory.ReasonOutOfRange, at, nil
		}
		return directory.ReasonDeleted, at, nil
	default:
		return directory.ReasonDeleted, at, nil
	}
	switch {
	case errors.Is(err, feishu.ErrNotFound):
		return directory.ReasonDeleted, at, nil
	case errors.Is(err, feishu.ErrNoAuthority):
		in, err := g.inScope(ctx, id)
		if err != nil || in {
			return directory.ReasonNone, at, err
		}
		return directory.ReasonOutOfRange, at, nil
	case err == nil, errors.Is(err, feishu.ErrPermission), refused(err):
		return directory.ReasonNone, at, nil // there, or nobody can tell
	default:
		return directory.ReasonNone, at, err
	}
}

// inScope reports whether a group is a node of what the app may see, or might be.
func (g *polling) inScope(ctx context.Context, group string) (bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.groups == nil {
		groups := map[string]bool{}
		var still stall
		for token, more := "", true; more; {
			page, err := g.cfg.Client.Scopes(ctx, token)
			if err == nil {
				still, err = after(still, page.HasMore, slices.Concat(page.UserIDs, page.DepartmentIDs, page.GroupIDs))
			}
			if errors.Is(err, feishu.ErrPermission) {
				return true, nil
			}
			if err != nil {
				return false, fmt.Errorf("read the contact scope: %w", err)
			}
			for _, id := range page.GroupIDs {
				groups[id] = true
			}
			token, more = page.PageToken, page.HasMore
		}
		g.groups = groups
	}
	return g.groups[group], nil
}

// withWhatItHolds returns the records of a group's members, or a unit's departments,
// which go with it.
func (g *polling) withWhatItHolds(ctx context.Context, kind directory.Kind, id string, reason directory.Reason, at time.Time) (records []directory.Record, err error) {
	below := map[directory.Kind]directory.Kind{
		directory.KindGroup: directory.KindGroupMember, directory.KindUnit: directory.KindUnitDepartment,
	}[kind]
	if below == "" {
		return nil, nil
	}
	held, err := g.absent(ctx, below, directory.LinkID(id, ""), nil)
	if err != nil {
		return nil, err
	}
	for _, link := range slices.Sorted(maps.Keys(held)) {
		record, err := g.gone(held[link], reason, at)
		if err != nil {
			return nil, err
		}
		records = append(records, record...)
	}
	return records, nil
}

// gone makes the record of an absence; none where something newer says otherwise.
func (g *polling) gone(entity *known, reason directory.Reason, at time.Time) ([]directory.Record, error) {
	record, err := directory.NewMissing(g.origin, entity.Key.Kind, entity.Key.ID, at, directory.Missing{Reason: reason})
	if err != nil {
		return nil, err
	}
	if news, _ := entity.apply(directory.Decode(record)); !news || entity.Exists() {
		return nil, nil
	}
	return []directory.Record{record}, nil
}

const deleteSettled = `
DELETE FROM mirror.poll_missing
WHERE tenant_key = @tenant_key AND entity_kind = @kind AND entity_id = ANY (@settled::text[])`

const deleteHeldBy = `
DELETE FROM mirror.poll_missing
WHERE tenant_key = @tenant_key AND entity_kind = ANY (@kinds::text[]) AND split_part(entity_id, '/', 1) = ANY (@settled::text[]) AND entity_id LIKE '%/%'`

const waitForClock = `
UPDATE mirror.poll_missing
SET hasten = false
WHERE tenant_key = @tenant_key AND entity_kind = @kind AND entity_id = ANY (@kept::text[])`

// settled strikes off what is gone, and leaves to the clock what is not proven to be.
func (g *polling) settled(ctx context.Context, kind directory.Kind, settled, kept []string) error {
	if len(settled) == 0 && len(kept) == 0 {
		return nil
	}
	args := g.args(pgx.NamedArgs{"kind": string(kind), "settled": settled, "kept": kept})
	statements := []string{deleteSettled, waitForClock}
	if kind == directory.KindGroup || kind == directory.KindUnit {
		statements = append(statements, deleteHeldBy)
	}
	err := pgx.BeginFunc(ctx, g.cfg.Pool, func(tx pgx.Tx) error {
		for _, sql := range statements {
			if _, err := tx.Exec(ctx, sql, args); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note what is gone: %w", err)
	}
	return nil
}
