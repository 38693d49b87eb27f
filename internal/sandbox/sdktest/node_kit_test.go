package sdktest_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// nodeSDK is the official Node SDK in a process of its own, driven by lines of
// JSON; node/drive.cjs says which.
type nodeSDK struct {
	t       *testing.T
	input   io.WriteCloser
	replies chan nodeReply
	events  chan json.RawMessage
	ended   chan struct{}
	stderr  bytes.Buffer
}

// nodeReply is what one command came to.
type nodeReply struct {
	OK     bool              `json:"ok"`
	Status int               `json:"status"`
	Error  string            `json:"error"`
	URL    string            `json:"url"`
	Pages  []json.RawMessage `json:"pages"`
	Body   struct {
		Code int             `json:"code"`
		Msg  string          `json:"msg"`
		Data json.RawMessage `json:"data"`
	} `json:"body"`
	Event json.RawMessage `json:"event"`
}

// startNode runs the SDK against a sandbox. Where Node or the SDK is not
// installed the test is skipped, except in CI, which installs both.
func startNode(t *testing.T, s *sandbox.Server, env ...string) *nodeSDK {
	t.Helper()
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join("node", "node_modules", "@larksuiteoapi", "node-sdk"))
	}
	if err != nil {
		message := "the Node SDK is not here: install Node.js, then npm install --no-package-lock --prefix internal/sandbox/sdktest/node"
		if os.Getenv("CI") != "" {
			t.Fatal(message)
		}
		t.Skip(message)
	}
	n := &nodeSDK{t: t, replies: make(chan nodeReply), events: make(chan json.RawMessage, 1024), ended: make(chan struct{})}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), node, filepath.Join("node", "drive.cjs"))
	cmd.Env = slices.Concat(os.Environ(), []string{"BASE_URL=" + s.URL(), "APP_ID=" + s.AppID(), "APP_SECRET=" + s.AppSecret()}, env)
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
func (n *nodeSDK) read(output io.Reader) {
	defer close(n.ended)
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var r nodeReply
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			n.t.Errorf("node printed %q", lines.Text())
			return
		}
		if r.Event != nil {
			n.events <- r.Event
			continue
		}
		n.replies <- r
	}
}

// do sends a command and waits for its answer.
func (n *nodeSDK) do(command map[string]any) nodeReply {
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
	return nodeReply{}
}

// call makes one call of the SDK, such as contact.v3.user.get.
func (n *nodeSDK) call(method string, payload map[string]any) nodeReply {
	n.t.Helper()
	return n.do(map[string]any{"call": method, "payload": payload})
}
