package query_test

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/orgmirror/orgmirror/internal/query"
	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// grow appends records to the log as the log would, without the projector.
func (b *bundle) grow(t *testing.T, n int) {
	t.Helper()
	b.exec(t, `
WITH head AS (
    UPDATE mirror.event_log_head SET position = position + $1, recorded_at = clock_timestamp() RETURNING position
)
INSERT INTO mirror.event_log (position, recorded_at, occurred_at, tenant_key, app_id, event_id, payload)
SELECT i, clock_timestamp(), now(), 't', 'app', 'e' || i, '{}'
FROM head, generate_series(head.position - $1 + 1, head.position) AS i`, n)
}

// project moves the checkpoint as the projector would.
func (b *bundle) project(t *testing.T, position int64) {
	t.Helper()
	b.exec(t, `UPDATE mirror.checkpoint SET position = $1 WHERE consumer = 'core'`, position)
}

// tokenAt makes the consistency token of a position by moving the checkpoint
// there and back.
func (b *bundle) tokenAt(t *testing.T, position, back int64) string {
	t.Helper()
	b.project(t, position)
	defer b.project(t, back)
	got, err := b.sync.GetSyncStatus(as(t, "reads"), &pb.GetSyncStatusRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if got.GetPosition() != position {
		t.Fatalf("position = %d, want %d", got.GetPosition(), position)
	}
	return got.GetConsistencyToken()
}

func TestAnswersSayHowOldTheyAre(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small")
	get := func() *pb.GetUserResponse {
		t.Helper()
		got, err := b.users.GetUser(as(t, "reads"), &pb.GetUserRequest{User: "ou_ann"})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	recorded := func(position int) time.Time { return time.Date(2026, 1, 1, 0, 0, position, 0, time.UTC) }

	got := get() // at the head
	if got.GetPosition() != 100 || got.GetStaleness().AsDuration() != 0 || !got.GetMirroredAt().AsTime().Equal(recorded(100)) {
		t.Errorf("at the head: %d, %v, %v", got.GetPosition(), got.GetStaleness(), got.GetMirroredAt())
	}
	confirmed := got.GetUpstreamConfirmedAt().AsTime()
	if age := time.Since(confirmed); age < 50*time.Minute || age > 70*time.Minute {
		t.Errorf("upstream_confirmed_at is %v old, want the start of the last complete sweep, an hour ago", age)
	}

	b.grow(t, 2) // now behind by two records
	got = get()
	if d := got.GetStaleness().AsDuration(); got.GetPosition() != 100 || d <= 0 || d > time.Minute {
		t.Errorf("behind: position %d, staleness %v", got.GetPosition(), d)
	}
	b.project(t, 101)
	got = get()
	if d := got.GetStaleness().AsDuration(); got.GetPosition() != 101 || d <= 0 || !got.GetMirroredAt().AsTime().After(recorded(100)) {
		t.Errorf("behind by one: position %d, staleness %v, mirrored_at %v", got.GetPosition(), d, got.GetMirroredAt())
	}
	b.project(t, 102)
	if got = get(); got.GetPosition() != 102 || got.GetStaleness().AsDuration() != 0 {
		t.Errorf("at the head again: position %d, staleness %v", got.GetPosition(), got.GetStaleness())
	}

	b.project(t, 60) // as it was before the second sweep was complete
	got = get()
	if age := time.Since(got.GetUpstreamConfirmedAt().AsTime()); age < 170*time.Minute {
		t.Errorf("at position 60 the last complete sweep is %v old, want three hours", age)
	}
	b.project(t, 40)
	if got = get(); got.GetUpstreamConfirmedAt() != nil {
		t.Errorf("at position 40 there was no complete sweep, got %v", got.GetUpstreamConfirmedAt())
	}
}

func TestAtLeastAsFresh(t *testing.T) {
	t.Parallel()
	const patience = 300 * time.Millisecond
	patient := func(c *query.Config) { c.MaxWait = time.Minute }
	impatient := func(c *query.Config) { c.MaxWait = patience }

	t.Run("is answered at once where the mirror is far enough", func(t *testing.T) {
		t.Parallel()
		b := setup(t, patient, "small")
		for _, position := range []int64{0, 50, 100} {
			token := b.tokenAt(t, position, 100)
			got, err := b.users.GetUser(as(t, "reads"), &pb.GetUserRequest{User: "ou_ann", AtLeastAsFresh: token})
			if err != nil || got.GetPosition() != 100 {
				t.Errorf("as fresh as %d = %d, %v", position, got.GetPosition(), err)
			}
		}
	})

	t.Run("waits for the projector", func(t *testing.T) {
		t.Parallel()
		b := setup(t, patient, "small")
		b.grow(t, 5)
		token := b.tokenAt(t, 103, 100)
		answered := make(chan error, 1)
		go func() {
			got, err := b.users.ListDepartmentUsers(as(t, "reads"), &pb.ListDepartmentUsersRequest{Department: "od-a", AtLeastAsFresh: token})
			if err == nil && got.GetPosition() < 103 {
				t.Errorf("position = %d, want 103 at least", got.GetPosition())
			}
			answered <- err
		}()
		b.project(t, 102)
		select {
		case err := <-answered:
			t.Errorf("answered at position 102: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
		b.project(t, 104)
		if err := <-answered; err != nil {
			t.Error(err)
		}
	})

	t.Run("gives up and says how far behind", func(t *testing.T) {
		t.Parallel()
		b := setup(t, impatient, "small", "resources")
		b.grow(t, 5)
		token := b.tokenAt(t, 105, 101)
		for name, call := range everyRead(t, b, token) {
			_, err := call(as(t, "reads"))
			info := wantError(t, err, codes.Unavailable, "NOT_FRESH_ENOUGH")
			if m := info.GetMetadata(); m["position"] != "101" || m["asked_position"] != "105" || m["behind"] != "4" {
				t.Errorf("%s: metadata = %v", name, m)
			}
		}
	})

	t.Run("gives up in time for the caller to hear why", func(t *testing.T) {
		t.Parallel()
		b := setup(t, patient, "small")
		b.grow(t, 5)
		token := b.tokenAt(t, 105, 100)
		ctx, cancel := context.WithTimeout(as(t, "reads"), 2*time.Second)
		defer cancel()
		_, err := b.users.GetUser(ctx, &pb.GetUserRequest{User: "ou_ann", AtLeastAsFresh: token})
		wantError(t, err, codes.Unavailable, "NOT_FRESH_ENOUGH")
	})

	t.Run("unknown ids wait too, before they are not found", func(t *testing.T) {
		t.Parallel()
		b := setup(t, impatient, "small", "resources")
		b.grow(t, 1)
		token := b.tokenAt(t, 101, 100)
		_, err := b.users.GetUser(as(t, "reads"), &pb.GetUserRequest{User: "ou_new", AtLeastAsFresh: token})
		wantError(t, err, codes.Unavailable, "NOT_FRESH_ENOUGH")
	})

	t.Run("a token of another log is refused", func(t *testing.T) {
		t.Parallel()
		b := setup(t, patient, "small", "resources")
		token := b.tokenAt(t, 100, 100)
		b.exec(t, `UPDATE mirror.event_log_head SET log_id = gen_random_uuid()`)
		for _, call := range everyRead(t, b, token) {
			_, err := call(as(t, "reads"))
			wantField(t, err, "FOREIGN_LOG", "at_least_as_fresh")
		}
	})

	t.Run("what is no token is refused", func(t *testing.T) {
		t.Parallel()
		b := setup(t, patient, "small")
		token := b.tokenAt(t, 100, 100)
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			t.Fatal(err)
		}
		raw[20]++ // another position
		for _, bad := range []string{"x", token + "A", token[1:], strings.ToUpper(token), base64.RawURLEncoding.EncodeToString(raw)} {
			_, err := b.users.GetUser(as(t, "reads"), &pb.GetUserRequest{User: "ou_ann", AtLeastAsFresh: bad})
			wantField(t, err, "CONSISTENCY_TOKEN_INVALID", "at_least_as_fresh")
		}
	})
}
