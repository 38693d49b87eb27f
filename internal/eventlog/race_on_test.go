//go:build race

package eventlog_test

// raceEnabled says whether this binary looks for data races.
const raceEnabled = true
