package query_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// search reads all pages.
func search(t *testing.T, b *bundle, req *pb.SearchUsersRequest) string {
	t.Helper()
	var all []*pb.User
	for {
		got, err := b.users.SearchUsers(as(t, "reads"), req)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, got.GetUsers()...)
		if got.GetNextPageToken() == "" {
			return openIDs(all)
		}
		req = proto.CloneOf(req)
		req.PageToken = got.GetNextPageToken()
	}
}

func TestSearchUsers(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small")
	b.exec(t, `
INSERT INTO directory.users (tenant_key, open_id, name, en_name, nickname, attributes, removed_at, removed_reason, position)
VALUES ('t', 'ou_e1', 'ÉLODIE', NULL, NULL, '{}', NULL, NULL, 1),
       ('t', 'ou_e2', 'élodie durand', NULL, NULL, '{}', NULL, NULL, 1),
       ('t', 'ou_m1', 'Max', 'max', 'MAX', '{}', NULL, NULL, 1),
       ('t', 'ou_m2', 'Max', 'Other', NULL, '{}', NULL, NULL, 1),
       ('t', 'ou_m3', 'Maxim', NULL, NULL, '{}', NULL, NULL, 1),
       ('t', 'ou_m4', 'Abel', 'Maxwell', NULL, '{}', NULL, NULL, 1),
       ('t', 'ou_m5', 'Max', NULL, NULL, '{}', '2026-01-01T00:00:00Z', 'RESIGNED', 1),
       ('t', 'ou_m6', NULL, NULL, 'maxi', '{}', NULL, NULL, 1),
       ('t', 'ou_u1', '50_percent', NULL, NULL, '{}', NULL, NULL, 1),
       ('t', 'ou_u2', E'\U0001F600 smile', NULL, NULL, '{}', NULL, NULL, 1)`)

	for _, test := range []struct{ query, want string }{
		{"安", "ann"},
		{"安娜", "ann"},
		{"annie", "ann"},
		{"ANN", "ann zoe"},        // Ann exactly, Zoe by the alias Anne
		{"Anne", "zoe"},           // exact by alias
		{"robert", "bob"},         // English name
		{"  Bob\t", "bob"},        // spaces around it do not count
		{"ob", ""},                // not from the middle
		{"élodie", "e1 e2"},       // case beyond ASCII
		{"max", "m1 m2 m6 m4 m3"}, // exact first; then by name, who has none first
		{"50%", "pct"},
		{"50_", "u1"},
		{"5%", ""},
		{"%", ""},
		{"_", ""},
		{`\`, ""},
		{`50%_off\`, "pct"},
		{"' OR 1=1 --", ""},
		{"\U0001F600", "u2"},
		{"\U0010FFFF", ""},
	} {
		for _, size := range []int32{1, 2, 1000} {
			if got := search(t, b, &pb.SearchUsersRequest{Query: test.query, PageSize: size}); got != test.want {
				t.Errorf("%q by pages of %d = %q, want %q", test.query, size, got, test.want)
			}
		}
	}

	t.Run("finds who left only when asked to", func(t *testing.T) {
		t.Parallel()
		if got, want := search(t, b, &pb.SearchUsersRequest{Query: "MAX", ShowRemoved: true, PageSize: 2}), "m1 m2 m5 m6 m4 m3"; got != want {
			t.Errorf("with removed = %q, want %q", got, want)
		}
	})

	t.Run("refuses what would find nobody or everybody", func(t *testing.T) {
		t.Parallel()
		for _, query := range []string{"", "  ", "a\x00", strings.Repeat("长", 86)} {
			_, err := b.users.SearchUsers(as(t, "reads"), &pb.SearchUsersRequest{Query: query})
			wantField(t, err, "ARGUMENT_INVALID", "query")
		}
	})

	t.Run("sees nobody of another company", func(t *testing.T) {
		t.Parallel()
		if got := search(t, b, &pb.SearchUsersRequest{Query: "other", ShowRemoved: true}); got != "m2" {
			t.Errorf("found %q, want m2 only", got)
		}
	})
}
