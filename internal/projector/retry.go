package projector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
)

// Outcome is what came of a parked part.
type Outcome string

// The outcomes.
const (
	// Folded: this program reads it. The record is in the log once more, at the
	// log's end, and is folded from there; the part is not parked any more.
	Folded Outcome = "folded"
	// Reread: it still cannot be read, so its entity is asked from Feishu again.
	// The part is not parked any more; if what Feishu then says cannot be read
	// either, that is parked in its place.
	Reread Outcome = "reread"
	// Unreadable: it still cannot be read, and names nobody who could be asked
	// for. It stays parked.
	Unreadable Outcome = "unreadable"
	// Nothing is parked of the record, be it that it was tried before.
	Nothing Outcome = "nothing"
)

// Retried is a parked part and what came of it.
type Retried struct {
	Parked
	Outcome Outcome `json:"outcome"`
	// AppendedAt is where the record stands in the log once more.
	AppendedAt directory.Position `json:"appended_at,omitempty"`
}

// Retry tries once more what is parked of one record. Done twice, or by two at
// once, it does no more than done once: a second time nothing is parked.
//
// What can be read by now (a newer program reads more) is not folded in its old
// place, which history has passed, but appended to the log again, so that the
// read model stays what the log makes of it. The fold does not mind: what the
// record said before, and what newer records said since, stays as it is.
func (p *Projector) Retry(ctx context.Context, position directory.Position) ([]Retried, error) {
	parked, err := ParkedAt(ctx, p.pool, position)
	if err != nil {
		return nil, err
	}
	if len(parked) == 0 {
		return []Retried{{Parked: Parked{Position: position}, Outcome: Nothing}}, nil
	}
	records, err := p.log.Read(ctx, position-1, 1)
	if err != nil {
		return nil, err
	}
	if len(records) == 0 || records[0].Position != position {
		return nil, fmt.Errorf("read record %d again: it is not in the log", position)
	}
	retried, err := p.reconsider(ctx, records[0], parked)
	if err != nil {
		return nil, fmt.Errorf("try record %d again: %w", position, err)
	}
	if err := p.settle(ctx, records[0], retried); err != nil {
		return nil, fmt.Errorf("settle what is parked of record %d: %w", position, err)
	}
	return retried, nil
}

// reconsider finds an outcome for each part, and appends the record once more
// if any of them can be read by now.
func (p *Projector) reconsider(ctx context.Context, r directory.Record, parked []Parked) ([]Retried, error) {
	decoded := directory.Decode(r)
	type part struct {
		kind      directory.Kind
		id, field string
	}
	unreadable := map[part]bool{}
	for _, problem := range decoded.Problems {
		unreadable[part{problem.Key.Kind, problem.Key.ID, problem.Field}] = true
	}
	retried := make([]Retried, len(parked))
	readable := false
	for i, row := range parked {
		retried[i] = Retried{Parked: row, Outcome: unread(row)}
		if !unreadable[part{row.EntityKind, row.EntityID, row.Field}] {
			retried[i].Outcome, readable = Folded, true
		}
	}
	if !readable {
		return retried, nil
	}
	accepted, err := p.rehearse(ctx, r)
	if err != nil {
		return nil, err
	}
	var again directory.Position
	if accepted {
		if again, err = p.again(ctx, r); err != nil {
			return nil, err
		}
	}
	for i := range retried {
		switch {
		case retried[i].Outcome != Folded:
		case accepted:
			retried[i].AppendedAt = again
		default:
			retried[i].Outcome = unread(retried[i].Parked)
		}
	}
	return retried, nil
}

// unread is the outcome of what still cannot be read.
func unread(row Parked) Outcome {
	if row.EntityID == "" || row.EntityKind != directory.KindUser && row.EntityKind != directory.KindDepartment {
		return Unreadable
	}
	return Reread
}

// again appends the record once more. Its id is made of the first one's
// position, so that it is there once however often this is done.
func (p *Projector) again(ctx context.Context, r directory.Record) (directory.Position, error) {
	r.EventID = fmt.Sprintf("m:retry:%d", r.Position)
	r.CorrelationID = r.EventID
	r.Position, r.RecordedAt = 0, time.Time{}
	appended, err := p.log.Append(ctx, r)
	if err != nil {
		return 0, fmt.Errorf("append it once more: %w", err)
	}
	return appended[0].Position, nil
}

// errRehearsed ends a transaction that must leave nothing behind.
var errRehearsed = errors.New("rehearsed")

// rehearse reports whether the database takes what the record says. It writes,
// and takes everything back.
func (p *Projector) rehearse(ctx context.Context, r directory.Record) (bool, error) {
	r.Position = lasting - 1 // no version of anybody's can be there
	f, err := p.fold(ctx, eventlog.Page{Consumer: Consumer, From: r.Position - 1, To: r.Position, Records: []directory.Record{r}})
	if err != nil {
		return false, err
	}
	b := &batch{sql: p.into.sql}
	queueHold(b, f.turn)
	if err := f.queue(b); err != nil {
		return false, err
	}
	if f.queueRequests(b); b.err != nil {
		return false, b.err
	}
	err = pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error {
		if err := tx.SendBatch(ctx, &b.batch).Close(); err != nil {
			return err
		}
		return errRehearsed
	})
	switch {
	case errors.Is(err, errRehearsed):
		return true, nil
	case refusedContent(err):
		return false, nil
	default:
		return false, fmt.Errorf("try whether the database takes it: %w", err)
	}
}

const deleteParked = `
DELETE FROM mirror.event_log_parked
WHERE position = @position AND tenant_key = @tenant_key AND entity_kind = @kind AND entity_id = @id AND field = @field`

// settle takes out what has an outcome, and queues what has to be asked for, in
// one transaction: each doubt is in one of the two places at any time.
func (p *Projector) settle(ctx context.Context, r directory.Record, retried []Retried) error {
	f := &folded{rereads: map[directory.Key]*rereadRow{}}
	b := &batch{sql: p.into.sql}
	for _, row := range retried {
		if row.Outcome == Unreadable {
			continue
		}
		if row.Outcome == Reread {
			key := directory.Key{TenantKey: row.TenantKey, Kind: row.EntityKind, ID: row.EntityID}
			f.reread(r.Position, directory.Change{Key: key, Time: r.OccurredAt}, []directory.Hint{directory.HintUndecodable})
		}
		b.batch.Queue(deleteParked, pgx.NamedArgs{
			"position": int64(row.Position), "tenant_key": row.TenantKey, "kind": string(row.EntityKind), "id": row.EntityID, "field": row.Field,
		})
	}
	rereads := f.rereadRows()
	b.add(upsertRereads, len(rereads), rereads)
	if b.err != nil || b.batch.Len() == 0 {
		return b.err
	}
	return pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error { return tx.SendBatch(ctx, &b.batch).Close() })
}

// Payload returns the record itself, for who may see it.
func (p *Projector) Payload(ctx context.Context, position directory.Position) (json.RawMessage, error) {
	records, err := p.log.Read(ctx, position-1, 1)
	if err != nil {
		return nil, err
	}
	if len(records) == 0 || records[0].Position != position {
		return nil, fmt.Errorf("read record %d: it is not in the log", position)
	}
	return records[0].Payload, nil
}
