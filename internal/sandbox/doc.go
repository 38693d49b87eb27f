// Package sandbox is a Feishu contact service on this machine.
//
// It owns a company that it makes up from a seed, and answers the contact API
// for it over HTTP as Feishu documents it: tokens, permissions, rate limits,
// id kinds, paging, codes. Clients and official SDKs work against it by their
// base URL alone. It imports nothing of the mirror, so that the two cannot
// share a misunderstanding. All state is in memory.
//
// Answered so far, below /open-apis:
//
//	POST /auth/v3/tenant_access_token/internal
//	POST /auth/v3/app_access_token/internal
//	GET  /tenant/v2/tenant/query
//	GET  /contact/v3/scopes
//	GET  /contact/v3/departments/:department_id
//	GET  /contact/v3/departments/:department_id/children
//	GET  /contact/v3/departments/parent
//	GET  /contact/v3/departments/batch
//	GET  /contact/v3/users/:user_id
//	GET  /contact/v3/users/find_by_department
//	GET  /contact/v3/users/batch
//	POST /contact/v3/users/batch_get_id
//
// These lines are also the names by which stats, faults and permissions know
// an endpoint, with one space after the verb. Everything else is 404 in plain
// text.
//
// # Choices where Feishu says nothing
//
// Departments are listed by order and then open_department_id, also in a
// recursive listing; people by user_order from the greatest, then open_id. Page
// tokens are not snapshots: they hold the last entry's place, and are bound to
// the endpoint and to every parameter but page_size. People who resigned are
// never listed, and keep ids, name and status where they are asked for.
// primary_member_count counts the whole branch, as member_count does. Unset
// strings are "", but leader_user_id, email, enterprise_email, nickname, geo
// and the job ids are absent, and so are empty lists other than unit_ids. Calls
// over the rate do not count against it. The app may see everybody.
//
// It does not serve writes, events, user tokens, groups, units, or a narrowed
// scope.
//
// # Companies
//
// A company is made up from a seed, a size and a [Shape], or written down in a
// [Scenario], or both; all of it within Feishu's limits. What life does keeps
// every invariant, and keeps the company about as large as it was.
//
// # Controls
//
// The methods of [Server] and the control API, on a port of its own, do the
// same. Bodies are JSON; a success is 200 with the entity or {}, a refusal
// {"error": …} with 404 for what does not exist, or with Feishu's status, code
// and msg. Ids are open_id and open_department_id.
//
//	GET    /                        addresses, app, endpoints, controls, settings
//	GET    /truth                   the whole company: [Truth]
//	GET    /stats                   what each endpoint has seen: [EndpointStats]
//	DELETE /stats                   start counting anew
//
//	GET    /users/{id}
//	POST   /users                   {"name":"王伟","department_ids":["od-…"]}; see [Server.AddUser]
//	PATCH  /users/{id}              {"job_title":"架构师","leader_user_id":"ou_…"}: fields of [User]
//	DELETE /users/{id}              resign; ?erase=true leaves no trace
//	GET    /departments/{id}
//	POST   /departments             {"name":"研发部","parent_department_id":"0"}
//	PATCH  /departments/{id}        {"parent_department_id":"od-…"}: fields of [Department]
//	DELETE /departments/{id}        43011 and 43012 where it is not empty
//
//	GET    /faults                  those that are not used up, with what is left
//	GET    /faults/presets          faults that have names: [Presets]
//	POST   /faults                  {"endpoint":"GET /contact/v3/users/batch","count":2,"status":502}: [Fault]
//	                                {"preset":"throttle","probability":0.1}, {"preset":"forbidden","below":"od-…","count":-1}
//	                                {"endpoint":"GET /contact/v3/users*","app_id":"cli_…","skip":3,"for_ms":5000,"delay_ms":200}
//	                                {"cut":true}, {"content_type":"text/html"}, {"expire_tokens":true}, {"refuse_page_token":true},
//	                                {"page_limit":3}, {"empty_page":true}, {"repeat_page":true}, {"empty_list":true},
//	                                {"hide":{"user":["mobile"]}}, {"range":{"nobody":true}}, {"stale":true,"count":5}
//	DELETE /faults, /faults/{id}
//
//	GET    /history                 the last thousand requests: [Request]; ?endpoint= ?code= ?app_id= ?last=
//	DELETE /history
//
//	GET    /life                    [LifeStatus]
//	PUT    /life                    {"per_second":2,"seed":1}: people come, move, rise and go; see [Life]
//	POST   /life                    {"changes":20}: so many at once
//	DELETE /life                    stop
//
//	GET    /scenario                how far it has come: [ScenarioStatus]
//	POST   /scenario/continue       end the wait under way
//
//	GET    /hidden
//	PUT    /hidden/{kind}/{field}   leave a field out of every user, department or tenant
//	DELETE /hidden/{kind}/{field}
//	PUT    /overrides/{kind}/{id}/{field}   the body, any JSON, instead of the field's value; "-" is the tenant's id
//	DELETE /overrides
//	POST   /permissions/revoke      {"endpoint":"GET /contact/v3/scopes"}: 99991672 from now on
//	POST   /permissions/grant       the same body
//	POST   /tokens/expire
//	PATCH  /settings                {"rate_limits":false,"big_department":500,"clock_skew_ms":-90000}
package sandbox
