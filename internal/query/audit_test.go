package query_test

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/orgmirror/orgmirror/internal/query"
	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// audited are the lines of the audit in the log.
func audited(t *testing.T, b *bundle) (found []map[string]any) {
	t.Helper()
	for line := range strings.Lines(b.logged.String()) {
		var attrs map[string]any
		if err := json.Unmarshal([]byte(line), &attrs); err != nil {
			t.Fatal(err)
		}
		if attrs["msg"] == "withheld fields read" {
			delete(attrs, "time")
			found = append(found, attrs)
		}
	}
	return found
}

func TestAudit(t *testing.T) {
	t.Parallel()
	quiet := func(b *bundle) func(*query.Config) {
		return func(c *query.Config) { // errors only; the audit is there nonetheless
			c.Logger = slog.New(slog.NewJSONHandler(b.logged, &slog.HandlerOptions{Level: slog.LevelError}))
		}
	}

	t.Run("has a line for each answer with withheld fields, and no more", func(t *testing.T) {
		t.Parallel()
		logged := &bundle{logged: &lines{}}
		b := setup(t, quiet(logged), "small")
		b.logged = logged.logged
		got, err := b.users.ListDepartmentUsers(as(t, "sees"), &pb.ListDepartmentUsersRequest{Department: "0", Recursive: true})
		if err != nil {
			t.Fatal(err)
		}
		people := 0
		for _, u := range got.GetUsers() {
			if u.Mobile != nil || u.Email != nil || u.EnterpriseEmail != nil || u.EmployeeNo != nil || u.Gender != nil || u.CustomAttrs != nil {
				people++
			}
		}
		if people < 2 {
			t.Fatalf("%d people have withheld fields: nothing is tested", people)
		}
		diff(t, "audit", audited(t, b), []map[string]any{{
			"level": "INFO", "msg": "withheld fields read", "client": "sees", "tenant": "t",
			"method": "/orgmirror.v1.DirectoryService/ListDepartmentUsers", "entities": float64(people), "position": float64(got.GetPosition()),
		}})
	})

	t.Run("has none where nothing withheld was read", func(t *testing.T) {
		t.Parallel()
		logged := &bundle{logged: &lines{}}
		b := setup(t, quiet(logged), "small", "resources")
		b.logged = logged.logged
		for _, call := range everyRead(t, b, "") {
			if _, err := call(as(t, "reads")); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := b.users.GetUser(as(t, "sees"), &pb.GetUserRequest{User: "ou_ann", ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"name"}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.users.GetUser(as(t, "sees"), &pb.GetUserRequest{User: "ou_nobody"}); err == nil {
			t.Fatal("nobody was found")
		}
		diff(t, "audit", audited(t, b), []map[string]any(nil))
	})

	// A stream that is added has to be taught to the audit.
	t.Run("sees every call", func(t *testing.T) {
		t.Parallel()
		for _, service := range []grpc.ServiceDesc{pb.DirectoryService_ServiceDesc, pb.SyncService_ServiceDesc} {
			for _, stream := range service.Streams {
				t.Errorf("%s streams, and what it sends is not audited: count it in observedStream.SendMsg", stream.StreamName)
			}
		}
	})
}
