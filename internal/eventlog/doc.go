// Package eventlog owns the log: every event received and every observation
// made, in one order, for ever. It appends, reads, follows, keeps the consumers'
// checkpoints and lets callers wait for them.
//
//	Append ─┐  ┌────────────┐  ┌────────┐  one call   ┌────────────────┐
//	Append ─┼─►│ queue      ├─►│ writer ├────────────►│ event_log_head │ locked until commit
//	Append ─┘  │ (bounded)  │  │ (one)  │  a batch    │ event_log      │ append-only
//	           └────────────┘  └────────┘             └───────┬────────┘
//	                                                 NOTIFY   │  position > checkpoint
//	                                                ┌─────────┴────────┐
//	Await ◄── checkpoint ◄── handler's transaction ◄┤ Subscriber       │ one page = one message
//	                         (effects + move)       │ (one per consumer│
//	                                                │  has the lock)   │
//	                                                └──────────────────┘
//
// # What holds
//
//   - Positions are 1, 2, 3 ... without holes, and order of position is order of
//     commit, whatever number of processes append: numbers are given under the
//     head row's lock, which is held until the commit. So a reader goes on from
//     the last position it has seen and misses nothing; a position is also a
//     consistency token; and one bigint is a checkpoint.
//   - A record with a position is durable. A record whose tenant, app and event
//     id are known is not stored again; the answer is the first one's position.
//   - recorded_at never goes back along the log, even if the clock does.
//   - A record is never changed or removed. The triggers hold for superusers too.
//   - A payload that is JSON comes back byte for byte. Any other bytes, and JSON
//     that the database refuses (nested too deep), come back as
//     {"mirror.raw": "<base64>"}. No payload makes its neighbours fail.
//   - A checkpoint moves only from where its consumer saw it, in the transaction
//     of the effects. So effects happen exactly once, whoever else runs.
//   - The database is authoritative for positions, duplicates and checkpoints.
//     Notifications, advisory locks and all that is kept in memory only save time.
//
// # What goes wrong, and what then happens
//
//	the queue is full            Append answers ErrQueueFull at once; nothing was appended
//	the database is away         batches are tried again for RetryFor, then the producers get the error
//	the connection breaks at     the batch is sent again; event ids keep it from being stored twice, and
//	the commit                   what is found again and equals what was sent is answered as appended
//	a record the database        the batch is halved until the record stands alone; its payload is kept in
//	refuses                      base64; if that fails too (an id too long to index), its producer gets the error
//	a process is stopped or      the server ends its session after the time-out and frees the head; a commit
//	dies in an append            that was complete stays, anything else is rolled back
//	LISTEN breaks                polling goes on; the listener connects again and wakes everybody
//	a handler fails (Nack)       checkpoint and page are read again after a pause that grows
//	a handler acknowledges, but  the page comes again, and an error is logged each time
//	did not move its checkpoint
//	the consumer's lock is lost  its message's context ends; another takes over, and if both work on one
//	                             page, the second to commit gets ErrCheckpointMoved
//	the log is restored in       Open gives it a new log id, and tokens with the old one are recognised;
//	another cluster              within the same cluster an operator calls Renew
//	a foreign app is configured  Open and Append answer ErrForeignApp
//	a hole in the log            somebody tampered: delivery stops there, and an error is logged
//
// A transaction that stays open for hours in this database makes appends slower:
// the head's old versions cannot be removed while it could see them, and each
// append passes over them (measured: 1 ms for 20 000 commits). Consumers, and
// whoever else reads, should not keep snapshots open.
//
// One thing is beyond it on PostgreSQL 15 and 16: a process stopped in the very
// instant when the server has half of its last message keeps the head, since no
// time-out of these versions counts there. From 17 on transaction_timeout does.
//
// # What it does not do
//
// It does not look into payloads, fold, or keep a read model. It does not take
// secrets out of payloads: what is appended is stored, so header.token has to be
// gone before. It does not limit how often a page is tried: that is the
// Watermill router's and the handler's matter.
package eventlog
