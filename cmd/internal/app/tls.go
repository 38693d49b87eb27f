package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	"github.com/orgmirror/orgmirror/cmd/internal/config"
)

// lookAtFiles is how often certificates are looked at for newer ones.
const lookAtFiles = time.Second

// certificates are the files that a listener speaks TLS with. They are read again
// when they change, so that a renewal needs no restart; where the new ones are of
// no use, the old ones stay, and the log says why.
type certificates struct {
	cert, key, clientCA string
	protocols           []string
	logger              *slog.Logger

	mu     sync.Mutex
	looked time.Time
	stamps [3]stamp
	now    *tls.Config
}

// stamp tells one version of a file from the next.
type stamp struct {
	modified time.Time
	size     int64
}

// serverTLS is how a listener speaks TLS with the protocols named; nil where
// nobody wants it to.
func serverTLS(cfg config.Config, logger *slog.Logger, protocols ...string) (*tls.Config, error) {
	if cfg.TLSCert == "" {
		return nil, nil
	}
	c := &certificates{cert: cfg.TLSCert, key: cfg.TLSKey, clientCA: cfg.TLSClientCA, protocols: protocols, logger: logger}
	now, err := c.load()
	if err != nil {
		return nil, cli.Usage(err)
	}
	c.now, c.stamps, c.looked = now, c.stampsNow(), time.Now()
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: protocols,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) { return c.current(hello.Context()), nil },
	}, nil
}

func (c *certificates) load() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %w", config.Variable("tls_cert"), config.Variable("tls_key"), err)
	}
	loaded := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: c.protocols, Certificates: []tls.Certificate{pair}}
	if c.clientCA == "" {
		return loaded, nil
	}
	if loaded.ClientCAs, err = certPool(c.clientCA); err != nil {
		return nil, fmt.Errorf("%s: %w", config.Variable("tls_client_ca"), err)
	}
	loaded.ClientAuth = tls.RequireAndVerifyClientCert
	return loaded, nil
}

// certPool reads a file of CA certificates.
func certPool(path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New(path + " holds no certificate in PEM")
	}
	return pool, nil
}

func (c *certificates) stampsNow() (stamps [3]stamp) {
	for i, path := range []string{c.cert, c.key, c.clientCA} {
		if info, err := os.Stat(path); err == nil {
			stamps[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return stamps
}

// current is what holds for a connection that begins.
func (c *certificates) current(ctx context.Context) *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) < lookAtFiles {
		return c.now
	}
	c.looked = time.Now()
	stamps := c.stampsNow()
	if stamps == c.stamps {
		return c.now
	}
	loaded, err := c.load()
	c.stamps = stamps // also of bad ones: they are complained of once
	if err != nil {
		c.logger.LogAttrs(ctx, slog.LevelError, "the new certificates are of no use, those before stay", slog.Any("error", err))
		return c.now
	}
	c.now = loaded
	c.logger.LogAttrs(ctx, slog.LevelInfo, "certificates read again")
	return c.now
}

// ClientTLS is how a command speaks TLS with the service; nil where in plain text.
func ClientTLS(cfg config.Config) (*tls.Config, error) {
	if !cfg.TLS {
		return nil, nil
	}
	client := &tls.Config{MinVersion: tls.VersionTLS12}
	var err error
	if cfg.CA != "" {
		if client.RootCAs, err = certPool(cfg.CA); err != nil {
			return nil, cli.Usage(fmt.Errorf("%s: %w", config.Variable("ca"), err))
		}
	}
	if cfg.ClientCert != "" {
		pair, err := tls.LoadX509KeyPair(cfg.ClientCert, cfg.ClientKey)
		if err != nil {
			return nil, cli.Usage(fmt.Errorf("%s, %s: %w", config.Variable("client_cert"), config.Variable("client_key"), err))
		}
		client.Certificates = []tls.Certificate{pair}
	}
	return client, nil
}
