// Package nodesdk runs Feishu's official Node SDK for tests: against the sandbox,
// and against what answers as Feishu does.
package nodesdk

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"
)

// SDK is the official Node SDK in a process of its own, driven by lines of JSON;
// node/drive.cjs says which.
type SDK struct {
	Events chan json.RawMessage // that its dispatcher was given

	t       testing.TB
	input   io.WriteCloser
	replies chan Reply
	ended   chan struct{}
	stderr  bytes.Buffer
}

// Reply is what one command came to.
type Reply struct {
	OK     bool              `json:"ok"`
	Status int               `json:"status"`
	Error  string            `json:"error"`
	URL    string            `json:"url"`
	Pages  []json.RawMessage `json:"pages"`
	Body   Body              `json:"body"`
	Event  json.RawMessage   `json:"event"`
}

// Body is an answer's; one that is no object is Msg.
type Body struct {
	Code int             `json:"code"`
	Msg  string          `json:"msg"`
	Data json.RawMessage `json:"data"`
}

// UnmarshalJSON reads either.
func (b *Body) UnmarshalJSON(raw []byte) error {
	if json.Unmarshal(raw, &b.Msg) == nil {
		return nil
	}
	type fields Body
	return json.Unmarshal(raw, (*fields)(b))
}

// Start runs the SDK against a service, as an app. Where Node or the SDK is not
// installed the test is skipped, except in CI, which installs both.
func Start(t testing.TB, url, appID, appSecret string, env ...string) *SDK {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	folder := filepath.Join(filepath.Dir(filepath.Dir(here)), "node")
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(folder, "node_modules", "@larksuiteoapi", "node-sdk"))
	}
	if err != nil {
		message := "the Node SDK is not here: install Node.js, then npm install --no-package-lock --prefix internal/sandbox/sdktest/node"
		if os.Getenv("CI") != "" {
			t.Fatal(message)
		}
		t.Skip(message)
	}
	n := &SDK{t: t, replies: make(chan Reply), Events: make(chan json.RawMessage, 1024), ended: make(chan struct{})}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), node, filepath.Join(folder, "drive.cjs"))
	cmd.Env = slices.Concat(os.Environ(), []string{"BASE_URL=" + url, "APP_ID=" + appID, "APP_SECRET=" + appSecret}, env)
	cmd.Stderr = &n.stderr
	if n.input, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go n.read(output)
	t.Cleanup(func() {
		_ = n.input.Close() // it ends by itself then
		kill := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		<-n.ended
		kill.Stop()
		if err := cmd.Wait(); err != nil {
			t.Logf("node: %v", err)
		}
		if t.Failed() {
			t.Logf("node says:\n%s", n.stderr.Bytes())
		}
	})
	return n
}

// read sorts the lines into answers and events.
func (n *SDK) read(output io.Reader) {
	defer close(n.ended)
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var r Reply
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			n.t.Errorf("node printed %q", lines.Text())
			return
		}
		if r.Event != nil {
			n.Events <- r.Event
			continue
		}
		n.replies <- r
	}
}

// Do sends a command and waits for its answer.
func (n *SDK) Do(command map[string]any) Reply {
	n.t.Helper()
	line, err := json.Marshal(command)
	if err != nil {
		n.t.Fatal(err)
	}
	if _, err := n.input.Write(append(line, '\n')); err != nil {
		n.t.Fatal(err)
	}
	select {
	case r := <-n.replies:
		return r
	case <-n.ended:
		n.t.Fatal("node ended")
	case <-time.After(time.Minute):
		n.t.Fatalf("node does not answer %s", line)
	}
	return Reply{}
}

// Call makes one call of the SDK, such as contact.v3.user.get.
func (n *SDK) Call(method string, payload map[string]any) Reply {
	n.t.Helper()
	return n.Do(map[string]any{"call": method, "payload": payload})
}
