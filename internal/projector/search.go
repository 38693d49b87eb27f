package projector

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/directory/searchkey"
	"github.com/orgmirror/orgmirror/internal/postgres"
)

// This file keeps what people and departments are found by. The keys follow from
// names alone: a page writes those that its records added, and deletes those that
// they took away.

type searchKeyRow struct {
	TenantKey  string         `json:"tenant_key"`
	EntityKind directory.Kind `json:"entity_kind"`
	EntityID   string         `json:"entity_id"`
	Key        string         `json:"key"`
	Part       bool           `json:"part"`
	Sensitive  bool           `json:"sensitive"`
}

func newSearchKeyRow(of directory.Key, k searchkey.Key) searchKeyRow {
	return searchKeyRow{
		TenantKey: of.TenantKey, EntityKind: of.Kind, EntityID: of.ID,
		Key: k.Text, Part: k.Part, Sensitive: k.Sensitive,
	}
}

// searchKeys notes how the keys of an entity changed since it was loaded.
func (t *tables) searchKeys(e *entity) {
	if !e.row {
		return
	}
	names := e.followNames() // which change with versions only
	for k := range e.former {
		t.formerKeys = append(t.formerKeys, newSearchKeyRow(e.state.Key, k))
	}
	if names == e.named {
		return
	}
	had := map[string]searchkey.Key{}
	for _, k := range searchkey.Of(e.named) {
		had[k.Text] = k
	}
	for _, k := range searchkey.Of(names) {
		if was, there := had[k.Text]; !there || was != k {
			t.keys = append(t.keys, newSearchKeyRow(e.state.Key, k))
		}
		delete(had, k.Text)
	}
	for _, k := range had {
		t.keysGone = append(t.keysGone, newSearchKeyRow(e.state.Key, k))
	}
}

const upsertSearchKeys = `
INSERT INTO directory.search_keys
SELECT * FROM jsonb_populate_recordset(NULL::directory.search_keys, $1::jsonb)
ON CONFLICT (tenant_key, entity_kind, entity_id, key) DO UPDATE SET (part, sensitive) = ROW (excluded.part, excluded.sensitive)`

const deleteSearchKeys = `
DELETE FROM directory.search_keys d
USING jsonb_to_recordset($1::jsonb) AS r (tenant_key text, entity_kind text, entity_id text, key text)
WHERE d.tenant_key = r.tenant_key
  AND d.entity_kind = r.entity_kind
  AND d.entity_id = r.entity_id
  AND d.key = r.key`

// searchReady reports whether the serving generation has the keys that this
// program makes.
func searchReady(ctx context.Context, db database) (ready bool, err error) {
	if err := db.QueryRow(ctx, selectSearchReady, searchkey.Version).Scan(&ready); err != nil {
		return false, fmt.Errorf("see of which version the search keys are: %w", err)
	}
	return ready, nil
}

const selectSearchReady = `
SELECT search_version = $1
FROM mirror.generation
WHERE state = 'serving'`

