// Package longconn receives events over Feishu's long connection: a WebSocket
// that we open, for machines that Feishu cannot reach.
//
// It owns the search for the endpoint, the frames, their reassembly, pings, the
// acknowledgements, and when to connect again. The protocol is Feishu's own and
// not documented; it is that of the official SDKs.
//
// # What it promises
//
//   - An event is acknowledged only after its handler returned nil. Otherwise it
//     is answered with 500, or not at all, and Feishu sends it again.
//   - [Client.Run] goes on until its context ends, whatever happens. Where Feishu
//     refuses the connection, [Status] says so, and it is tried less often.
//   - A connection on which nothing comes in for twice the ping interval is taken
//     for dead: half-open ones look alive for hours.
//   - When the context ends, the events under way are handled and acknowledged
//     before Run returns. Nothing of it runs after that.
//   - At most [Config.Parallel] events are handled at once; further ones wait in
//     the socket, not in memory.
//
// # What it does not do
//
// It does not look into events, drops no duplicates and promises no order. Like
// Feishu's own clients it has to rely on redelivery for what is cut off by the
// end of a connection.
//
// # Why not the SDK's client
//
// The SDK (v3.11.0) answers an event whose type nobody registered with 500, and
// has no handler for all others: events of types that are new would come four
// times and be lost, where we want to keep them. Chunks of one message that
// arrive together can destroy each other there, and a handler's panic leaves its
// event without an answer. Besides, its package imports every service of the
// platform, which takes over a minute to compile.
package longconn
