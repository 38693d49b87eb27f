// Package compat answers as Feishu does: the reads of its contact API (v3), with
// its paths, parameters, JSON and codes, out of the read model. A program that
// uses one of Feishu's SDKs changes the base URL, and nothing else.
//
//	request ──► token ──► parameters ──► one statement ──► fields of the method ──► envelope
//
// # What it promises
//
// An object comes back as Feishu gave it to the mirror's app, merged with later
// events. The read model keeps which fields are set; what is readable and not set
// comes back as Feishu would have said it ("", 0, or no key at all). fields.go
// has the tables. A field that the app may not see is absent, and so is one that
// the client may not see. References to people and departments are in the id
// kinds that were asked for; one that has no id of that kind is left out.
//
// Refusals have Feishu's codes, HTTP statuses and envelope; see codes.go. Its
// gateway looks at ids before the methods do, so an unknown id has a code of its
// kind, and one that was mirrored and is out of the app's range now is 41050 or
// 40004. An id that the app never saw cannot be told from one that does not exist.
//
// Each answer says by its headers which position of the log it shows; see
// header.go. Nothing is written: other methods answer 405.
//
// # What it does not do
//
// It never asks Feishu. It has no tokens of users, no rate limits, and none of
// Feishu's limits of size (43010). It shares the sessions, snapshots, access and
// page tokens of package query, and has none of its own.
package compat
