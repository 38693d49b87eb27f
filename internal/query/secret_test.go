package query_test

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/orgmirror/orgmirror/internal/query"
	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// A client of a file is known by its secret, and the file does not hold it.
func TestHashedClient(t *testing.T) {
	t.Parallel()
	secret, hash := query.GenerateSecret()
	if strings.Contains(hash, secret) {
		t.Fatal("the hash holds the secret")
	}
	own := "0123456789abcdefghijklmnopqrstuv"
	ownHash, err := query.HashSecret(own)
	if err != nil {
		t.Fatal(err)
	}
	// Made by something else, with a salt of eight bytes: it is LDAP's scheme.
	foreign := sha256.Sum256([]byte(own + "saltsalt"))
	foreignHash := "{SSHA256}" + base64.StdEncoding.EncodeToString(append(foreign[:], "saltsalt"...))

	specs := []query.ClientSpec{
		{ID: "generated", Hash: hash, Roles: []query.Role{query.RoleReader}},
		{ID: "own", Hash: ownHash, Roles: []query.Role{query.RoleReader}},
		{ID: "foreign", Hash: foreignHash, Roles: []query.Role{query.RoleReader}},
	}
	b := setup(t, func(c *query.Config) {
		c.Clients = nil
		for _, spec := range specs {
			client, err := query.NewHashedClient(spec)
			if err != nil {
				t.Fatal(err)
			}
			c.Clients = append(c.Clients, client)
		}
	}, "small")
	for id, right := range map[string]string{"generated": secret, "own": own, "foreign": own} {
		if _, err := b.users.GetUser(with(t, "Bearer "+id+":"+right), &pb.GetUserRequest{User: "ou_ann"}); err != nil {
			t.Errorf("%s: %v", id, err)
		}
		for _, wrong := range []string{right + "x", right[1:], "", hash, ownHash} {
			_, err := b.users.GetUser(with(t, "Bearer "+id+":"+wrong), &pb.GetUserRequest{User: "ou_ann"})
			wantError(t, err, codes.Unauthenticated, "CREDENTIALS_INVALID")
		}
	}
}

func TestHashSecretRefusesWhatCanBeGuessed(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 32)
	for _, secret := range []string{"", "short", strings.Repeat("x", 31), long + ":", long + ",", long + "\n", strings.Repeat("x", 513)} {
		if _, err := query.HashSecret(secret); err == nil {
			t.Errorf("%q was hashed", secret)
		}
	}
	a, errA := query.HashSecret(long)
	b, errB := query.HashSecret(long)
	if errA != nil || errB != nil || a == b {
		t.Errorf("two hashes of one secret are %q, %q, %v, %v: not salted", a, b, errA, errB)
	}
}

func TestNewHashedClientRefusesWhatIsNoHash(t *testing.T) {
	t.Parallel()
	for _, hash := range []string{"", "secret", "{SSHA256}", "{SSHA256}!", "{SSHA256}c2hvcnQ=", "{SSHA}" + strings.Repeat("A", 64)} {
		_, err := query.NewHashedClient(query.ClientSpec{ID: "a", Hash: hash, Roles: []query.Role{query.RoleReader}})
		if err == nil || !strings.Contains(err.Error(), "hash-secret") || strings.Contains(err.Error(), "c2hvcnQ") {
			t.Errorf("%q: %v", hash, err)
		}
	}
}
