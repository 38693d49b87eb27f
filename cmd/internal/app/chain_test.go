package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// diary notes in which order things happen.
type diary struct {
	mu      sync.Mutex
	entries []string
}

func (d *diary) note(entry string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries = append(d.entries, entry)
}

// part is a part of a service that ends when it is told to, or when it fails.
func part(d *diary, name string, failure <-chan error) func(<-chan struct{}) error {
	return func(stop <-chan struct{}) error {
		defer d.note(name)
		select {
		case <-stop:
			return nil
		case err := <-failure:
			return err
		}
	}
}

func TestChain(t *testing.T) {
	t.Parallel()

	t.Run("stops its parts in order when the context ends", func(t *testing.T) {
		t.Parallel()
		var d diary
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := chain(ctx, part(&d, "a", nil), part(&d, "b", nil), part(&d, "c", nil)); err != nil {
			t.Fatal(err)
		}
		if want := []string{"a", "b", "c"}; !slices.Equal(d.entries, want) {
			t.Errorf("order %v, want %v", d.entries, want)
		}
	})

	t.Run("stops all when one fails, and says why", func(t *testing.T) {
		t.Parallel()
		var d diary
		broken := errors.New("broken")
		failure := make(chan error, 1)
		failure <- broken
		if err := chain(t.Context(), part(&d, "a", nil), part(&d, "b", failure), part(&d, "c", nil)); !errors.Is(err, broken) {
			t.Errorf("error %v, want %v", err, broken)
		}
		if len(d.entries) != 3 || slices.Index(d.entries, "b") > slices.Index(d.entries, "c") {
			t.Errorf("order %v, want b before c", d.entries)
		}
	})
}

func TestServeUntil(t *testing.T) {
	t.Parallel()

	t.Run("halts what serves and waits for its end", func(t *testing.T) {
		t.Parallel()
		stop, halted := make(chan struct{}), make(chan struct{})
		close(stop)
		err := serveUntil(stop, func() error { <-halted; return io.EOF }, func() { close(halted) })
		if !errors.Is(err, io.EOF) {
			t.Errorf("error %v, want what serve returned", err)
		}
	})

	t.Run("does not take an end for a success that nobody asked for", func(t *testing.T) {
		t.Parallel()
		if err := serveUntil(make(chan struct{}), func() error { return nil }, func() {}); !errors.Is(err, errEnded) {
			t.Errorf("error %v, want %v", err, errEnded)
		}
	})
}

// A request that is under way when the service is stopped gets its answer.
func TestServeHTTPAnswersWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked, answer, stop := make(chan struct{}), make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-answer
		_, _ = w.Write([]byte("answered"))
	})
	served := make(chan error, 1)
	go func() { served <- serveHTTP(stop, l, nil, handler, slog.New(slog.DiscardHandler)) }()

	got := make(chan string, 1)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	go func() {
		req, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+l.Addr().String(), nil)
		r, err := client.Do(req)
		if err != nil {
			got <- err.Error()
			return
		}
		defer r.Body.Close()
		body, _ := io.ReadAll(r.Body)
		got <- string(body)
	}()
	<-asked
	close(stop)
	for { // until the shutdown has begun
		var d net.Dialer
		conn, err := d.DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			break
		}
		_ = conn.Close()
	}
	close(answer)
	if text := <-got; text != "answered" {
		t.Errorf("answer %q", text)
	}
	if err := <-served; err != nil {
		t.Errorf("serveHTTP: %v", err)
	}
}
