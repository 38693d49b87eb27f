// Package crawl asks Feishu: what to ask, when, how often, and how to go on
// after an interruption.
//
//	tasks ──► workers ──pages──► recorder ──► event log   (what changed)
//	  ▲       (feishu)              │
//	  └──────── progress ◄──────────┴──────► mirror.sweep_* (what was read)
//
// # What it promises
//
// A walk can be killed at any instant and goes on where it was: a page is
// recorded in the log first and then ticked off, and what was asked for and not
// ticked off is asked for again, at most 25 calls. An observation that says
// nothing new is not appended: it changes nothing, and no field of it became
// unreadable. That is judged against the read model plus the records that the
// projector has not reached yet, folded in memory, so it is as exact with a
// projector that lags, or with none.
//
// Calls are reserved in PostgreSQL before they are sent ([Budget]), so that all
// processes of one app together keep Feishu's limits, also across a kill.
//
// # Re-reads
//
// What events leave in doubt the projector queues, and a [Rereader] asks for:
// no sooner than its answer can win against the newest event, fifty ids a call,
// and one by one only those that a batch leaves out. The crawl lock keeps it to
// one process; a walk waits for a pass, and re-reads beside itself.
//
// # What it does not do
//
// It removes nobody: a walk that did not see somebody counts a candidate, and
// says so. It writes to the log and to its own progress tables only.
package crawl
