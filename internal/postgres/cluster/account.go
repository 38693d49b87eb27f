//go:build unix

package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// Account is the operating system's user under which the server's programs run.
// PostgreSQL refuses to run as root, so root lends them another one.
type Account struct {
	UID, GID int
	switched bool // we are root and become this user for the server's programs
}

// ServerAccount is the caller's own account, or, where the caller is root, the
// owner of dataDir if that exists, else user postgres, else nobody.
func ServerAccount(dataDir string) (Account, error) {
	if os.Geteuid() != 0 {
		return Account{UID: os.Geteuid(), GID: os.Getegid()}, nil
	}
	if info, err := os.Stat(dataDir); err == nil {
		owner := info.Sys().(*syscall.Stat_t)
		if owner.Uid == 0 {
			return Account{}, fmt.Errorf("%s belongs to root, and PostgreSQL does not run as root: give it to the user who ran it before", dataDir)
		}
		return Account{UID: int(owner.Uid), GID: int(owner.Gid), switched: true}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.Atoi(u.Uid)
		if err != nil {
			continue
		}
		gid, err := strconv.Atoi(u.Gid)
		if err != nil {
			continue
		}
		return Account{UID: uid, GID: gid, switched: true}, nil
	}
	return Account{}, errors.New("PostgreSQL does not run as root and this system has neither a user postgres nor a user nobody: " +
		"add one, run as a normal user, or set MIRROR_DATABASE_URL")
}

// MakeDir creates the folder if it is missing, for this account alone.
func (a Account) MakeDir(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("make the server's folder: %w", err)
	}
	return a.Own(path)
}

// Own gives a folder to the account. It does nothing where the caller runs the
// server under its own account.
func (a Account) Own(path string) error {
	if !a.switched {
		return nil
	}
	if err := os.Lchown(path, a.UID, a.GID); err != nil {
		return fmt.Errorf("give %s to user %d: %w%s", path, a.UID, err, missingCapability(err))
	}
	return nil
}

// CanReach fails where a parent folder of path keeps the account out. The
// system's own message for that names the program or the folder at the end of the
// path, not the one to repair.
func (a Account) CanReach(path string) error {
	if !a.switched {
		return nil
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return fmt.Errorf("look at the parent folders of %s: %w", path, err)
		}
		if !a.mayEnter(info) {
			return fmt.Errorf("user %d, under which PostgreSQL runs, may not enter %s (mode %04o) on the way to %s: "+
				"allow it (chmod o+x %s) or choose another place", a.UID, dir, info.Mode().Perm(), path, dir)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

func (a Account) mayEnter(info os.FileInfo) bool {
	owner := info.Sys().(*syscall.Stat_t)
	switch {
	case int(owner.Uid) == a.UID:
		return info.Mode().Perm()&0o100 != 0
	case int(owner.Gid) == a.GID:
		return info.Mode().Perm()&0o010 != 0
	default:
		return info.Mode().Perm()&0o001 != 0
	}
}

// procAttr puts a program into a session of its own, so that a Ctrl-C meant for
// the caller does not reach it, under the account.
func (a Account) procAttr() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true}
	if a.switched {
		attr.Credential = &syscall.Credential{Uid: uint32(a.UID), Gid: uint32(a.GID)}
	}
	return attr
}

// missingCapability explains a refusal that a root without its usual powers
// meets, as in a container with all capabilities dropped.
func missingCapability(err error) string {
	if errors.Is(err, syscall.EPERM) {
		return " (this root lacks the capability CHOWN, SETUID or SETGID: run as a normal user or set MIRROR_DATABASE_URL)"
	}
	return ""
}
