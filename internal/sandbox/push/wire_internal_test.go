package push

import (
	"bytes"
	"crypto/aes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The vectors are Feishu's and those that its Go SDK has computed.
func TestEncryptionAndSignature(t *testing.T) {
	t.Parallel()
	const key = "test key"
	raw, err := base64.StdEncoding.DecodeString("P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk=")
	if err != nil {
		t.Fatal(err)
	}
	var iv [aes.BlockSize]byte
	copy(iv[:], raw)
	if got := encrypt(key, iv, []byte("hello world")); got != base64.StdEncoding.EncodeToString(raw) {
		t.Errorf("the official vector comes out as %s", got)
	}
	for i := range iv {
		iv[i] = byte(i)
	}
	sealed := encrypt(key, iv, []byte(`{"challenge":"ajls384kdjx98XX","token":"tok","type":"url_verification"}`))
	const want = "AAECAwQFBgcICQoLDA0ODw9mLTIAZS9jAmGTQ1wAhHpnBHVL2wRjH9rPunQdQC1v1wnGszlD6pzGWbmfwGjKe8in4C1SfsH3pnQ8Q7GQiLxmfXNpU+X69csHk4sl1//y"
	if sealed != want {
		t.Errorf("challenge comes out as %s", sealed)
	}
	if got := sign("1700000000", "n0nce", key, []byte(`{"encrypt":"`+want+`"}`)); got != "9637774487e7dc4ff37134e20220de28457792bc3cac543e8f923cf7c42ec3fb" {
		t.Errorf("signature %s", got)
	}
}

func TestFrames(t *testing.T) {
	t.Parallel()
	data := frame{
		SeqID: 1, LogID: 2, Service: 33, Method: dataFrame, Payload: []byte("{}"),
		Headers: []frameHeader{{"type", "event"}, {"message_id", "m1"}, {"sum", "1"}, {"seq", "0"}},
	}
	for sample, want := range map[string]frame{
		"08001000182120002a0c0a0474797065120470696e6732003a004a00":                                                                                       {Service: 33, Headers: []frameHeader{{"type", "ping"}}},
		"08011002182120012a0d0a047479706512056576656e742a100a0a6d6573736167655f696412026d312a080a0373756d1201312a080a0373657112013032003a0042027b7d4a00": data,
	} {
		raw, err := hex.DecodeString(sample)
		if err != nil {
			t.Fatal(err)
		}
		if got := want.encode(); !bytes.Equal(got, raw) {
			t.Errorf("%+v encodes to\n%x, want\n%s", want, got, sample)
		}
		got, err := decodeFrame(raw)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("decoded %v, mismatch (-want +got)\n%s", err, diff)
		}
	}
	negative := frame{Service: -1, Method: -2}
	if got, err := decodeFrame(negative.encode()); err != nil || got.Service != -1 || got.Method != -2 {
		t.Errorf("negative numbers come back as %+v, %v", got, err)
	}
	for name, raw := range map[string]string{
		"nothing": "", "no LogID": "080018212000", "cut": "0801100218212001420a7b", "no tag": "ff",
		"a header that is none": "08001000182120002a0209ff",
	} {
		b, err := hex.DecodeString(raw)
		if err != nil {
			t.Fatal(err)
		}
		if f, err := decodeFrame(b); err == nil {
			t.Errorf("%s decodes to %+v", name, f)
		}
	}
	// A field of another kind, from a younger client, is passed over.
	if f, err := decodeFrame(append(data.encode(), 0x55, 1, 2, 3, 4)); err != nil || f.SeqID != 1 {
		t.Errorf("with an unknown field: %+v, %v", f, err)
	}
}

func FuzzDecodeFrame(f *testing.F) {
	seed := frame{SeqID: 1, Headers: []frameHeader{{"a", "b"}}, Payload: []byte("x")}
	f.Add(seed.encode())
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := decodeFrame(raw)
		if err != nil {
			return
		}
		again, err := decodeFrame(got.encode())
		if diff := cmp.Diff(got, again); err != nil || len(got.Payload) > 0 && diff != "" {
			t.Errorf("%v, mismatch (-first +again)\n%s", err, diff)
		}
	})
}

