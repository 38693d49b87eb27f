package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	minServerVersion   = 150000 // as server_version_num counts: 15.0
	defaultMaxConns    = 10
	connectTimeout     = 5 * time.Second // for one attempt; the URL's connect_timeout wins
	defaultApplication = "orgmirror"
)

// ErrURL says that a connection URL cannot be read: a mistake in the
// configuration, not in the database.
var ErrURL = errors.New("database URL not understood")

// Config says where the database is and how to use it.
type Config struct {
	URL string // postgres://user:password@host:5432/database?sslmode=require, or key=value pairs

	// ApplicationName is what pg_stat_activity shows; "orgmirror" if empty.
	ApplicationName string

	// MaxConns limits the pool; 10 if zero, and pool_max_conns in the URL wins.
	// PostgreSQL answers most queries a second with few connections per core, so
	// more of them mostly wait inside the server. What counts against the server's
	// max_connections (100 unless changed) is this number times the processes.
	MaxConns int32
}

// Open connects to the database and proves it by asking for the server's version;
// one older than 15 is refused. The caller closes the pool.
//
// Sessions speak UTC unless the URL sets timezone, so that instants turned to
// text by the server read alike everywhere.
func Open(ctx context.Context, cfg Config) (*pgxpool.Pool, error) {
	poolConfig, err := parse(cfg)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, poolConfig)
	if err != nil {
		return nil, fmt.Errorf("set up connections to %s: %w", target(poolConfig.ConnConfig), err)
	}
	if err := checkServer(ctx, pool); err != nil {
		pool.Close()
		return nil, explain(poolConfig.ConnConfig, err)
	}
	return pool, nil
}

func parse(cfg Config) (*pgxpool.Config, error) {
	const form = "write postgres://user:password@host:5432/database?sslmode=require, with special characters of the password percent-encoded"
	if cfg.URL == "" {
		return nil, fmt.Errorf("%w: it is empty: %s", ErrURL, form)
	}
	poolConfig, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		// Where a URL is broken nobody can tell which part is the password, so
		// nothing of it is shown. Of a sound one pgx masks the password.
		if u, urlErr := url.Parse(cfg.URL); urlErr != nil || u.Scheme == "" {
			return nil, fmt.Errorf("%w (not shown, it may hold a password): %s", ErrURL, form)
		}
		return nil, fmt.Errorf("%w: %w", ErrURL, err)
	}
	if !strings.Contains(cfg.URL, "pool_max_conns=") {
		poolConfig.MaxConns = cfg.MaxConns
		if cfg.MaxConns <= 0 {
			poolConfig.MaxConns = defaultMaxConns
		}
	}
	params := poolConfig.ConnConfig.RuntimeParams
	if cfg.ApplicationName != "" {
		params["application_name"] = cfg.ApplicationName
	} else if params["application_name"] == "" {
		params["application_name"] = defaultApplication
	}
	if params["timezone"] == "" {
		params["timezone"] = "UTC"
	}
	if !strings.Contains(cfg.URL, "connect_timeout=") {
		poolConfig.ConnConfig.ConnectTimeout = connectTimeout
	}
	return poolConfig, nil
}

func checkServer(ctx context.Context, pool *pgxpool.Pool) error {
	var version string
	if err := pool.QueryRow(ctx, serverVersion).Scan(&version); err != nil {
		return err
	}
	return checkVersion(version)
}

func checkVersion(version string) error {
	number, err := strconv.Atoi(version)
	if err != nil {
		return fmt.Errorf("read the server's version %q: %w", version, err)
	}
	if number < minServerVersion {
		return fmt.Errorf("the server is PostgreSQL %d.%d, and the mirror needs %d or later: upgrade it, or name another one in MIRROR_DATABASE_URL",
			number/10000, number%10000, minServerVersion/10000)
	}
	return nil
}

const serverVersion = `SHOW server_version_num`

// target names a database for messages, without the password.
func target(cfg *pgx.ConnConfig) string {
	network, address := pgconn.NetworkAddress(cfg.Host, cfg.Port)
	if network == "unix" {
		address = "socket " + address
	}
	return fmt.Sprintf("database %q at %s as user %q", cfg.Database, address, cfg.User)
}
