//go:build unix

package pgtest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/postgres"
	"github.com/orgmirror/orgmirror/internal/postgres/cluster"
	"github.com/orgmirror/orgmirror/migrations"
)

// server is where this test binary's databases live.
type server struct {
	adminURL string
	template string // a database with the mirror's schema that nobody may connect to

	// lifeline is the supervisor's standard input. The field keeps it from being
	// collected as garbage, which would close it and end the server.
	lifeline io.Closer

	mu   sync.Mutex
	conn *pgx.Conn // for admin; nil before its first use
}

// theServer starts the server at the first call.
var theServer = sync.OnceValues(func() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if given := os.Getenv(serverURLVariable); given != "" {
		return adopt(ctx, given)
	}
	return start(ctx)
})

// start makes a cluster and serves it until this process ends.
func start(ctx context.Context) (*server, error) {
	base := tempBase()
	removeLeftovers(base)
	account, err := cluster.ServerAccount("")
	if err != nil {
		return nil, err
	}
	binaries, err := cluster.Obtain(ctx, account, 0, slog.Default())
	if err != nil {
		return nil, err
	}
	dir, err := newFolder(base)
	if err != nil {
		return nil, err
	}
	s := &server{adminURL: cluster.SocketURL(dir, cluster.Superuser)}
	if s.lifeline, err = launch(ctx, binaries, account, dir, s.adminURL); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, s.makeTemplate(ctx, databasePrefix()+"template")
}

// supervise serves until its standard input ends. The other end of that pipe is
// held by the test binary and by nobody else, so the kernel closes it whenever
// the binary ends, kill -9 included; no death signal and no thread to hold on to
// for it is needed, and it works on every Unix. Then it stops the server and
// removes the folder. $1 is the folder, the rest the server's command line.
const supervise = `
dir=$1; shift
( "$@" >"$dir/log" 2>&1 </dev/null; echo ended >"$dir/ended" ) &
read -r _
while [ ! -e "$dir/ended" ]; do
	read -r pid <"$dir/data/postmaster.pid" && kill -QUIT "$pid"
	sleep 0.05
done 2>/dev/null
cd / && rm -rf "$dir"`

// launch makes the cluster in dir and returns when it answers.
func launch(ctx context.Context, binaries cluster.Binaries, account cluster.Account, dir, adminURL string) (io.Closer, error) {
	if err := account.Own(dir); err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	if err := makeCluster(ctx, binaries, account, data); err != nil {
		return nil, err
	}
	cmd := account.Script(dir, supervise, append([]string{dir}, binaries.ServerArgs(data, dir, throwAway...)...)...)
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the test server: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the test server: %w", err)
	}
	for {
		conn, err := pgx.Connect(ctx, adminURL)
		if err == nil {
			return lifeline, conn.Close(ctx)
		}
		if _, gone := os.Stat(filepath.Join(dir, "ended")); gone == nil || ctx.Err() != nil {
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			return nil, errors.Join(fmt.Errorf("start the test server: %w: %s", err, log), lifeline.Close())
		}
		<-time.After(10 * time.Millisecond) // the server tells nobody that it is ready
	}
}

// throwAway trades safety after a crash for speed, and lets many tests connect.
var throwAway = []string{
	"fsync=off", "synchronous_commit=off", "full_page_writes=off",
	"wal_level=minimal", "max_wal_senders=0", "autovacuum=off", "max_connections=200",
}

// adopt uses a running server. Its template is kept for later runs, under a name
// that tells its content.
func adopt(ctx context.Context, given string) (*server, error) {
	if _, err := url.Parse(given); err != nil {
		return nil, fmt.Errorf("%w: %s must be of the form postgres://user:password@host:5432/postgres", postgres.ErrURL, serverURLVariable)
	}
	pool, err := postgres.Open(ctx, postgres.Config{URL: given, MaxConns: 1})
	if err != nil {
		return nil, fmt.Errorf("use the server of %s: %w", serverURLVariable, err)
	}
	pool.Close()
	s := &server{adminURL: given}
	if err := s.dropLeftovers(ctx); err != nil {
		return nil, err
	}
	content, err := migrationsHash()
	if err != nil {
		return nil, err
	}
	return s, s.makeTemplate(ctx, "orgmirror_test_template_"+content)
}

