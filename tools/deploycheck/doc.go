// Package deploycheck has no code, only tests: they read what is in deploy with
// the parsers of those who will read it (BuildKit, Compose, Prometheus), and
// check that every metric named there is one that the service has. It is a
// module of its own, so that these parsers are no dependencies of the mirror.
package deploycheck
