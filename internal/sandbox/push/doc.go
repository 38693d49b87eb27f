// Package push delivers events to apps, as Feishu's event platform does.
//
// It knows nothing of what the events are about: a payload is JSON. It owns an
// outbox and a history for each app, the envelopes, the encryption and the
// signature of webhooks, the long connections with their frames, and the
// retries. What goes wrong on request is in [Fault].
//
// # What it promises
//
// An event is pushed until a push succeeds, at most five times: at once, and
// 15 s, 5 min, 1 h and 6 h after a push that failed, on a clock that
// [Settings].RetryScale makes faster. After that it is lost. A push by webhook
// succeeds with status 200 within 3 s, a push by long connection with an ack of
// code 200 within 3 s. All pushes of an event carry the same event_id.
//
// An app is subscribed in one mode at a time. Events of an app that is not
// subscribed are in its history and nowhere else.
//
// First pushes begin in the order in which the events came, but a failed one
// holds nobody up, unless the event is of the ordered kind: Feishu promises no
// order for events of the contact directory.
//
// All state is in memory, and ends with the context of [Hub.Run].
package push
