// Package crawl asks Feishu: what to ask, when, how often, and how to go on
// after an interruption.
//
//	tasks ──► workers ──pages──► recorder ──► event log   (what changed)
//	  ▲       (feishu)              │
//	  └──────── progress ◄──────────┴──────► mirror.sweep_* (what was read)
//	                                             │
//	candidates ◄── who was not seen ─────────────┘
//	     └──► guard ──► proofs (feishu) ──► event log   (who is gone)
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
// Nobody is removed because a list did not hold them. Who existed before a
// complete sweep began and was not seen by it is a candidate; candidates are
// asked for, and go when the answer says that they resigned, that the id does
// not exist, or that they are out of a range which covers them by nothing (in a
// scoped app: by nothing that the sweep did not walk). More
// candidates than [MaxRemovals] allows, or all of a kind, wait for somebody's
// approval before any call is spent on them. A sweep in which a list was refused
// is never complete.
//
// A field that an object lacks is cleared where it is known to be readable, at
// the end of a sweep, and not where so many objects lost it that a permission
// must be gone; then it is hidden, and mirror.sweep says so.
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
// In an app that sees a part of the company, a department that came, came back or
// moved is walked with all below it: no event tells whom it brings.
//
// # Sweeps of the service
//
// A [Sweeper] walks by the clock and when something asks for it: an event (the
// projector writes mirror.sweep_request), or an [Attendance] that finds that
// nobody listened to events for 15 minutes. It gives way to whoever begins a walk,
// who goes on with it. What a walk, a re-read or the hourly sample found and no
// event told of, [Drift] counts from the log.
//
// # Polls
//
// What has lists and no events, or too few, a [Poller] reads by the clock, and each
// sweep does: groups, units, employee types, custom attributes, and the nodes of the
// scope. They have a lock of their own, and only the budget in common with walks. A
// list is compared with what the log and the read model know; two complete ones, a
// minute apart, prove that something is gone, and groups and units are asked for
// besides. A list that says that there is nothing any more removes nothing.
//
// # What it does not do
//
// It writes to the log and to its own progress tables only.
package crawl
