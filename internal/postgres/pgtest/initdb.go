//go:build unix

package pgtest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/orgmirror/orgmirror/internal/postgres/cluster"
)

// makeCluster makes a data directory. Each test binary needs a fresh one, and
// initdb computes for about a second, so the first result is kept in the user's
// cache folder and copied from then on.
func makeCluster(ctx context.Context, binaries cluster.Binaries, account cluster.Account, data string) error {
	kept, err := keptCluster(binaries, account)
	if err != nil { // no cache folder
		return binaries.InitDB(ctx, account, data, false)
	}
	if _, err := os.Stat(filepath.Join(kept, "PG_VERSION")); err == nil {
		if err := copyTree(ctx, kept, data); err == nil {
			return nil
		}
		if err := os.RemoveAll(data); err != nil {
			return fmt.Errorf("remove an unfinished copy: %w", err)
		}
	}
	if err := binaries.InitDB(ctx, account, data, false); err != nil {
		return err
	}
	keep(ctx, data, kept)
	return nil
}

// keptCluster is the folder of a cluster made by these programs for this account.
func keptCluster(binaries cluster.Binaries, account cluster.Account) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	info, err := os.Stat(filepath.Join(binaries.Dir, "initdb"))
	if err != nil {
		return "", err
	}
	programs := sha256.Sum256(fmt.Appendf(nil, "%s %v %d", binaries.Dir, info.ModTime(), info.Size()))
	name := fmt.Sprintf("%s-uid%d-%x", binaries.Version, account.UID, programs[:6])
	return filepath.Join(cache, "orgmirror-pgtest", name), nil
}

// keep copies a fresh cluster into the cache. It appears there whole or not at
// all, and where it does not the next test binary runs initdb once more.
func keep(ctx context.Context, data, kept string) {
	if err := os.MkdirAll(filepath.Dir(kept), 0o700); err != nil {
		return
	}
	work, err := os.MkdirTemp(filepath.Dir(kept), ".new-")
	if err != nil {
		return
	}
	defer os.RemoveAll(work)
	unfinished := filepath.Join(work, "data")
	if err := copyTree(ctx, data, unfinished); err != nil {
		return
	}
	_ = os.Rename(unfinished, kept) // another test binary may have been quicker
}

// copyTree keeps owners, as the server insists on its own.
func copyTree(ctx context.Context, from, to string) error {
	if out, err := exec.CommandContext(ctx, "cp", "-a", from, to).CombinedOutput(); err != nil {
		return fmt.Errorf("copy %s: %w: %s", from, err, out)
	}
	return nil
}
