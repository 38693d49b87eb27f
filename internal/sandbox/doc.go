// Package sandbox is a Feishu contact service on this machine.
//
// It owns a company that it makes up from a seed, and answers the contact API
// for it over HTTP as Feishu documents it: tokens, permissions, rate limits,
// id kinds, paging, codes. Clients and official SDKs work against it by their
// base URL alone. A second port holds the controls: they change the company,
// make calls fail, and tell what was asked and what is true.
package sandbox
