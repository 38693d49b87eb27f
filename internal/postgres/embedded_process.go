package postgres

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// pidFile is what a running server writes into its data directory, and what one
// that was killed leaves there.
type pidFile struct {
	path      string
	pid       int
	socketDir string // empty in the first instants of a start
}

func readPidFile(dataDir string) (pidFile, error) {
	path := filepath.Join(dataDir, "postmaster.pid")
	content, err := os.ReadFile(path)
	if err != nil {
		return pidFile{}, err
	}
	// Lines: pid, data directory, start time, port, socket folder, ...
	lines := strings.Split(string(content), "\n")
	pid, _ := strconv.Atoi(strings.TrimSpace(lines[0])) // an empty file is read as process 0: nobody
	file := pidFile{path: path, pid: pid}
	if len(lines) > 4 {
		file.socketDir = strings.TrimSpace(lines[4])
	}
	return file, nil
}

// nobody is a process id that no system hands out.
const nobody = 1<<31 - 1

// disarm takes the process id out of a pid file whose server is gone. The server
// takes any live process of its account with that id for another server, and
// after a reboot some program may well have got it. The rest of the file stays:
// by it a new server finds out whether the old one's processes still use the
// data. The socket's own lock file would block in the same way.
func (s site) disarm(ctx context.Context, file pidFile) error {
	content, err := os.ReadFile(file.path)
	if err != nil {
		return fmt.Errorf("read a stale pid file: %w", err)
	}
	_, rest, _ := bytes.Cut(content, []byte("\n"))
	content = append([]byte(strconv.Itoa(nobody)+"\n"), rest...)
	if err := os.WriteFile(file.path, content, 0o600); err != nil { // keeps its owner
		return fmt.Errorf("make a stale pid file harmless: %w", err)
	}
	s.logger.LogAttrs(ctx, slog.LevelInfo, "embedded database was not stopped properly, recovering it", slog.Int("stale_pid", file.pid))
	dir, err := s.socketDir()
	if err != nil {
		return err
	}
	for _, name := range []string{".s.PGSQL.5432", ".s.PGSQL.5432.lock"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a stale socket: %w", err)
		}
	}
	return nil
}

// stop shuts the server down if there is one. The caller holds the start lock and,
// alone, the users lock.
func (s site) stop(ctx context.Context) error {
	file, err := readPidFile(s.data)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("stop the embedded database: %w", err)
	}
	// Fast shutdown; then without writing back, which the next start makes up for.
	for _, step := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGINT, time.Minute}, {syscall.SIGQUIT, 10 * time.Second}, {syscall.SIGKILL, 10 * time.Second}} {
		// Asked before each signal: the id may be another program's by now.
		switch s.owner(ctx, file.pid) {
		case notOurs:
			return nil
		case unknown:
			return fmt.Errorf("stop the embedded database: cannot tell whether process %d is its server, so it is left alone", file.pid)
		case isOurs:
		}
		if err := syscall.Kill(file.pid, step.signal); err != nil {
			return fmt.Errorf("stop the embedded database, process %d: %w", file.pid, err)
		}
		if !awaitEnd(ctx, file.pid, step.wait) {
			continue
		}
		s.logger.LogAttrs(ctx, slog.LevelInfo, "embedded database stopped", slog.Int("pid", file.pid))
		if filepath.Dir(file.socketDir) != s.home {
			_ = os.Remove(file.socketDir) // empty by now; if not, it does no harm
		}
		return nil
	}
	return fmt.Errorf("stop the embedded database: process %d does not end", file.pid)
}

func awaitEnd(ctx context.Context, pid int, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for pidExists(pid) {
		if pause(ctx, startPoll) != nil {
			return false
		}
	}
	return true
}

// pidExists reports whether a process runs. One that has ended but whose parent
// has not taken note (a container's first process may never do so) does not.
func pidExists(pid int) bool {
	if pid <= 0 || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	if os.Getpid() == 1 { // we are that first process, and the server, which the shell left behind, our child
		var status syscall.WaitStatus
		if reaped, err := syscall.Wait4(pid, &status, syscall.WNOHANG, nil); err == nil && reaped == pid {
			return false
		}
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true // no such file system here
	}
	// "123 (name) S ...": the name may hold anything, brackets included.
	_, state, _ := bytes.Cut(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" "))
	return !bytes.HasPrefix(state, []byte("Z"))
}

type owner int

const (
	unknown owner = iota
	isOurs
	notOurs // gone, or another program
)

// owner tells whether a process is the server of our data directory. Only when
// sure is it signalled, and only when sure of the contrary is its pid file touched.
func (s site) owner(ctx context.Context, pid int) owner {
	if !pidExists(pid) {
		return notOurs
	}
	args, err := commandLine(ctx, pid)
	switch {
	case !pidExists(pid):
		return notOurs
	case err != nil || len(args) == 0:
		return unknown
	}
	program := filepath.Base(args[0])
	if program != "postgres" && program != "postmaster" {
		return notOurs
	}
	i := slices.Index(args, "-D")
	if i < 0 || i+1 >= len(args) || !sameDir(args[i+1], s.data) {
		return notOurs
	}
	return isOurs
}

// commandLine is the arguments with which a process was started.
func commandLine(ctx context.Context, pid int) ([]string, error) {
	if content, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil {
		return strings.Split(strings.TrimRight(string(content), "\x00"), "\x00"), nil
	}
	out, err := exec.CommandContext(ctx, "ps", "-ww", "-o", "args=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return nil, fmt.Errorf("ask for the command line of process %d: %w", pid, err)
	}
	scanner := bufio.NewScanner(bytes.NewReader(out))
	scanner.Split(bufio.ScanWords) // a data directory with a blank in its name stays unrecognised: nothing is signalled
	var args []string
	for scanner.Scan() {
		args = append(args, scanner.Text())
	}
	return args, nil
}

func sameDir(a, b string) bool {
	if a == b {
		return true
	}
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}
