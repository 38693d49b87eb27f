// Package sdktest drives the sandbox by Feishu's own SDKs: the Go SDK's webhook
// dispatcher and its client of long connections, and everything that the Node SDK
// has, in a process of its own (node/drive.cjs).
//
// It holds tests only. They are in a package of their own because the
// dispatcher brings every service of the SDK along and compiles slowly.
package sdktest