func TestEnvelopes(t *testing.T) {
	t.Parallel()
	e := Event{
		ID: "e1", Type: "contact.user.created_v3", Created: time.Unix(1502199207, 717_171_912),
		Tenant: "t1", Payload: json.RawMessage(`{"object":{}}`),
	}
	const want = `{"schema":"2.0","header":{"event_id":"e1","event_type":"contact.user.created_v3","create_time":"1502199207717",` +
		`"token":"tok","app_id":"cli_a","tenant_key":"t1"},"event":{"object":{}}}`
	if got := string(e.envelope("cli_a", "tok")); got != want {
		t.Errorf("envelope\n%s, want\n%s", got, want)
	}
	e.Legacy = true
	const legacy = `{"ts":"1502199207.7171719","uuid":"e1","token":"tok","type":"event_callback","event":{"object":{}}}`
	if got := string(e.envelope("cli_a", "tok")); got != legacy {
		t.Errorf("old envelope\n%s, want\n%s", got, legacy)
	}
}

func TestReplace(t *testing.T) {
	t.Parallel()
	const raw = `{"object":{"name":"王","orders":[{"user_order":1},{"user_order":2}]},"old_object":null}`
	for _, c := range []struct{ path, value, want string }{
		{"object.name", `7`, `{"object":{"name":7,"orders":[{"user_order":1},{"user_order":2}]},"old_object":null}`},
		{"object.orders.1.user_order", `"x"`, `{"object":{"name":"王","orders":[{"user_order":1},{"user_order":"x"}]},"old_object":null}`},
		{"object", `[]`, `{"object":[],"old_object":null}`},
		{"", `1`, raw},
		{"object.email", `1`, ""},
		{"object.orders.2.user_order", `1`, ""},
		{"object.orders.x", `1`, ""},
		{"object.name.deeper", `1`, ""},
		{"old_object.name", `1`, ""},
		{"object.orders.-1", `1`, ""},
	} {
		got, ok := replace(json.RawMessage(raw), c.path, json.RawMessage(c.value))
		if want := c.want; ok != (want != "") || ok && string(got) != want || !ok && string(got) != raw {
			t.Errorf("%s = %s, %v, want %s", c.path, got, ok, want)
		}
	}
}

func TestSecretsShowNothing(t *testing.T) {
	t.Parallel()
	s := Subscription{Mode: ModeWebhook, URL: "http://h", EncryptKey: "key-k", VerificationToken: "key-t"}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", slog.Any("subscription", s), slog.Any("key", s.EncryptKey))
	for _, shown := range []string{string(marshal(s)), fmt.Sprint(s), fmt.Sprintf("%+v %#v %q", s, s, s.EncryptKey), log.String()} {
		if strings.Contains(shown, "key-k") || strings.Contains(shown, "key-t") || !strings.Contains(shown, hiddenSecret) {
			t.Errorf("shown: %s", shown)
		}
	}
	var read Subscription
	if err := json.Unmarshal([]byte(`{"encrypt_key":"k"}`), &read); err != nil || read.EncryptKey != "k" {
		t.Errorf("read as %q, %v", string(read.EncryptKey), err)
	}
	if got := string(marshal(Subscription{})); got != `{"mode":""}` {
		t.Errorf("no secret is shown as %s", got)
	}
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	waits := func(s Settings, quick bool) (all []time.Duration) {
		for failed := 1; ; failed++ {
			wait, more := s.wait(failed, quick)
			if !more {
				return all
			}
			all = append(all, wait)
		}
	}
	if diff := cmp.Diff([]time.Duration{15 * time.Second, 5 * time.Minute, time.Hour, 6 * time.Hour}, waits(Settings{}, true)); diff != "" {
		t.Errorf("mismatch (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]time.Duration{300 * time.Millisecond, 3600 * time.Millisecond, 21600 * time.Millisecond}, waits(Settings{RetryScale: 0.001}, false)); diff != "" {
		t.Errorf("mismatch (-want +got)\n%s", diff)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	var h history
	for i := range 100 {
		h.add(&Record{ID: string(rune('a' + i))}, 10)
	}
	if list := h.list(10); len(list) != 10 || list[9].ID != string(rune('a'+99)) || list[0].ID != string(rune('a'+90)) || len(h.records) > 11 {
		t.Errorf("kept %d, listed %d from %s", len(h.records), len(list), list[0].ID)
	}
}
