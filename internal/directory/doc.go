// Package directory owns the vocabulary of the mirror and its fold: what a
// record of the log says about which people, departments, groups and so on, and
// what they look like when many records have been applied.
//
// It is pure. It imports nothing of ours, reads no clock, does no I/O and
// depends on no map order: the same records give the same state, byte for byte.
//
//	Record ──Decode──► Change ──State.Apply──► State ──UserOf, DepartmentOf──► rows
//	                     │           │
//	                  Problem       Hint ("ask Feishu again")
//
// # What the fold promises
//
// An entity is a map of fields. Each field remembers the [Stamp] of the record
// that set it, the greater stamp wins, and a cleared field is a value like any
// other. Existence is one more such field. So the order in which records
// arrive, their repetition and the way they are cut into batches cannot matter.
//
// What cannot be known from the records is not guessed: it becomes a [Hint],
// and the entity is read again from Feishu.
//
//   - A field that is absent was hidden or not touched; it is never erased,
//     unless the record says so (it is in old_object, or listed as empty).
//   - An event counts at its create_time. An observation counts at the instant
//     its request was sent, less a margin for the difference of the clocks.
//   - "updated" does not bring back who is gone; being listed does, and so does
//     an answer whose status says that they have neither resigned nor quit.
//   - What Feishu shows of someone who is gone clears nothing: the last that was
//     known of them stays.
//   - What an event shows in a form that cannot be translated (a country by
//     name, a user by another id kind) only makes somebody look.
//   - A value that no column or index of PostgreSQL can hold is a [Problem] of
//     its field, like one of the wrong type: it must not stop its neighbours.
//
// # What it does not do
//
// It does not prove removals (the crawl does), does not store (the projector
// does), and holds no rule about what an organisation should look like: parents
// may be missing, and cycles may exist. [Tree] draws what is there.
package directory
