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
// # Generations
//
// [Projector.Rebuild] makes the tables anew from the log, beside those that serve
// (the serving generation), and swaps names; [Projector.Rollback] swaps them back.
// [Projector.Verify] compares the tables with the log. All use the one fold: a
// rebuild keeps every entity in memory and copies the rows, the projector loads and
// upserts them, and a property test says that they are the same rows.
//
// Of a swap readers notice nothing, if they read as postgres.InOneGeneration and
// postgres.ReadGeneration say. A page that was loaded from one generation is never
// written into another.
//
// # What it does not do
//
// It asks Feishu nothing, and knows no time but the records': the same log
// always gives the same tables.
package projector
