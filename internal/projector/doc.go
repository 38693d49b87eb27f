// Package projector keeps the read model: it follows the log, folds page by
// page, and writes what came of it.
//
//	eventlog ──page──► decode ─► fold ──one transaction──► directory, history,
//	                                                       checkpoint, re-read queue
//
// # What it promises
//
// All core tables move together under the checkpoint [Consumer]: any snapshot
// of them is the directory at one position of the log. A page is decoded and
// folded before its transaction begins; the transaction only writes, and moves
// the checkpoint by compare-and-set, so that of two projectors only one
// succeeds and a killed one leaves nothing half done. Each record that changes
// something makes one version in history.
//
// What a record leaves in doubt becomes a row of mirror.reread_queue; what of
// it cannot be decoded, a row of mirror.event_log_parked. Nothing is skipped
// silently, and one bad record holds up no other.
//
// # What it does not do
//
// It asks Feishu nothing, and knows no time but the records': the same log
// always gives the same tables.
package projector
