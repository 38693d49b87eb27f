// Package app is the wiring that commands share: it opens the database, the log
// and the way to Feishu as the settings say, runs a walk of Feishu with the
// projector beside it, and runs the service.
//
// It promises that whatever it starts has ended, in an order in which nothing
// that was accepted is lost, when the call that started it returns; and that
// errors carry what is needed to find their exit code.
//
// It contains no decision about directories, logs or Feishu: those are in the
// packages that it wires.
package app