// fillSearch makes all search keys of the serving generation anew, those of former
// names too, where another version of the code made them, or none yet: after an
// upgrade, once. Everything that projects waits meanwhile, seconds to a minute for a
// hundred thousand people; nobody who reads does.
func (p *Projector) fillSearch(ctx context.Context) error {
	if ready, err := searchReady(ctx, p.pool); ready || err != nil {
		return err
	}
	began := time.Now()
	rows := 0
	err := pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error {
		// In the order of a swap: the checkpoint, then the generation.
		for _, statement := range []string{buildSettings, `LOCK TABLE mirror.checkpoint IN EXCLUSIVE MODE`} {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		if err := postgres.HoldGeneration(ctx, tx); err != nil {
			return err
		}
		if ready, err := searchReady(ctx, tx); ready || err != nil {
			return err // somebody else was faster
		}
		for _, statement := range []string{`DELETE FROM directory.search_keys`, `DELETE FROM history.search_keys`} {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		for _, source := range []struct {
			kind          directory.Kind
			now, versions string
		}{{directory.KindUser, selectUserNames, selectUserNamesByVersion}, {directory.KindDepartment, selectDepartmentNames, selectDepartmentNamesByVersion}} {
			n, err := fillKind(ctx, tx, source.kind, source.now)
			if err != nil {
				return fmt.Errorf("of every %s: %w", source.kind, err)
			}
			former, err := fillFormer(ctx, tx, source.kind, source.versions)
			if err != nil {
				return fmt.Errorf("of every %s before: %w", source.kind, err)
			}
			rows += n + former
		}
		_, err := tx.Exec(ctx, `UPDATE mirror.generation SET search_version = $1 WHERE state = 'serving'`, searchkey.Version)
		return err
	})
	if err != nil {
		return fmt.Errorf("make the search keys: %w", err)
	}
	if rows > 0 {
		p.opts.Logger.LogAttrs(ctx, slog.LevelInfo, "search keys made", slog.Int("keys", rows), slog.Duration("duration", time.Since(began)))
	}
	return nil
}

// fillStep is how many rows are read at once.
const fillStep = 5000

// eachStep reads what a query answers, step by step, and scans each row into columns.
// Between the steps the transaction can write. A cursor reads everything once; asked
// for what follows a key, the planner believes that this is little, and sorts the rest
// each time.
func eachStep(ctx context.Context, tx pgx.Tx, sql string, columns []any, row func(), written func() error) error {
	if _, err := tx.Exec(ctx, `DECLARE filling NO SCROLL CURSOR FOR `+sql); err != nil {
		return err
	}
	for read := int64(fillStep); read == fillStep; {
		rows, err := tx.Query(ctx, `FETCH `+strconv.Itoa(fillStep)+` FROM filling`, pgx.QueryExecModeDescribeExec)
		if err != nil {
			return err
		}
		tag, err := pgx.ForEachRow(rows, columns, func() error {
			row()
			return nil
		})
		if err != nil {
			return err
		}
		read = tag.RowsAffected()
		if err := written(); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `CLOSE filling`)
	return err
}

// fillKind makes the keys of all entities of a kind.
func fillKind(ctx context.Context, tx pgx.Tx, kind directory.Kind, sql string) (total int, err error) {
	var tenant, id string
	names := directory.Names{Person: kind == directory.KindUser}
	var keys [][]any
	err = eachStep(ctx, tx, sql, append([]any{&tenant, &id}, nameColumns(&names)...), func() {
		for _, k := range searchkey.Of(names) {
			keys = append(keys, []any{tenant, string(kind), id, k.Text, k.Part, k.Sensitive})
		}
	}, func() error {
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"directory", "search_keys"},
			[]string{"tenant_key", "entity_kind", "entity_id", "key", "part", "sensitive"}, pgx.CopyFromRows(keys))
		total, keys = total+len(keys), keys[:0]
		return err
	})
	return total, err
}

// nameColumns takes the columns that userNames and departmentNames select.
func nameColumns(n *directory.Names) []any {
	return []any{&n.Name, &n.EnName, &n.Nickname, &n.I18nName, &n.Email, &n.EnterpriseEmail, &n.EmployeeNo}
}

const (
	userNames = `coalesce(name, ''), coalesce(en_name, ''), coalesce(nickname, ''), '',
       coalesce(email, ''), coalesce(enterprise_email, ''), coalesce(employee_no, '')`
	departmentNames = `coalesce(name, ''), '', '', coalesce(i18n_name::text, ''), '', '', ''`
)

const selectUserNames = `
SELECT tenant_key, open_id, ` + userNames + `
FROM directory.users
ORDER BY tenant_key, open_id`

const selectDepartmentNames = `
SELECT tenant_key, open_department_id, ` + departmentNames + `
FROM directory.departments
ORDER BY tenant_key, open_department_id`

// awaitSearch fills the keys before the first page, and tries again while the
// database is not to be had.
func (p *Projector) awaitSearch(ctx context.Context) error {
	for pause := swapPause; ; pause = min(2*pause, 5*time.Second) {
		err := p.fillSearch(ctx)
		if err == nil || !postgres.Transient(err) {
			return err
		}
		p.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "search keys not made yet", slog.Any("error", err))
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}
