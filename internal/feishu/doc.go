// Package feishu is the client of the Feishu (Lark) Open Platform that the
// mirror reads the company directory with.
//
// It owns the tenant token, the pacing of calls through a [Limiter], retries,
// the meaning of Feishu's error codes and the estimate of the upstream's clock.
// It hands out entities as the raw JSON that came in: what a field means is not
// its business, and no type of the official SDK crosses its edge.
//
// # What it promises
//
//   - Each HTTP request to an API is sent only after Limiter.Take allowed one;
//     failed ones and retries too. Requests for a token are observed but not
//     limited: Feishu documents no limit for them.
//   - After a rate-limit answer nobody who shares this client (nor, through
//     Limiter.Blocked, the limiter) calls that endpoint before the announced
//     reset has passed.
//   - A token that Feishu rejects is renewed once, by one caller, however many
//     calls were rejected with it. A call whose third token is rejected ends with
//     ErrCredentials.
//   - An answer that is cut, is not JSON, or lacks the container that its
//     method must have is a failure, never an empty list: a bad answer must not
//     look like a company without people.
//   - Every error that is Feishu's or the network's is an [*Error] and matches
//     one of the package's sentinels where its meaning is known. Error texts hold
//     no secrets, no tokens and no ids of people. The end of the context is
//     returned as it is, and nothing is retried after it.
//
// # What it does not do
//
// It keeps no progress and walks no lists: page calls take and return page
// tokens, so that a walk can be resumed by another process. The SDK's own
// iterators are not used because they ignore has_more and panic on a missing
// container. It starts no goroutines.
//
// # How the official SDK is used
//
// Only its core (larkcore): requests are built and sent by larkcore.Request, and
// the token is asked for with its types and path. Three habits of the core are
// switched off, each in exchange.go or token.go with the reason: its token cache
// (one per process, shared by all clients of an app id whatever their base URL,
// and never evicted when Feishu rejects a token), its immediate second dial (it
// would pass by the limiter), and its logging (it prints paths with user ids).
// For the same reason as the second dial, net/http's silent resending of a GET is
// switched off.
package feishu
