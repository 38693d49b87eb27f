package crawl

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/postgres"
)

// definitions reads the company's employee types and custom attributes. They
// have a list and no GET of their own, so a doubt about one of them is settled by
// reading all. What a list lacks is not removed here: that takes two lists, and a
// Poller.
type definitions struct {
	client    *feishu.Client
	pool      *pgxpool.Pool
	tenantKey string
	origin    directory.Origin
	pace      *pace // nil: the budget alone says when
}

// list reads a list to its end, and tells when it began to.
func (d *definitions) list(ctx context.Context, kind directory.Kind, endpoint string, next func(context.Context, string) (feishu.Page, error)) (at time.Time, all []listed, err error) {
	var still stall
	for token := ""; ; {
		if err := d.pace.take(ctx, endpoint); err != nil {
			return at, nil, err
		}
		page, err := next(ctx, token)
		if err == nil {
			still, err = after(still, page.HasMore, page.Items)
		}
		if err != nil {
			return at, nil, fmt.Errorf("list the %ss: %w", kind, err)
		}
		if token == "" {
			at = page.RequestedAt
		}
		for _, object := range page.Items {
			if id, err := directory.ObjectID(kind, object); err == nil {
				all = append(all, listed{id: id, object: object, at: page.RequestedAt})
			}
		}
		if !page.HasMore {
			return at, all, nil
		}
		token = page.PageToken
	}
}

// news returns the records of what a list says that was not known.
func (d *definitions) news(ctx context.Context, kind directory.Kind, all []listed) (records []directory.Record, err error) {
	ids := make([]string, len(all))
	for i, l := range all {
		ids[i] = l.id
	}
	states, err := truth(ctx, d.pool, d.tenantKey, kind, ids)
	if err != nil {
		return nil, err
	}
	for _, l := range all {
		record, err := directory.NewObservation(d.origin, kind, l.id, l.at, directory.Observation{
			Object: l.object, Listed: true, SkewMarginMS: directory.DefaultSkewMargin.Milliseconds(),
		})
		if err != nil {
			return nil, err
		}
		if news, _ := states[l.id].apply(directory.Decode(record)); news {
			records = append(records, record)
		}
	}
	return records, nil
}

func (d *definitions) employeeTypes(ctx context.Context) (time.Time, []directory.Record, error) {
	at, all, err := d.list(ctx, directory.KindEmployeeType, feishu.EndpointEmployeeTypes, d.client.EmployeeTypes)
	if err != nil {
		return at, nil, err
	}
	records, err := d.news(ctx, directory.KindEmployeeType, all)
	return at, records, err
}

// customAttributes reads the definitions. While the company shows them to no
// app the list is empty, and all of them are out of range.
func (d *definitions) customAttributes(ctx context.Context) (time.Time, []directory.Record, error) {
	at, all, err := d.list(ctx, directory.KindCustomAttribute, feishu.EndpointCustomAttrs, d.client.CustomAttrs)
	if err != nil {
		return at, nil, err
	}
	if len(all) > 0 {
		records, err := d.news(ctx, directory.KindCustomAttribute, all)
		return at, records, err
	}
	closed, err := attrsClosed(ctx, d.pool, d.tenantKey)
	if err != nil || !closed {
		return at, nil, err // an empty list that nobody announced proves nothing
	}
	records, err := d.outOfRange(ctx, at)
	return at, records, err
}

const selectCustomAttributes = `
SELECT id
FROM directory.custom_attributes
WHERE tenant_key = @tenant_key AND removed_at IS NULL
ORDER BY id`

func (d *definitions) outOfRange(ctx context.Context, at time.Time) ([]directory.Record, error) {
	rows, err := d.pool.Query(ctx, postgres.InOneGeneration(selectCustomAttributes), pgx.NamedArgs{"tenant_key": d.tenantKey})
	if err != nil {
		return nil, fmt.Errorf("read the custom attributes: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read the custom attributes: %w", err)
	}
	states, err := truth(ctx, d.pool, d.tenantKey, directory.KindCustomAttribute, ids)
	if err != nil {
		return nil, err
	}
	var records []directory.Record
	for _, id := range ids {
		record, err := directory.NewMissing(d.origin, directory.KindCustomAttribute, id, at, directory.Missing{Reason: directory.ReasonOutOfRange})
		if err != nil {
			return nil, err
		}
		if news, _ := states[id].apply(directory.Decode(record)); news {
			records = append(records, record)
		}
	}
	return records, nil
}

// attrsClosed reports whether the company shows custom attributes to no app, as
// far as an event told. Then nobody's object has any, which says nothing about
// the values.
func attrsClosed(ctx context.Context, pool *pgxpool.Pool, tenantKey string) (bool, error) {
	settings, err := truth(ctx, pool, tenantKey, directory.KindCustomAttrSetting, []string{directory.CustomAttrSettingID})
	if err != nil {
		return false, err
	}
	open := directory.CustomAttrSettingOf(settings[directory.CustomAttrSettingID].State).AllowOpenQuery
	return open != nil && !*open, nil
}