// makeTemplate migrates a database and closes it to connections: a template that
// somebody is connected to cannot be copied. Other processes may want to make the
// same one; an advisory lock lets one of them do it.
func (s *server) makeTemplate(ctx context.Context, name string) (err error) {
	s.template = name
	conn, err := pgx.Connect(ctx, s.adminURL)
	if err != nil {
		return fmt.Errorf("make the template database: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) // and with it the lock
	if _, err := conn.Exec(ctx, lockTemplate); err != nil {
		return fmt.Errorf("make the template database: %w", err)
	}
	var done bool
	if err := conn.QueryRow(ctx, templateIsDone, pgx.NamedArgs{"name": name}).Scan(&done); err != nil || done {
		return err
	}
	if err := s.drop(ctx, name); err != nil { // half made by a run that was killed
		return err
	}
	if err := s.create(ctx, name, "template0"); err != nil {
		return err
	}
	pool, err := postgres.Open(ctx, postgres.Config{URL: s.url(name), MaxConns: 2})
	if err != nil {
		return err
	}
	err = postgres.MigrateUp(ctx, pool)
	pool.Close()
	if err != nil {
		return err
	}
	return s.admin(ctx, "close the template database",
		"ALTER DATABASE "+quote(name)+" ALLOW_CONNECTIONS false")
}

const lockTemplate = `SELECT pg_advisory_lock(hashtext('orgmirror pgtest template'))`

const templateIsDone = `SELECT EXISTS (SELECT FROM pg_database WHERE datname = @name AND NOT datallowconn)`

func migrationsHash() (string, error) {
	hash := sha256.New()
	err := fs.WalkDir(migrations.FS, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(migrations.FS, name)
		fmt.Fprintf(hash, "%s %d\n%s", name, len(content), content)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read the migrations: %w", err)
	}
	return fmt.Sprintf("%x", hash.Sum(nil)[:6]), nil
}

// databasePrefix begins the names of databases made by processes of this host, so
// that it can be told whether the process that made one still runs.
func databasePrefix() string {
	host, _ := os.Hostname() // no name is a name too
	hash := fnv.New32a()
	hash.Write([]byte(host))
	return fmt.Sprintf("orgmirror_test_%08x_", hash.Sum32())
}

// dropLeftovers drops the databases of test processes of this host that are gone.
func (s *server) dropLeftovers(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.adminURL)
	if err != nil {
		return fmt.Errorf("look for databases left behind: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, testDatabases, pgx.NamedArgs{"prefix": databasePrefix()})
	if err != nil {
		return fmt.Errorf("look for databases left behind: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look for databases left behind: %w", err)
	}
	for _, name := range names {
		match := ownedName.FindStringSubmatch(name)
		if match == nil {
			continue
		}
		if pid, err := strconv.Atoi(match[1]); err == nil && !alive(pid) {
			if err := s.drop(ctx, name); err != nil {
				return err
			}
		}
	}
	return nil
}

const testDatabases = `SELECT datname FROM pg_database WHERE starts_with(datname, @prefix) ORDER BY datname`

var ownedName = regexp.MustCompile(`_(\d+)_\d+$`)

const folderPrefix = "orgmirror-pgtest-"

var ownedFolder = regexp.MustCompile(`^` + folderPrefix + `(\d+)-`)

func newFolder(base string) (string, error) {
	dir, err := os.MkdirTemp(base, folderPrefix+strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return "", fmt.Errorf("make a folder for tests: %w", err)
	}
	return dir, nil
}

// removeLeftovers removes the folders of test binaries that are gone and whose
// supervisor was killed too, or the power cut. A younger one may still be at work.
func removeLeftovers(base string) {
	entries, err := os.ReadDir(base)
	if err != nil {
		return // start will meet the same and say so
	}
	for _, entry := range entries {
		match := ownedFolder.FindStringSubmatch(entry.Name())
		if match == nil {
			continue
		}
		pid, err := strconv.Atoi(match[1])
		if err != nil || alive(pid) {
			continue
		}
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > 10*time.Minute {
			_ = os.RemoveAll(filepath.Join(base, entry.Name())) // may be another user's
		}
	}
}

func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// tempBase prefers memory: each new database is a copy of a thousand small files.
func tempBase() string {
	const shm, enough = "/dev/shm", 1 << 30
	var stat syscall.Statfs_t
	if runtime.GOOS == "linux" && syscall.Statfs(shm, &stat) == nil && stat.Bavail*uint64(stat.Bsize) >= enough {
		return shm
	}
	return os.TempDir()
}
