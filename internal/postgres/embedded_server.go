package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orgmirror/orgmirror/internal/postgres/cluster"
)

// ErrDataDir says that a data directory cannot be used: another major version of
// PostgreSQL made it, or it is none. Nothing in it was changed.
var ErrDataDir = errors.New("data directory refused")

const (
	startPoll = 10 * time.Millisecond
	// leftoverWait is how long to wait for the server processes of a killed
	// postmaster, which end by themselves once they notice.
	leftoverWait = 15 * time.Second
	answerWait   = 15 * time.Second // for a server that runs to open its socket
)

// settings suit a small machine that also runs the mirror. Data survives a power
// cut: fsync and its kin keep their defaults. The server's log must not show whose
// row an error was about, so it names neither statement nor detail. Parallel
// queries would need shared memory beyond the 64 MiB that containers have.
var settings = []string{
	"shared_buffers=128MB", "work_mem=8MB", "maintenance_work_mem=64MB", "effective_cache_size=1GB",
	"max_connections=100", "random_page_cost=1.1", "wal_compression=on", "jit=off",
	"max_parallel_workers_per_gather=0", "max_parallel_maintenance_workers=0",
	"logging_collector=off", "log_destination=stderr", "log_line_prefix=%m [%p] ",
	"log_error_verbosity=terse", "log_min_error_statement=panic", "log_statement=none",
	"log_min_duration_statement=-1", "log_checkpoints=off",
}

// refuseForeign fails where the folders hold something that is not ours.
func (s site) refuseForeign() error {
	if _, err := os.Stat(filepath.Join(s.root, "PG_VERSION")); err == nil {
		return fmt.Errorf("%w: %s is itself a PostgreSQL data directory: name a folder for the mirror's own in MIRROR_DATA_DIR", ErrDataDir, s.root)
	}
	entries, err := os.ReadDir(s.home)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look into the embedded database's folder (does it belong to another user?): %w", err)
	}
	for _, entry := range entries {
		if !ours(entry.Name()) {
			return fmt.Errorf("%w: %s holds %q, which the mirror did not make: name another folder in MIRROR_DATA_DIR", ErrDataDir, s.home, entry.Name())
		}
	}
	_, err = s.major()
	return err
}

const (
	newDataPrefix = "new-" // a cluster in the making
	logName       = "log"
	oldLogName    = "log.old"
	socketName    = "socket"
)

func ours(name string) bool {
	return slices.Contains([]string{"data", logName, oldLogName, socketName}, name) || strings.HasPrefix(name, newDataPrefix)
}

