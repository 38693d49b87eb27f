package postgres

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orgmirror/orgmirror/internal/postgres/cluster"
)

// socketDir is a folder for the socket: beside the data, or, as a socket's path
// must be short, in a system folder under a name made from the data's path. It is
// the same in every process, whatever its TMPDIR, so that pools find a server that
// another process started again. Who joins reads it from the server's pid file.
func (s site) socketDir() (string, error) {
	dir := filepath.Join(s.home, socketName)
	if cluster.SocketFits(dir) {
		return dir, s.account.MakeDir(dir)
	}
	name := fmt.Sprintf("orgmirror-%d-%x", s.account.UID, sha256.Sum256([]byte(s.data)))[:32]
	bases := []string{"/tmp"}
	if os.Geteuid() == 0 {
		bases = []string{"/run", "/tmp"}
	}
	for _, base := range bases {
		dir := filepath.Join(base, name)
		if info, err := os.Stat(base); err != nil || !info.IsDir() || !cluster.SocketFits(dir) {
			continue
		}
		return dir, s.privateDir(dir)
	}
	return "", fmt.Errorf("no folder for the embedded database's socket: the path of %s is too long for it, and there is no /tmp", s.root)
}

// privateDir makes a folder in a place where everybody may make folders, or takes
// one that is there only if it is the server's alone.
func (s site) privateDir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		return s.account.Own(dir)
	}
	if !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the socket's folder: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("look at the socket's folder: %w", err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || int(owner.Uid) != s.account.UID || info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("the embedded database's socket belongs into %s, which somebody else made: remove it", dir)
	}
	return nil
}

type answer int

const (
	answersNothing answer = iota
	answersBusy           // it is starting, recovering or stopping
	answersReady          // it serves our data directory, and our database exists
)

// ask connects to the server behind a socket. A server over other data, as a
// copied pid file may point to, counts as nothing.
func (s site) ask(ctx context.Context, socketDir string) (answer, error) {
	if socketDir == "" {
		return answersNothing, errors.New("its pid file names no socket yet")
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, cluster.SocketURL(socketDir, cluster.Superuser))
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return answersBusy, err // 57P03 while it starts or stops, 53300 when full
	}
	if err != nil {
		return answersNothing, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var data string
	var exists bool
	if err := conn.QueryRow(ctx, whoIsIt, pgx.NamedArgs{"database": Database}).Scan(&data, &exists); err != nil {
		return answersBusy, err
	}
	if !sameDir(data, s.data) {
		return answersNothing, fmt.Errorf("the server there serves %s", data)
	}
	if exists {
		return answersReady, nil
	}
	if _, err := conn.Exec(ctx, createDatabase); err != nil {
		return answersBusy, err
	}
	return answersReady, nil
}

const whoIsIt = `
SELECT current_setting('data_directory'),
       EXISTS (SELECT FROM pg_database WHERE datname = @database)`

const createDatabase = `CREATE DATABASE orgmirror TEMPLATE template0`
