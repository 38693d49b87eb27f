//go:build unix

package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// Superuser is the database role that owns every cluster made here.
const Superuser = "postgres"

// InitDB makes a new cluster in dir, which must be missing or empty and in a
// folder of the account. Only those who may enter the socket's folder can
// connect, so connections need no password. With sync it survives a power cut.
//
// Texts sort and fold by ICU's root locale: alike on Linux and macOS and in every
// version since 15, whatever locales the system has. Locale C alone would leave
// letters beyond ASCII unfolded.
func (b Binaries) InitDB(ctx context.Context, account Account, dir string, sync bool) error {
	if err := account.CanReach(dir); err != nil {
		return err
	}
	args := []string{
		"-D", dir, "-U", Superuser, "-A", "trust", "-E", "UTF8",
		"--locale=C", "--locale-provider=icu", "--icu-locale=und",
	}
	if !sync {
		args = append(args, "--no-sync", "--wal-segsize=1") // a small cluster, quick to copy
	}
	cmd := exec.CommandContext(ctx, filepath.Join(b.Dir, "initdb"), args...)
	cmd.SysProcAttr, cmd.Dir, cmd.Env = account.procAttr(), filepath.Dir(dir), environment()
	if out, err := cmd.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return fmt.Errorf("make a database cluster with %s: %w%s: %s", cmd.Path, err, missingCapability(err), strings.TrimSpace(string(out)))
	}
	return nil
}

// Script is a shell script to run as the account. Arguments after the script are
// its $1, $2 ...; ServerArgs are meant to be the last of them.
func (a Account) Script(dir, script string, args ...string) *exec.Cmd {
	keepFiles()
	cmd := exec.Command("/bin/sh", append([]string{"-c", script, "sh"}, args...)...)
	cmd.SysProcAttr, cmd.Dir, cmd.Env = a.procAttr(), dir, environment()
	return cmd
}

// keepFiles keeps from programs started after it the open files that we inherited
// from our own caller (ours close by themselves). A server that outlives us would
// hold them open: a pipe, say, at whose other end somebody waits for us to finish.
func keepFiles() {
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		return // no such folder, no way to know them
	}
	for _, entry := range entries {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}

// ServerArgs is the command line of a server over dataDir that listens on a unix
// socket in socketDir and nowhere else.
func (b Binaries) ServerArgs(dataDir, socketDir string, settings ...string) []string {
	args := []string{filepath.Join(b.Dir, "postgres"), "-D", dataDir, "-k", socketDir, "-h", ""}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return args
}

// SocketFits reports whether the system can open a server's socket in dir: its
// path is limited to 107 bytes on Linux, 103 elsewhere.
func SocketFits(dir string) bool {
	limit := 103
	if runtime.GOOS == "linux" {
		limit = 107
	}
	return len(filepath.Join(dir, ".s.PGSQL.5432")) <= limit
}

// SocketURL addresses a database through the socket in dir.
func SocketURL(dir, database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.User(Superuser),
		Path:     "/" + database,
		RawQuery: url.Values{"host": {dir}, "sslmode": {"disable"}}.Encode(),
	}
	return u.String()
}

// environment is ours without the PG* variables, which would redirect the
// server's programs, and with messages in English.
func environment() []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "PG") && !strings.HasPrefix(kv, "LC_") && !strings.HasPrefix(kv, "LANG") {
			env = append(env, kv)
		}
	}
	return append(env, "LC_ALL=C")
}

// cacheDir is where downloaded programs are kept, in folders by version. Root's
// own cache is closed to the account that runs the server.
func cacheDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/cache/orgmirror/postgresql", nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", errors.New("the user has no cache folder (HOME and XDG_CACHE_HOME are not set)")
	}
	return filepath.Join(dir, "orgmirror", "postgresql"), nil
}
