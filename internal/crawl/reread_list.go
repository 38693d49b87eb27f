package crawl

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
)

// Definitions have a list and no GET of their own, so a doubt about one of them
// is settled by reading all. What a list lacks is not removed here: that takes
// two lists.

// listed is one entity of a list.
type listed struct {
	id     string
	object []byte
	at     time.Time
}

// list reads a list to its end, and tells when it began to.
func (r *passing) list(ctx context.Context, kind directory.Kind, endpoint string, next func(context.Context, string) (feishu.Page, error)) (at time.Time, all []listed, err error) {
	var still stall
	for token := ""; ; {
		if err := r.pace.take(ctx, endpoint); err != nil {
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
func (r *passing) news(ctx context.Context, kind directory.Kind, all []listed) (records []directory.Record, err error) {
	ids := make([]string, len(all))
	for i, l := range all {
		ids[i] = l.id
	}
	states, err := truth(ctx, r.cfg.Pool, r.cfg.TenantKey, kind, ids)
	if err != nil {
		return nil, err
	}
	for _, l := range all {
		record, err := directory.NewObservation(r.origin, kind, l.id, l.at, directory.Observation{
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

func (r *passing) employeeTypes(ctx context.Context) (time.Time, []directory.Record, error) {
	at, all, err := r.list(ctx, directory.KindEmployeeType, feishu.EndpointEmployeeTypes, r.cfg.Client.EmployeeTypes)
	if err != nil {
		return at, nil, err
	}
	records, err := r.news(ctx, directory.KindEmployeeType, all)
	return at, records, err
}

// customAttributes reads the definitions. While the company shows them to no
// app the list is empty, and all of them are out of range.
func (r *passing) customAttributes(ctx context.Context) (time.Time, []directory.Record, error) {
	at, all, err := r.list(ctx, directory.KindCustomAttribute, feishu.EndpointCustomAttrs, r.cfg.Client.CustomAttrs)
	if err != nil {
		return at, nil, err
	}
	if len(all) > 0 {
		records, err := r.news(ctx, directory.KindCustomAttribute, all)
		return at, records, err
	}
	settings, err := truth(ctx, r.cfg.Pool, r.cfg.TenantKey, directory.KindCustomAttrSetting, []string{directory.CustomAttrSettingID})
	if err != nil {
		return at, nil, err
	}
	open := directory.CustomAttrSettingOf(settings[directory.CustomAttrSettingID].State).AllowOpenQuery
	if open == nil || *open {
		return at, nil, nil // an empty list that nobody announced proves nothing
	}
	records, err := r.outOfRange(ctx, at)
	return at, records, err
}

const selectCustomAttributes = `
SELECT id
FROM directory.custom_attributes
WHERE tenant_key = @tenant_key AND removed_at IS NULL
ORDER BY id`

func (r *passing) outOfRange(ctx context.Context, at time.Time) ([]directory.Record, error) {
	rows, err := r.cfg.Pool.Query(ctx, selectCustomAttributes, pgx.NamedArgs{"tenant_key": r.cfg.TenantKey})
	if err != nil {
		return nil, fmt.Errorf("read the custom attributes: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read the custom attributes: %w", err)
	}
	records := make([]directory.Record, len(ids))
	for i, id := range ids {
		if records[i], err = directory.NewMissing(r.origin, directory.KindCustomAttribute, id, at, directory.Missing{Reason: directory.ReasonOutOfRange}); err != nil {
			return nil, err
		}
	}
	return records, nil
}
