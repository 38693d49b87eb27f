package postgres_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets the test binary also be the processes that share a server.
func TestMain(m *testing.M) {
	if dir := os.Getenv(userVariable); dir != "" {
		os.Exit(beUser(dir))
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(preparedDir)
		os.Exit(code)
	}))
}
