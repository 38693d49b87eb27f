// Package report shows a walk of Feishu to whoever started it: how far it is, and
// what it came to. It writes text for people, or JSON for programs.
package report
