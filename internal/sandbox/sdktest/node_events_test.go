package sdktest_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/sandbox"
	"github.com/orgmirror/orgmirror/internal/sandbox/sdktest/nodesdk"
)

// types collects the types of the events that have come, until every event of
// the sandbox has ended.
func types(n *nodesdk.SDK, k *kit) []string {
	k.t.Helper()
	for i, end := range k.settled() {
		if end != "delivered 1" {
			e := k.Events(k.AppID())[i]
			k.t.Errorf("%s: %s, %+v", e.Type, end, e.Attempts)
		}
	}
	// What the SDK has answered for, it has printed, or is about to.
	var types []string
	for range k.Events(k.AppID()) {
		var event struct {
			Type string `json:"event_type"`
		}
		select {
		case raw := <-n.Events:
			if err := json.Unmarshal(raw, &event); err != nil {
				k.t.Fatal(err)
			}
			types = append(types, event.Type)
		case <-time.After(30 * time.Second):
			k.t.Fatalf("%d of %d events came", len(types), len(k.Events(k.AppID())))
		}
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// The Node SDK's dispatcher takes the challenge and every type of event, sealed.
func TestNodeDispatcherTakesEveryType(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{Delivery: sandbox.Delivery{RetryScale: 1e-3}})
	node := startNode(t, k.Server, "ENCRYPT_KEY=key", "VERIFICATION_TOKEN=tok")
	listening := node.Do(object{"listen": true})
	if !listening.OK {
		t.Fatal(listening.Error)
	}
	must(t, k.Subscribe(t.Context(), k.AppID(), sandbox.Subscription{
		Mode: sandbox.ModeWebhook, URL: listening.URL, VerificationToken: "tok", EncryptKey: "key",
	}))
	live(t, k)
	if diff := cmp.Diff(everyType, types(node, k)); diff != "" {
		t.Errorf("types that came mismatch (-want +got)\n%s", diff)
	}
}

// The Node SDK's long connection takes every type of event, and comes back after
// its socket was dropped.
func TestNodeConnectionTakesEveryType(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{Delivery: eager()})
	node := startNode(t, k.Server)
	if r := node.Do(object{"connect": true}); !r.OK {
		t.Fatal(r.Error)
	}
	k.online(1)
	must(t, k.Subscribe(t.Context(), k.AppID(), long))
	live(t, k)
	if diff := cmp.Diff(everyType, types(node, k)); diff != "" {
		t.Errorf("types that came mismatch (-want +got)\n%s", diff)
	}
	if n, err := k.BreakConnections(k.AppID(), sandbox.SocketDropped); n != 1 || err != nil {
		t.Fatalf("dropped %d connections: %v", n, err)
	}
	k.online(1)
	before := len(k.Events(k.AppID()))
	k.hire("陈静")
	for i, end := range k.settled() {
		if i >= before && !strings.HasPrefix(end, "delivered") {
			t.Errorf("after the drop: %s", end)
		}
	}
	select {
	case <-node.Events:
	case <-time.After(30 * time.Second):
		t.Error("no event after the drop")
	}
}
