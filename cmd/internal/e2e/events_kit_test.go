package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/feishu/callback"
	"github.com/orgmirror/orgmirror/internal/feishu/callback/callbacktest"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

var secrets = callback.Secrets{VerificationToken: "v3rification", EncryptKey: "3ncrypt"}

// webhook are the settings of a service that Feishu calls.
func webhook(token, key string) []string {
	return append(anyPort[:len(anyPort):len(anyPort)],
		"MIRROR_API_CLIENTS="+client+":reader", "MIRROR_FEISHU_VERIFICATION_TOKEN="+token, "MIRROR_FEISHU_ENCRYPT_KEY="+key)
}

// deliver sends an event as Feishu does, and says what came back. An event's
// fields are those of its body.
func deliver(t *testing.T, address string, plain []byte) (status int, body string) {
	t.Helper()
	req, err := callbacktest.Request(t.Context(), "http://"+address+"/webhook/event", secrets, plain, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// event is one of Feishu's events of the sandbox's company.
func event(server *sandbox.Server, id, eventType string, at time.Time, body map[string]any) []byte {
	text, err := json.Marshal(map[string]any{
		"schema": "2.0",
		"header": map[string]any{
			"event_id": id, "event_type": eventType, "create_time": fmt.Sprint(at.UnixMilli()), "token": secrets.VerificationToken,
			"app_id": server.AppID(), "tenant_key": server.Truth().Tenant.TenantKey,
		},
		"event": body,
	})
	if err != nil {
		panic(err) // strings always can be marshalled
	}
	return text
}

func renamed(server *sandbox.Server, id, openID, name string, at time.Time) []byte {
	return event(server, id, "contact.user.updated_v3", at, map[string]any{
		"object": map[string]any{"open_id": openID, "name": name}, "old_object": map[string]any{"name": "?"},
	})
}
