// Package config owns the settings of both programs: one table says what can
// be set, and flags, environment variables, the configuration file, the help
// texts and the table in the README all come from it.
//
// A flag wins over the environment, the environment over the file, the file
// over the default. A secret may also come from a file of its own, named by
// the same setting with _file behind it. Whatever is wrong is reported at
// once, a line each; a name that is not in the table is wrong too, so that a
// setting of another version is never silently without effect.
//
// Secrets never appear in errors, in logs or in what is printed at start.
package config
