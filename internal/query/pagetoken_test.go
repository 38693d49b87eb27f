package query

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// FuzzPageToken reads anything as a page token. It must be refused as an invalid
// argument, or hold a key that can be sent to the database.
func FuzzPageToken(f *testing.F) {
	now := moment{logID: [16]byte{1, 2, 3}}
	request := func(token string) *pb.ListDepartmentChildrenRequest {
		return &pb.ListDepartmentChildrenRequest{Department: "od-a", PageToken: token}
	}
	p, err := pagingOf[childKey]("t", request(""))
	if err != nil {
		f.Fatal(err)
	}
	good, err := p.token(now, childKey{Order: "10.5", ID: "od-x"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, []byte(`{"n":"1","d":"od-a"}`))
	f.Add("", []byte(`{"n":"NaN","d":"od-a"}`))
	f.Add("AQ", []byte(`{"n":"1e999999","d":"\u0000"}`))
	f.Add(good[:len(good)-1], []byte(`null`))
	f.Add(strings.Repeat("A", 200), []byte(`{"n":1}`))
	f.Fuzz(func(t *testing.T, token string, key []byte) {
		check := func(token string) {
			p, err := pagingOf[childKey]("t", request(token))
			var refused *failure
			switch {
			case errors.As(err, &refused):
				if codeOf[refused.reason] != codes.InvalidArgument {
					t.Fatalf("token %q: %v, want an invalid argument", token, err)
				}
			case err != nil:
				t.Fatalf("token %q: %v", token, err)
			case p.after != nil && (strings.ContainsRune(p.after.ID, 0) || !orderNumber.MatchString(p.after.Order)):
				t.Fatalf("token %q was taken, with the key %q", token, *p.after)
			}
		}
		check(token)
		// The digest is no secret: whoever reads this code can make it for any key.
		forged := append([]byte{pageTokenVersion}, make([]byte, 16)...)
		p, err := pagingOf[childKey]("t", request(""))
		if err != nil {
			t.Fatal(err)
		}
		forged = append(append(forged, p.digest(key)...), key...)
		check(base64.RawURLEncoding.EncodeToString(forged))
	})
}

func TestPageTokenBindsTenant(t *testing.T) {
	t.Parallel()
	req := &pb.SearchUsersRequest{Query: "a"}
	p, err := pagingOf[foundKey]("t", req)
	if err != nil {
		t.Fatal(err)
	}
	key := foundKey{Part: 1, Key: "安", ID: "ou_a"}
	if req.PageToken, err = p.token(moment{}, key); err != nil {
		t.Fatal(err)
	}
	again, err := pagingOf[foundKey]("t", req)
	if err != nil || *again.after != key {
		t.Errorf("read back %+v, %v, want %+v", again.after, err, key)
	}
	var refused *failure
	if _, err := pagingOf[foundKey]("other", req); !errors.As(err, &refused) || refused.reason != reasonPageTokenMismatch {
		t.Errorf("another tenant: %v, want a mismatch", err)
	}
}

func TestEveryReasonHasACode(t *testing.T) {
	t.Parallel()
	for r, code := range codeOf {
		f := &failure{reason: r, message: "m", field: "f"}
		st := f.status()
		if st.Code() != code || code == codes.OK || code == codes.Unknown || len(st.Details()) != 2 {
			t.Errorf("%s = %v with %d details", r, st.Code(), len(st.Details()))
		}
		if _, err := json.Marshal(st.Proto()); err != nil {
			t.Error(err)
		}
	}
}
