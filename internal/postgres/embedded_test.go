package postgres_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/postgres"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

func TestStartEmbedded(t *testing.T) {
	t.Parallel()
	dir := pgtest.DataDir(t)

	began := time.Now()
	embedded := startEmbedded(t, dir)
	t.Logf("first start %v", time.Since(began))
	conn, err := pgx.Connect(t.Context(), embedded.URL(""))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, setting := range []string{"fsync", "synchronous_commit", "full_page_writes", "listen_addresses", "server_encoding"} {
		var value string
		if err := conn.QueryRow(t.Context(), `SELECT current_setting($1)`, setting).Scan(&value); err != nil {
			t.Fatal(err)
		}
		got[setting] = value
	}
	want := map[string]string{"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "listen_addresses": "", "server_encoding": "UTF8"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if _, err := conn.Exec(t.Context(), `CREATE TABLE kept AS SELECT lower('ÄÉ張') AS word`); err != nil {
		t.Fatal(err)
	}
	conn.Close(t.Context())
	pid := serverPid(t, dir)
	if err := embedded.Close(); err != nil {
		t.Fatal(err)
	}
	expectStopped(t, dir, pid)
	if err := embedded.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}

	began = time.Now()
	embedded = startEmbedded(t, dir)
	t.Logf("second start %v", time.Since(began))
	began = time.Now()
	joined := startEmbedded(t, dir)
	t.Logf("join %v", time.Since(began))
	if err := embedded.Close(); err != nil {
		t.Fatal(err)
	}
	conn, err = pgx.Connect(t.Context(), joined.URL(postgres.Database))
	if err != nil {
		t.Fatal(err)
	}
	var word string
	if err := conn.QueryRow(t.Context(), `SELECT word FROM kept`).Scan(&word); err != nil || word != "äé張" {
		t.Errorf("word = %q, %v", word, err)
	}
	conn.Close(t.Context())
	if err := joined.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestEmbeddedIsShared(t *testing.T) {
	t.Parallel()

	t.Run("and outlives the process that started it", func(t *testing.T) {
		t.Parallel()
		dir := newCluster(t)
		backfill := join(t, dir)
		serve := join(t, dir)
		pid := serverPid(t, dir)
		backfill.close()
		serve.query()
		serve.close()
		expectStopped(t, dir, pid)
	})

	t.Run("and stays when one that joined ends", func(t *testing.T) {
		t.Parallel()
		dir := newCluster(t)
		serve := join(t, dir)
		backfill := join(t, dir)
		pid := serverPid(t, dir)
		backfill.close()
		serve.query()
		serve.close()
		expectStopped(t, dir, pid)
	})

	t.Run("and does not keep its starter's files open", func(t *testing.T) {
		t.Parallel()
		dir := newCluster(t)
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		starter := join(t, dir, func(cmd *exec.Cmd) { cmd.ExtraFiles = []*os.File{writer} })
		writer.Close()
		starter.kill()
		if err := reader.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := reader.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the pipe's other end after the starter's death: %v, want the end of input", err)
		}
		if pid := serverPid(t, dir); !postgres.PidExists(pid) {
			t.Error("the server has ended")
		}
	})

	t.Run("by processes that start at once", func(t *testing.T) {
		t.Parallel()
		dir := pgtest.DataDir(t)
		var users []*user
		for range 5 {
			users = append(users, start(t, dir))
		}
		for _, u := range users {
			u.expect("ready")
		}
		pid := serverPid(t, dir)
		for _, u := range users {
			u.query()
			u.close()
		}
		expectStopped(t, dir, pid)
	})

	t.Run("under a path too long for a socket", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(pgtest.DataDir(t), strings.Repeat("long/", 30))
		stopAtEnd(t, dir)
		first := start(t, dir)
		url := first.expect("ready")
		second := join(t, dir)
		pid := serverPid(t, dir)
		first.close()
		second.query()
		second.close()
		expectStopped(t, dir, pid)
		config, err := pgx.ParseConfig(url)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(config.Host); !os.IsNotExist(err) {
			t.Errorf("the socket's folder %s is left", config.Host)
		}
	})
}

