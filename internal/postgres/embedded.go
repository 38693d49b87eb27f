package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/orgmirror/orgmirror/internal/postgres/cluster"
)

// Database is the name of the mirror's database on an embedded server.
const Database = "orgmirror"

const (
	lockPoll      = 20 * time.Millisecond // how often to try for the start lock
	watchInterval = time.Second
	closeTimeout  = 2 * time.Minute // a shutdown writes what is in memory to disk first
)

// EmbeddedConfig says where an embedded server keeps its files.
type EmbeddedConfig struct {
	DataDir string // created if missing
	Logger  *slog.Logger
}

// Embedded is this process's share in the server of one data directory.
//
// All processes of a data directory share one server. It is a process of its own:
// the first to come starts it, it outlives that one while others use it, and the
// last to Close stops it. Two lock files keep order, both released by the kernel
// when their holder dies in whatever way:
//
//	postgres.users.lock  shared, held from start to Close: "I use the server"
//	postgres.start.lock  exclusive, held while a server is started or stopped
//
// A server left running by users who were killed is taken over by the next one;
// one that was killed itself is started again, by the next to come or by the
// watch that each user keeps.
type Embedded struct {
	socketDir string
	site      site
	users     *flock.Flock
	stopWatch context.CancelFunc
	watched   chan struct{} // closed when the watch has ended
	close     func() error
}

// StartEmbedded joins the server of a data directory, and starts it, makes its
// cluster and its database where these are missing. It needs PostgreSQL's programs
// on this machine, or downloads them.
//
// It refuses, and leaves alone, a directory that another major version of
// PostgreSQL made, and one that holds something else.
func StartEmbedded(ctx context.Context, cfg EmbeddedConfig) (*Embedded, error) {
	logger := cfg.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	site, err := openSite(cfg.DataDir, logger)
	if err != nil {
		return nil, err
	}
	release, err := site.lockStart(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	users := flock.New(site.usersLock)
	if err := users.RLock(); err != nil { // taken exclusively under the start lock only, so this does not wait
		return nil, fmt.Errorf("register as a user of the embedded database: %w", err)
	}
	socketDir, err := site.ensureRunning(ctx)
	if err != nil {
		return nil, errors.Join(err, site.leave(context.WithoutCancel(ctx), users))
	}
	watchCtx, stopWatch := context.WithCancel(context.WithoutCancel(ctx))
	e := &Embedded{socketDir: socketDir, site: site, users: users, stopWatch: stopWatch, watched: make(chan struct{})}
	e.close = sync.OnceValue(e.closeOnce)
	go func() {
		defer close(e.watched)
		site.watch(watchCtx)
	}()
	return e, nil
}

// URL addresses a database of the server; the mirror's own if the name is empty.
func (e *Embedded) URL(database string) string {
	if database == "" {
		database = Database
	}
	return cluster.SocketURL(e.socketDir, database)
}

// Close ends this process's use of the server, and stops the server if nobody
// else uses it. Pools on it should be closed before.
func (e *Embedded) Close() error { return e.close() }

func (e *Embedded) closeOnce() error {
	e.stopWatch()
	<-e.watched
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	release, err := e.site.lockStart(ctx)
	if err != nil {
		return errors.Join(err, e.users.Unlock())
	}
	defer release()
	return e.site.leave(ctx, e.users)
}

// leave gives up the users lock and stops the server if that was the last one.
// The caller holds the start lock.
func (s site) leave(ctx context.Context, users *flock.Flock) error {
	if err := users.Unlock(); err != nil {
		return fmt.Errorf("leave the embedded database: %w", err)
	}
	alone, err := users.TryLock()
	if err != nil {
		return fmt.Errorf("leave the embedded database: %w", err)
	}
	if !alone {
		return nil
	}
	return errors.Join(s.stop(ctx), users.Unlock())
}

// watch starts the server again when it is gone although we use it: its main
// process may fall to the kernel when memory runs out, as any other.
func (s site) watch(ctx context.Context) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if pid, err := readPidFile(s.data); err == nil && pidExists(pid.pid) {
			continue
		}
		ticker.Reset(watchInterval)
		if err := s.restart(ctx); err != nil && ctx.Err() == nil {
			s.logger.LogAttrs(ctx, slog.LevelError, "embedded database is down", slog.Any("error", err))
			ticker.Reset(5 * watchInterval)
		}
	}
}

func (s site) restart(ctx context.Context) error {
	release, err := s.lockStart(ctx)
	if err != nil {
		return err
	}
	defer release()
	_, err = s.ensureRunning(ctx)
	return err
}

// lockStart waits for the start lock. Others hold it for as long as a start or a
// stop takes.
func (s site) lockStart(ctx context.Context) (release func(), err error) {
	lock := flock.New(s.startLock)
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		return nil, fmt.Errorf("wait for the embedded database's start lock %s: %w", s.startLock, err)
	}
	return func() { _ = lock.Unlock() }, nil // closing the file, at the latest on exit, releases it too
}

// site is the place of one embedded server on disk.
type site struct {
	root, home, data     string
	startLock, usersLock string
	account              cluster.Account
	logger               *slog.Logger
}

// openSite checks that dataDir is a place for an embedded server, and makes it one
// if it is new.
func openSite(dataDir string, logger *slog.Logger) (site, error) {
	if dataDir == "" {
		return site{}, errors.New("start the embedded database: no data directory given (MIRROR_DATA_DIR)")
	}
	mode := os.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o755 // the server's account must come through
	}
	if _, err := os.Stat(dataDir); errors.Is(err, os.ErrNotExist) {
		// Chmod, because the umask may take more away than we do.
		if err := errors.Join(os.MkdirAll(dataDir, mode), os.Chmod(dataDir, mode)); err != nil {
			return site{}, fmt.Errorf("make the data directory: %w", err)
		}
	}
	root, err := filepath.Abs(dataDir)
	if err == nil {
		root, err = filepath.EvalSymlinks(root) // all processes must mean the same by it
	}
	if err != nil {
		return site{}, fmt.Errorf("find the data directory: %w", err)
	}
	home := filepath.Join(root, "postgres")
	s := site{
		root: root, home: home, data: filepath.Join(home, "data"),
		startLock: filepath.Join(root, "postgres.start.lock"),
		usersLock: filepath.Join(root, "postgres.users.lock"),
		logger:    logger,
	}
	if err := s.refuseForeign(); err != nil {
		return site{}, err
	}
	if s.account, err = cluster.ServerAccount(s.data); err != nil {
		return site{}, err
	}
	return s, s.account.CanReach(home)
}