// major is the version of PostgreSQL that made the data directory; 0 where there is none yet.
func (s site) major() (int, error) {
	content, err := os.ReadFile(filepath.Join(s.data, "PG_VERSION"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Lstat(s.data); errors.Is(err, fs.ErrNotExist) {
			return 0, nil
		}
		return 0, fmt.Errorf("%w: %s has no file PG_VERSION, so it is no PostgreSQL data directory: remove it if nothing in it is needed", ErrDataDir, s.data)
	case err != nil:
		return 0, fmt.Errorf("read the data directory's version: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0, fmt.Errorf("%w: PG_VERSION in %s holds no number", ErrDataDir, s.data)
	}
	if major < cluster.MinMajor {
		return 0, fmt.Errorf("%w: %s was made by PostgreSQL %d, and the mirror needs %d or later", ErrDataDir, s.data, major, cluster.MinMajor)
	}
	return major, nil
}

// ensureRunning returns the folder of the socket of the running server, after
// having started it if it was not running. The caller holds the start lock.
func (s site) ensureRunning(ctx context.Context) (socketDir string, err error) {
	if dir, running, err := s.find(ctx); running || err != nil {
		return dir, err
	}
	binaries, err := s.prepare(ctx)
	if err != nil {
		return "", err
	}
	if socketDir, err = s.socketDir(); err != nil {
		return "", err
	}
	log := filepath.Join(s.home, logName)
	if err := os.Rename(log, filepath.Join(s.home, oldLogName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("put the server's old log aside: %w", err)
	}
	s.logger.LogAttrs(ctx, slog.LevelInfo, "starting the embedded database",
		slog.String("postgresql", binaries.Version), slog.String("data_dir", s.data))
	deadline := time.Now().Add(leftoverWait)
	for {
		err = s.launch(ctx, binaries, socketDir)
		if err == nil {
			return socketDir, nil
		}
		if !errors.Is(err, errLeftover) || time.Now().After(deadline) {
			return "", err
		}
		if err := pause(ctx, 20*startPoll); err != nil {
			return "", err
		}
	}
}

// find looks for a server that runs already: one that others use, or one whose
// users were all killed. A pid file that speaks of none is made harmless.
func (s site) find(ctx context.Context) (socketDir string, running bool, err error) {
	deadline := time.Now().Add(answerWait)
	for {
		file, err := readPidFile(s.data)
		if errors.Is(err, fs.ErrNotExist) {
			return "", false, nil
		}
		if err != nil {
			return "", false, fmt.Errorf("read the embedded database's pid file: %w", err)
		}
		answer, connectErr := s.ask(ctx, file.socketDir)
		switch answer {
		case answersReady:
			return file.socketDir, true, nil
		case answersBusy: // starting or stopping: it will end up one way or the other
			deadline = time.Now().Add(answerWait)
		case answersNothing:
			if s.owner(ctx, file.pid) == notOurs {
				return "", false, s.disarm(ctx, file)
			}
			if time.Now().After(deadline) {
				return "", false, fmt.Errorf("embedded database runs as process %d but does not answer on its socket in %s: "+
					"stop it (kill -INT %d) and start again: %w", file.pid, file.socketDir, file.pid, connectErr)
			}
		}
		if err := pause(ctx, startPoll); err != nil {
			return "", false, err
		}
	}
}

// prepare finds the programs and makes the cluster if there is none.
func (s site) prepare(ctx context.Context) (cluster.Binaries, error) {
	major, err := s.major()
	if err != nil {
		return cluster.Binaries{}, err
	}
	binaries, err := cluster.Obtain(ctx, s.account, major, s.logger)
	if errors.Is(err, cluster.ErrNoBinaries) && major > 0 {
		return cluster.Binaries{}, fmt.Errorf("%w: %s was made by PostgreSQL %d, which is not on this machine: install that version, "+
			"or move the data with pg_upgrade or pg_dump: %w", ErrDataDir, s.data, major, err)
	}
	if err != nil {
		return cluster.Binaries{}, err
	}
	if err := s.account.MakeDir(s.home); err != nil {
		return cluster.Binaries{}, err
	}
	s.removeUnfinished()
	if major > 0 {
		return binaries, nil
	}
	return binaries, s.makeCluster(ctx, binaries)
}

// removeUnfinished removes what interrupted starts have left. An initdb whose
// caller was killed may still write there: then a later start will remove it.
func (s site) removeUnfinished() {
	unfinished, _ := filepath.Glob(filepath.Join(s.home, newDataPrefix+"*")) // the pattern is sound
	for _, dir := range unfinished {
		_ = os.RemoveAll(dir)
	}
}

// makeCluster makes the data directory under another name and renames it when it
// is whole, so that what an interrupted one leaves is never taken for data.
func (s site) makeCluster(ctx context.Context, binaries cluster.Binaries) error {
	s.logger.LogAttrs(ctx, slog.LevelInfo, "making the embedded database",
		slog.String("postgresql", binaries.Version), slog.String("data_dir", s.data))
	dir, err := os.MkdirTemp(s.home, newDataPrefix)
	if err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	if err := s.account.Own(dir); err != nil {
		return err
	}
	if err := binaries.InitDB(ctx, s.account, dir, true); err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	if err := os.Rename(dir, s.data); err != nil {
		return fmt.Errorf("put the data directory in its place: %w", err)
	}
	return nil
}

// errLeftover is the server's refusal to start while processes of its predecessor live.
var errLeftover = errors.New("processes of the killed server still run")

// startDetached runs the server as a child of nobody: the shell ends at once, so that the
// server neither dies with us nor stays a zombie when it dies before us.
const startDetached = `log=$1; shift; "$@" </dev/null >>"$log" 2>&1 & echo $!`

// launch starts the server and waits until it answers.
func (s site) launch(ctx context.Context, binaries cluster.Binaries, socketDir string) error {
	log := filepath.Join(s.home, logName)
	args := append([]string{log}, binaries.ServerArgs(s.data, socketDir, settings...)...)
	out, err := s.account.Script(s.home, startDetached, args...).Output()
	if err != nil {
		return fmt.Errorf("start the embedded database: %w", err)
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(out)))
	if err != nil {
		return fmt.Errorf("start the embedded database: the shell answered %q instead of a process id", out)
	}
	for {
		alive := pidExists(pid)
		if answer, _ := s.ask(ctx, socketDir); answer == answersReady {
			s.logger.LogAttrs(ctx, slog.LevelInfo, "embedded database started", slog.Int("pid", pid))
			return nil
		}
		if !alive {
			text := tail(log)
			if strings.Contains(text, "pre-existing shared memory block") {
				return fmt.Errorf("start the embedded database: %w: %s", errLeftover, text)
			}
			return fmt.Errorf("start the embedded database: the server ended, its log %s says: %s", log, text)
		}
		if err := pause(ctx, startPoll); err != nil {
			s.awaitPidFile(context.WithoutCancel(ctx), pid)
			return err
		}
	}
}

// awaitPidFile waits, when a start is given up, until the server can be found by
// whoever is to stop it.
func (s site) awaitPidFile(ctx context.Context, pid int) {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	for pidExists(pid) {
		if file, err := readPidFile(s.data); err == nil && file.pid == pid {
			return
		}
		if pause(ctx, startPoll) != nil {
			return
		}
	}
}

// tail is the end of a log.
func tail(path string) string {
	const enough = 2000
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(content[max(0, len(content)-enough):]))
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("wait for the embedded database: %w", ctx.Err())
	case <-time.After(d):
		return nil
	}
}
