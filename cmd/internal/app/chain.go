package app

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// chain runs the parts of a service side by side. When the context ends, or a
// part fails, they are stopped in their order: each one after the one before it
// has ended.
func chain(ctx context.Context, parts ...func(stop <-chan struct{}) error) error {
	group, running := errgroup.WithContext(ctx)
	stop := running.Done()
	for _, part := range parts {
		before, ended := stop, make(chan struct{})
		group.Go(func() error {
			defer close(ended)
			return part(before)
		})
		stop = ended
	}
	return group.Wait()
}

// together runs parts that have no order, until it is to stop. Where one fails the
// others are stopped too.
func together(stop <-chan struct{}, parts ...func(stop <-chan struct{}) error) error {
	group, failed := errgroup.WithContext(context.Background())
	running, end := context.WithCancel(failed)
	defer end()
	go func() {
		select {
		case <-stop:
			end()
		case <-running.Done():
		}
	}()
	for _, part := range parts {
		group.Go(func() error { return part(running.Done()) })
	}
	return group.Wait()
}

// errEnded says that a part of the service ended although nobody stopped it.
var errEnded = errors.New("a part of the service ended by itself")

// serveUntil runs serve, and halt when it is to stop. It returns when both have
// ended.
func serveUntil(stop <-chan struct{}, serve func() error, halt func()) error {
	ended := make(chan error, 1)
	go func() { ended <- serve() }()
	select {
	case err := <-ended:
		halt() // gives back what it holds
		if err == nil {
			err = errEnded
		}
		return err
	case <-stop:
		halt()
		return <-ended
	}
}

// serveHTTP serves in plain text where secure is nil.
func serveHTTP(stop <-chan struct{}, l net.Listener, secure *tls.Config, h http.Handler, logger *slog.Logger) error {
	server := &http.Server{
		Handler:           h,
		TLSConfig:         secure,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	begin := server.Serve
	if secure != nil {
		begin = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
	}
	serve := func() error {
		if err := begin(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
	return serveUntil(stop, serve, func() {
		ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close() // cuts what would not end
		}
	})
}