func TestEmbeddedRecovers(t *testing.T) {
	t.Parallel()

	t.Run("when the starter is killed while another uses the server", func(t *testing.T) {
		t.Parallel()
		dir := newCluster(t)
		starter := join(t, dir)
		other := join(t, dir)
		pid := serverPid(t, dir)
		starter.kill()
		other.query()
		began := time.Now()
		third := join(t, dir)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("joined after %v", took)
		}
		third.query()
		other.close()
		third.query()
		third.close()
		expectStopped(t, dir, pid)
	})

	t.Run("when its only user is killed", func(t *testing.T) {
		t.Parallel()
		dir := newCluster(t)
		starter := join(t, dir)
		pid := serverPid(t, dir)
		starter.kill()
		next := join(t, dir)
		if now := serverPid(t, dir); now != pid {
			t.Errorf("server process %d, want the running %d taken over", now, pid)
		}
		next.query()
		next.close()
		expectStopped(t, dir, pid)
	})

	t.Run("when a starter is killed at any moment of the first start", func(t *testing.T) {
		t.Parallel()
		dir := pgtest.DataDir(t)
		for _, after := range []time.Duration{50, 300, 700, 1000, 1200} {
			starter := start(t, dir)
			select { // the moment is the point: there is nothing to wait for
			case <-starter.lines:
			case <-time.After(after * time.Millisecond):
			}
			starter.kill()
		}
		survivor := join(t, dir)
		survivor.query()
		pid := serverPid(t, dir)
		survivor.close()
		expectStopped(t, dir, pid)
	})

	t.Run("when the server is killed, for the next to come", func(t *testing.T) {
		t.Parallel()
		dir := newCluster(t)
		first := join(t, dir)
		pid := serverPid(t, dir)
		killServer(t, pid)
		began := time.Now()
		second := join(t, dir)
		second.query()
		t.Logf("recovered after %v", time.Since(began))
		first.query()
		now := serverPid(t, dir)
		first.close()
		second.close()
		expectStopped(t, dir, now)
	})

	t.Run("when the server is killed, for who uses it", func(t *testing.T) {
		t.Parallel()
		dir := newCluster(t)
		embedded := startEmbedded(t, dir)
		busy, err := pgx.Connect(t.Context(), embedded.URL(""))
		if err != nil {
			t.Fatal(err)
		}
		watcher, err := pgx.Connect(t.Context(), embedded.URL(""))
		if err != nil {
			t.Fatal(err)
		}
		killed := serverPid(t, dir)
		ended := make(chan error, 1)
		go func() { // keeps a server process at work after its postmaster is gone
			_, err := busy.Exec(context.WithoutCancel(t.Context()), keepBusy)
			ended <- err
		}()
		waitUntil(t, "the statement to run", func() bool {
			var running bool
			err := watcher.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND state = 'active')`, busy.PgConn().PID()).Scan(&running)
			if err != nil {
				t.Fatal(err)
			}
			return running
		})
		watcher.Close(t.Context())
		killServer(t, killed)
		waitUntil(t, "the server to be started again", func() bool {
			now := serverPid(t, dir)
			return now != 0 && now != killed && query(t.Context(), embedded.URL("")) == nil
		})
		<-ended
		busy.Close(t.Context())
		pid := serverPid(t, dir)
		if err := embedded.Close(); err != nil {
			t.Fatal(err)
		}
		expectStopped(t, dir, pid)
	})
}

const keepBusy = `
DO $$
DECLARE until timestamptz := clock_timestamp() + '3 s';
BEGIN
    WHILE clock_timestamp() < until LOOP
        PERFORM sum(g) FROM generate_series(1, 10000) g;
    END LOOP;
END $$`

func killServer(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "the killed server to be gone", func() bool { return !postgres.PidExists(pid) })
}

func TestStartEmbeddedGivenUp(t *testing.T) {
	t.Parallel()
	dir := newCluster(t)
	for _, after := range []time.Duration{1, 20, 40, 60, 80, 120} {
		ctx, cancel := context.WithTimeout(t.Context(), after*time.Millisecond)
		if err := startAndClose(ctx, dir); err != nil && ctx.Err() == nil {
			t.Errorf("given up after %d ms: %v", after, err)
		}
		cancel()
		if pid := serverPid(t, dir); pid != 0 {
			t.Errorf("given up after %d ms, server %d still runs", after, pid)
		}
	}
}

// startEmbedded makes the test itself a user of the server, until its end at the latest.
func startEmbedded(t *testing.T, dir string) *postgres.Embedded {
	t.Helper()
	embedded, err := postgres.StartEmbedded(t.Context(), postgres.EmbeddedConfig{
		DataDir: dir,
		Logger:  slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := embedded.Close(); err != nil {
			t.Error(err)
		}
	})
	return embedded
}

func startAndClose(ctx context.Context, dir string) error {
	embedded, err := postgres.StartEmbedded(ctx, postgres.EmbeddedConfig{DataDir: dir})
	if err != nil {
		return err
	}
	return embedded.Close()
}

// TestEmbeddedAsNormalUser runs what the other tests run as root under an account
// without rights. Where they are not root, they have been that test already.
func TestEmbeddedAsNormalUser(t *testing.T) {
	t.Parallel()
	home := pgtest.DataDir(t)
	asUser := func(*exec.Cmd) {}
	if os.Geteuid() == 0 {
		const nobody = 65534
		program := filepath.Join(home, "program") // go test's own folder is closed to others
		if err := exec.Command("cp", os.Args[0], program).Run(); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(home, nobody, nobody); err != nil {
			t.Fatal(err)
		}
		asUser = func(cmd *exec.Cmd) {
			cmd.Path, cmd.Dir = program, home
			cmd.Env = append(cmd.Env, "HOME="+home)
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
	}
	dir := filepath.Join(home, ".local", "state", "orgmirror")
	stopAtEnd(t, dir)
	first := join(t, dir, asUser)
	second := join(t, dir, asUser)
	pid := serverPid(t, dir)
	first.close()
	second.query()
	second.kill()
	third := join(t, dir, asUser)
	third.query()
	third.close()
	expectStopped(t, dir, pid)
}
