package query_test

import (
	"testing"

	"github.com/orgmirror/orgmirror/internal/query"
	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// A service that started before anything was mirrored learns whom it mirrors.
func TestServiceLearnsTheCompanyFromTheLog(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *query.Config) { cfg.TenantKey = "" })
	users := func() int64 {
		status, err := b.sync.GetSyncStatus(as(t, "reads"), &pb.GetSyncStatusRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return status.GetCounts().GetUsers()
	}
	if n := users(); n != 0 {
		t.Errorf("%d users on an empty log", n)
	}
	b.exec(t, fixture(t, "small"))
	if n := users(); n == 0 {
		t.Error("no users when the log has an owner")
	}
}
