package app

import (
	"io"
	"log/slog"

	"github.com/orgmirror/orgmirror/cmd/internal/config"
)

// Logger writes JSON. A command whose output is read by a person says only what
// is worth a warning, unless a level was asked for.
func Logger(w io.Writer, cfg config.Config, interactive bool) *slog.Logger {
	level := cfg.LogLevel
	if interactive && !cfg.Given("log_level") {
		level = slog.LevelWarn
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}
