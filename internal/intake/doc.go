// Package intake owns the way of Feishu's events into the log: the webhook, the
// long connection, and what both do with an event.
//
//	POST /webhook/event ─► verify, decrypt ─┐
//	                                        ├─► whose is it? ─► append ─► 200, or the ack
//	long connection ────► reassemble ───────┘
//
// # What it promises
//
//   - An event is acknowledged only once it is durable, or was so before. What
//     is not acknowledged Feishu sends again.
//   - Every event of this app and company is appended as it came, less the
//     verification token: of every type, in both envelopes, known or not,
//     whatever is odd about its fields. Nothing of it is folded here.
//   - An event that came before is a duplicate, and changes nothing.
//   - Several apps may share an address: an event counts for the app whose secrets
//     its sender had, and for no other app or company. See [Webhooks].
//   - Nobody who lacks the app's secrets gets anything into the log, or learns
//     from the answers what a sealed message holds.
//   - A store app's ticket is acknowledged and kept nowhere.
//   - Each answer is counted by its reason.
//
// # What goes wrong, and what then happens
//
//	the queue is full, the database is away   503, or the ack's 500: Feishu sends it again
//	an event of another app or company        403, or the ack's 500, counted; the log is not touched
//	the connection breaks, or falls silent    it is made anew; [Health] says since when
//	Feishu refuses the connection for good    Health turns red, and we go on trying, less often
//
// # What it does not do
//
// It does not order events (the fold does not mind), does not fetch what was
// lost (a sweep does), and renders no judgement about an event's content.
package intake
