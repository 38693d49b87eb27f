// Package callback reads what Feishu sends by itself: events, and the challenge
// with which it tries an address before it sends any.
//
// It owns the forms of these messages: encryption, signature, the two envelopes
// (schema 2.0, and the one before it that app_ticket still has), and the places
// where the verification token stands. It hands out an event as the text that
// came in, less the token: what an event means is not its business.
//
// # What it promises
//
//   - Secrets are compared in constant time, and no error holds a secret, an id
//     of a person or a piece of the message.
//   - Numbers where strings belong, and strings where numbers belong, are read.
//     Feishu's own SDKs refuse a message for one such field, and Feishu repeats
//     it until it gives up.
//   - [Event.Payload] is, but for the token, byte for byte what was sent. It may
//     hold bytes that are no UTF-8, U+0000 and lone surrogates.
//
// # What it does not do
//
// It neither listens nor stores, knows no clock and judges no app: whether a
// message is fresh, and whose it is, is for the caller to say.
package callback
