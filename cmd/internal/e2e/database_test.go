package e2e_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/postgres/cluster"
)

// database is a PostgreSQL that a test has for itself, and may stop.
type database struct {
	url   string
	bin   cluster.Binaries
	as    cluster.Account
	dir   string
	shell *exec.Cmd
}

// serveForUs runs the server until it ends, or until whoever holds the other end
// of the standard input does, kill -9 included.
const serveForUs = `
exec 3<&0
"$@" >>log 2>&1 </dev/null 3<&- &
server=$!
( read -r _ <&3; kill -QUIT $server ) >/dev/null 2>&1 &
wait $server`

// startDatabase makes a server with an empty database. What it has committed
// survives the end of its process, and no more than that is needed.
func startDatabase(t *testing.T) *database {
	t.Helper()
	as, err := cluster.ServerAccount("")
	if err != nil {
		t.Fatal(err)
	}
	bin, err := cluster.Find(t.Context(), as, 0)
	if err != nil {
		t.Fatal(err)
	}
	d := &database{bin: bin, as: as, dir: dataDir(t)}
	if err := as.Own(d.dir); err != nil {
		t.Fatal(err)
	}
	if err := bin.InitDB(t.Context(), as, filepath.Join(d.dir, "data"), false); err != nil {
		t.Fatal(err)
	}
	d.url = cluster.SocketURL(d.dir, cluster.Superuser)
	d.start(t)
	t.Cleanup(func() { d.stop(t, syscall.SIGQUIT) })
	return d
}

func (d *database) start(t *testing.T) {
	t.Helper()
	args := d.bin.ServerArgs(filepath.Join(d.dir, "data"), d.dir, "fsync=off", "full_page_writes=off", "max_connections=100")
	d.shell = d.as.Script(d.dir, serveForUs, args...)
	if _, err := d.shell.StdinPipe(); err != nil { // closed with the shell's end, or ours
		t.Fatal(err)
	}
	if err := d.shell.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the database", func() bool {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Second)
		defer cancel()
		conn, err := pgx.Connect(ctx, d.url)
		if err != nil {
			return false
		}
		return conn.Close(ctx) == nil
	})
}

// stop ends the server: SIGINT cuts the connections, SIGQUIT is a crash.
func (d *database) stop(t *testing.T, how syscall.Signal) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(d.dir, "data", "postmaster.pid"))
	if err != nil {
		t.Errorf("stop the database: %v", err)
		return
	}
	line, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(line)
	if err == nil {
		err = syscall.Kill(pid, how)
	}
	if err != nil {
		t.Errorf("stop the database: %v", err)
		return
	}
	_ = d.shell.Wait() // a crash is what was asked for
}

// eachRow asks a query for ids and objects.
func eachRow(t *testing.T, database, query string, with func(id string, row map[string]json.RawMessage)) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	rows, err := conn.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	var id string
	var raw []byte
	if _, err := pgx.ForEachRow(rows, []any{&id, &raw}, func() error {
		with(id, members(t, raw))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// dump keeps a table's rows, and restore brings them back.
func dump(t *testing.T, database, table string) string {
	t.Helper()
	kept := "kept_" + table
	execute(t, database, "DROP TABLE IF EXISTS public."+kept)
	execute(t, database, "CREATE TABLE public."+kept+" AS TABLE directory."+table)
	return kept
}

func restore(t *testing.T, database, table, kept string) {
	t.Helper()
	execute(t, database, "TRUNCATE directory."+table)
	execute(t, database, "INSERT INTO directory."+table+" TABLE public."+kept)
}
