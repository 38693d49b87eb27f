package app

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/query"
	orgmirrorv1 "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// authority is a CA of a test's own.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	path string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{path: filepath.Join(t.TempDir(), "ca.pem")}
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	must(t, err)
	a.cert, err = x509.ParseCertificate(raw)
	must(t, err)
	writePEM(t, a.path, "CERTIFICATE", raw)
	return a
}

func writePEM(t *testing.T, path, kind string, raw []byte) {
	t.Helper()
	must(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}), 0o600))
}

// issue writes a certificate for this machine, and its key, to two files.
func (a *authority) issue(t *testing.T, serial int64, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	raw, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, &private.PublicKey, a.key)
	must(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	writePEM(t, key, "PRIVATE KEY", pkcs8)
	writePEM(t, cert, "CERTIFICATE", raw)
}

// files issues a certificate into a folder of its own.
func (a *authority) files(t *testing.T, serial int64) (cert, key string) {
	t.Helper()
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	a.issue(t, serial, cert, key)
	return cert, key
}

func secureService(t *testing.T, cfg config.Config) *Service {
	t.Helper()
	client, err := query.NewClient("a", "b", query.RoleReader)
	must(t, err)
	cfg.HTTPListen, cfg.GRPCListen, cfg.MetricsListen = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	cfg.APIClients = []query.Client{client}
	s, err := OpenService(t.Context(), cfg, &Database{Pool: pgtest.DB(t)}, slog.New(slog.DiscardHandler))
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		must(t, <-served)
		must(t, s.Close())
	})
	return s
}

func askGRPC(t *testing.T, address string, transport credentials.TransportCredentials) error {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(transport))
	must(t, err)
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer a:b")
	_, err = orgmirrorv1.NewDirectoryServiceClient(conn).GetDepartment(ctx, &orgmirrorv1.GetDepartmentRequest{Department: "0"})
	return err
}

// askREST returns the serial number of the certificate that the service showed.
func askREST(t *testing.T, address string, secure *tls.Config) (serial int64, protocol string, err error) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: secure, ForceAttemptHTTP2: true, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/v1/departments/0", nil)
	must(t, err)
	request.SetBasicAuth("a", "b")
	answer, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return 0, "", fmt.Errorf("status %s", answer.Status)
	}
	return answer.TLS.PeerCertificates[0].SerialNumber.Int64(), answer.Proto, nil
}

func TestTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)

	t.Run("both ways, and nothing in plain text", func(t *testing.T) {
		t.Parallel()
		var cfg config.Config
		cfg.TLSCert, cfg.TLSKey = ca.files(t, 2)
		s := secureService(t, cfg)
		trusting, err := ClientTLS(config.Config{TLS: true, CA: ca.path})
		must(t, err)
		must(t, askGRPC(t, s.Addresses.GRPC, credentials.NewTLS(trusting)))
		if _, protocol, err := askREST(t, s.Addresses.HTTP, trusting.Clone()); err != nil || protocol != "HTTP/2.0" {
			t.Errorf("REST answers %s, %v", protocol, err)
		}
		if err := askGRPC(t, s.Addresses.GRPC, insecure.NewCredentials()); status.Code(err) != codes.Unavailable {
			t.Errorf("gRPC in plain text: %v", err)
		}
		stranger, err := ClientTLS(config.Config{TLS: true, CA: newAuthority(t).path})
		must(t, err)
		if err := askGRPC(t, s.Addresses.GRPC, credentials.NewTLS(stranger)); status.Code(err) != codes.Unavailable {
			t.Errorf("gRPC with a certificate that is not trusted: %v", err)
		}
	})

	t.Run("mutual", func(t *testing.T) {
		t.Parallel()
		var cfg config.Config
		cfg.TLSCert, cfg.TLSKey = ca.files(t, 3)
		clients := newAuthority(t)
		cfg.TLSClientCA = clients.path
		s := secureService(t, cfg)
		for name, test := range map[string]struct {
			issuer *authority
			ok     bool
		}{"its clients'": {clients, true}, "another's": {ca, false}, "nobody's": {nil, false}} {
			settings := config.Config{TLS: true, CA: ca.path}
			if test.issuer != nil {
				settings.ClientCert, settings.ClientKey = test.issuer.files(t, 4)
			}
			secure, err := ClientTLS(settings)
			must(t, err)
			if err := askGRPC(t, s.Addresses.GRPC, credentials.NewTLS(secure)); (err == nil) != test.ok {
				t.Errorf("gRPC with a certificate of %s: %v", name, err)
			}
			if _, _, err := askREST(t, s.Addresses.HTTP, secure.Clone()); (err == nil) != test.ok {
				t.Errorf("REST with a certificate of %s: %v", name, err)
			}
		}
	})

	t.Run("renewed", func(t *testing.T) {
		t.Parallel()
		var cfg config.Config
		cfg.TLSCert, cfg.TLSKey = ca.files(t, 5)
		s := secureService(t, cfg)
		trusting, err := ClientTLS(config.Config{TLS: true, CA: ca.path})
		must(t, err)
		if serial, _, err := askREST(t, s.Addresses.HTTP, trusting.Clone()); err != nil || serial != 5 {
			t.Fatalf("certificate %d, %v, want 5", serial, err)
		}
		ca.issue(t, 6, cfg.TLSCert, cfg.TLSKey)
		eventually(t, "the new certificate is shown", func() bool {
			serial, _, err := askREST(t, s.Addresses.HTTP, trusting.Clone())
			must(t, err)
			return serial == 6
		})
		// One that is of no use is not taken.
		must(t, os.WriteFile(cfg.TLSCert, []byte("no certificate"), 0o600))
		files := &certificates{cert: cfg.TLSCert, key: cfg.TLSKey, logger: slog.New(slog.DiscardHandler), now: &tls.Config{ServerName: "before"}}
		if files.current(t.Context()).ServerName != "before" {
			t.Error("a file that is of no use was taken")
		}
		if serial, _, err := askREST(t, s.Addresses.HTTP, trusting.Clone()); err != nil || serial != 6 {
			t.Errorf("certificate %d, %v, want 6 still", serial, err)
		}
	})
}
