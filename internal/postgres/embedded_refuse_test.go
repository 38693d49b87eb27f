package postgres_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/postgres"
	"github.com/orgmirror/orgmirror/internal/postgres/cluster"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

func TestStartEmbeddedRefuses(t *testing.T) {
	t.Parallel()
	account, err := cluster.ServerAccount("")
	if err != nil {
		t.Fatal(err)
	}
	installed, err := cluster.Find(t.Context(), account, 0)
	if err != nil {
		t.Fatal(err)
	}

	tests := []struct {
		name  string
		setup func(t *testing.T, dir string)
		want  []string // parts of the message
	}{
		{
			name: "data of a later PostgreSQL",
			setup: func(t *testing.T, dir string) {
				copyCluster(t, dir)
				write(t, filepath.Join(dir, "postgres/data/PG_VERSION"), "99\n")
			},
			want: []string{"PostgreSQL 99", installed.Version, "pg_upgrade"},
		},
		{
			name: "data of a PostgreSQL too old",
			setup: func(t *testing.T, dir string) {
				copyCluster(t, dir)
				write(t, filepath.Join(dir, "postgres/data/PG_VERSION"), "14\n")
			},
			want: []string{"PostgreSQL 14", "15 or later"},
		},
		{
			name: "a data folder without a version",
			setup: func(t *testing.T, dir string) {
				copyCluster(t, dir)
				if err := os.Remove(filepath.Join(dir, "postgres/data/PG_VERSION")); err != nil {
					t.Fatal(err)
				}
			},
			want: []string{"PG_VERSION", "no PostgreSQL data directory"},
		},
		{
			name: "somebody else's data directory",
			setup: func(t *testing.T, dir string) {
				write(t, filepath.Join(dir, "PG_VERSION"), "15\n")
				write(t, filepath.Join(dir, "base/1/112"), "rows")
			},
			want: []string{"is itself a PostgreSQL data directory", "MIRROR_DATA_DIR"},
		},
		{
			name: "a folder with other files",
			setup: func(t *testing.T, dir string) {
				write(t, filepath.Join(dir, "postgres/thesis.tex"), "years of work")
			},
			want: []string{"thesis.tex", "MIRROR_DATA_DIR"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := pgtest.DataDir(t)
			test.setup(t, dir)
			before := snapshot(t, dir)
			_, err := postgres.StartEmbedded(t.Context(), postgres.EmbeddedConfig{DataDir: dir})
			if !errors.Is(err, postgres.ErrDataDir) {
				t.Fatalf("error %v, want one of ErrDataDir", err)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not mention %q", err, part)
				}
			}
			after := snapshot(t, dir)
			for _, lock := range []string{"postgres.start.lock", "postgres.users.lock"} { // empty, beside the data
				delete(before, lock)
				delete(after, lock)
			}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("the folder was touched (-before +after):\n%s", diff)
			}
		})
	}
}

func TestStartEmbeddedWherePostgresMayNotGo(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(pgtest.DataDir(t), "closed", "data")
	closed := filepath.Dir(dir)
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	embedded, err := postgres.StartEmbedded(t.Context(), postgres.EmbeddedConfig{DataDir: dir})
	if os.Geteuid() != 0 { // the server runs under our own account: no obstacle
		if err != nil {
			t.Fatal(err)
		}
		if err := embedded.Close(); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err == nil || !strings.Contains(err.Error(), "chmod o+x "+closed) {
		t.Errorf("error %v, want one that says how to open %s", err, closed)
	}
}

func TestStartEmbeddedWithStalePidFile(t *testing.T) {
	t.Parallel()

	t.Run("of a process that is gone", func(t *testing.T) {
		t.Parallel()
		dir := newCluster(t)
		crash(t, dir)
		if err := startAndClose(t.Context(), dir); err != nil {
			t.Error(err)
		}
	})

	t.Run("whose process id another program of the same account has now", func(t *testing.T) {
		t.Parallel()
		dir := newCluster(t)
		crash(t, dir)
		bystander := runAsServerAccount(t, dir)
		replacePid(t, pidFile(dir), bystander)
		socketLock := filepath.Join(dir, "postgres/socket/.s.PGSQL.5432.lock")
		replacePid(t, socketLock, bystander)

		embedded := startEmbedded(t, dir)
		if pid := serverPid(t, dir); pid == bystander || !postgres.PidExists(pid) {
			t.Errorf("server process %d", pid)
		}
		if err := embedded.Close(); err != nil {
			t.Error(err)
		}
		if !postgres.PidExists(bystander) {
			t.Error("the other program was ended")
		}
	})

	t.Run("copied with the data of a server that runs", func(t *testing.T) {
		t.Parallel()
		dir := newCluster(t)
		original := startEmbedded(t, dir)
		pid := serverPid(t, dir)
		twin := pgtest.DataDir(t)
		if err := exec.Command("cp", "-a", dir, twin).Run(); err != nil {
			t.Fatal(err)
		}
		copied := startEmbedded(t, twin)
		if original.URL("") == copied.URL("") {
			t.Error("the copy's address is the original's")
		}
		if err := copied.Close(); err != nil {
			t.Error(err)
		}
		if err := query(t.Context(), original.URL("")); err != nil || serverPid(t, dir) != pid {
			t.Errorf("the original server was disturbed: %v", err)
		}
	})
}

// crash leaves in dir what a server leaves that was killed with all its users.
func crash(t *testing.T, dir string) {
	t.Helper()
	u := join(t, dir)
	pid := serverPid(t, dir)
	u.kill()
	killServer(t, pid)
}

// runAsServerAccount runs a program under the account of the server of dir.
func runAsServerAccount(t *testing.T, dir string) int {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, "postgres/data"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sleep", "600")
	if os.Geteuid() == 0 {
		owner := info.Sys().(*syscall.Stat_t)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd.Process.Pid
}

func replacePid(t *testing.T, path string, pid int) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(content), "\n")
	write(t, path, strconv.Itoa(pid)+"\n"+rest)
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// snapshot describes each file below dir: mode, owner, time and content.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		owner := info.Sys().(*syscall.Stat_t)
		line := fmt.Sprintf("%v %d:%d %v", info.Mode(), owner.Uid, owner.Gid, info.ModTime())
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %x", sha256.Sum256(content))
		}
		name, err := filepath.Rel(dir, path)
		files[name] = line
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
