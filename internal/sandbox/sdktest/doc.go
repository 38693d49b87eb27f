// Package sdktest drives the sandbox's events by the official Go SDK: its
// webhook dispatcher and its client of long connections.
//
// It holds tests only. They are in a package of their own because the
// dispatcher brings every service of the SDK along and compiles slowly.
package sdktest
