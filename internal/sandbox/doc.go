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
//	POST /auth/v3/app_access_token
//	POST /auth/v3/tenant_access_token
//	POST /auth/v3/app_ticket/resend
//	GET  /tenant/v2/tenant/query
//	GET  /contact/v3/scopes
//	POST /contact/v3/departments
//	GET  /contact/v3/departments                             (historic)
//	GET  /contact/v3/departments/:department_id
//	PATCH, PUT, DELETE  /contact/v3/departments/:department_id
//	PATCH /contact/v3/departments/:department_id/update_department_id
//	POST /contact/v3/departments/unbind_department_chat
//	POST /contact/v3/departments/search                      (with a user token)
//	GET  /contact/v3/departments/:department_id/children
//	GET  /contact/v3/departments/parent
//	GET  /contact/v3/departments/batch
//	POST /contact/v3/users
//	GET  /contact/v3/users                                   (historic)
//	GET  /contact/v3/users/:user_id
//	PATCH, PUT, DELETE  /contact/v3/users/:user_id
//	POST /contact/v3/users/:user_id/resurrect
//	PATCH /contact/v3/users/:user_id/update_user_id
//	POST /contact/v3/users/basic_batch
//	GET  /search/v1/user                                     (with a user token)
//	GET  /contact/v3/users/find_by_department
//	GET  /contact/v3/users/batch
//	POST /contact/v3/users/batch_get_id
//	POST   /contact/v3/group
//	PATCH  /contact/v3/group/:group_id
//	DELETE /contact/v3/group/:group_id
//	GET    /contact/v3/group/:group_id
//	GET    /contact/v3/group/simplelist
//	GET    /contact/v3/group/member_belong
//	GET    /contact/v3/group/:group_id/member/simplelist
//	POST   /contact/v3/group/:group_id/member/add
//	POST   /contact/v3/group/:group_id/member/batch_add
//	POST   /contact/v3/group/:group_id/member/remove
//	POST   /contact/v3/group/:group_id/member/batch_remove
//	POST   /contact/v3/unit
//	PATCH  /contact/v3/unit/:unit_id
//	DELETE /contact/v3/unit/:unit_id
//	GET    /contact/v3/unit/:unit_id
//	GET    /contact/v3/unit
//	POST   /contact/v3/unit/bind_department
//	POST   /contact/v3/unit/unbind_department
//	GET    /contact/v3/unit/list_department
//	GET    /contact/v3/employee_type_enums
//	POST   /contact/v3/employee_type_enums
//	PUT    /contact/v3/employee_type_enums/:enum_id
//	DELETE /contact/v3/employee_type_enums/:enum_id
//	GET    /contact/v3/custom_attrs
//
// These lines, each verb by itself, are also the names by which stats, faults and permissions know
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
// over the rate do not count against it. An app sees everybody until it has a
// range.
//
// Of writes: a client_token holds for 24 hours, and a request that failed is not
// remembered. Who was just created has not joined (is_unjoin) and may be patched
// all the same. PUT clears what was not sent to what a new person would have,
// but join_time to 0, and lifts a freeze. custom_attrs are replaced together. An
// app with contact:user.base alone may write name, en_name, nickname, avatar_key,
// gender and description. PATCH and PUT with department_ids or is_frozen count
// as changes of them, at one a second, whether or not anything differs. Of
// somebody who left, PATCH takes avatar_key and description only. Orders of
// departments must differ among siblings; a department that moves to where its
// order is taken goes last. Whoever writes a department must see its parent too,
// be it only to rename it. The 30 001st department is refused with 40018. Where
// two codes say the same, the ones for lengths are 44006 to 44008. Ids of
// departments in a body are the gateway's to refuse (99992357), those of leaders
// the method's (44022, or 41012 in a new department). Names are searched for a
// part, without regard to case. department_path goes from the first level down,
// its names joined by slashes.
//
// Groups, units and custom attributes are listed by id, members by open id,
// employee types by enum_value, which is their page token too. A group has the
// people who are in it themselves: member_belong does not look at its
// departments. No write by the API touches a dynamic group (42009), and a rule in
// a body is refused after it was checked (42024). batch_add adds all or none but
// for those who are members (42005 in their results); batch_remove removes the
// members where some are none, and answers 40022; to remove one who is no member
// is a success. A member's id is not looked at by the gateway: 41073. Asking for
// a group out of range is 42009. A unit that goes leaves its departments unbound,
// see [Options]; unbinding what is not bound is 43058, a unit's 1001st department
// 43017. What is wrong with an employee type is 99992402, changing a built-in one
// too; who has a type that was deleted keeps its number. A custom attribute that
// is removed takes its values along without an event for each person.
//
// # Events
//
// Every change of people, departments, employee types, custom attributes and of
// an app's range is told to each app that holds one of the permissions
// contact:contact.base:readonly, contact:contact:readonly_as_app and
// contact:contact:access_as_app, of what is in its range, with the fields that
// it may see and its own open_ids: the 13 types contact.*_v3 of Feishu's, and
// app_ticket for apps of the marketplace, every hour and when they ask for it.
// Groups and units have no events. What no document confirms is in
// [EventOptions]; without them a change is told by no more than documents promise.
//
// Events go to a webhook (challenge, AES-256-CBC, signature) or over long
// connections (POST /callback/ws/endpoint on the port of the contact service, no
// Content-Type needed, then a WebSocket with Feishu's frames), to one of up to 50
// clients. They are pushed again after 15 s, 5 min, 1 h and 6 h, times
// [Delivery].RetryScale, and are lost then. First pushes come in order, one at a
// time, unless Delivery.Parallel says otherwise. An app is subscribed by
// [Server.Subscribe] and to nothing at first; its history has what it would have
// got all the same. [Server.WaitEvents] waits until nothing is on its way,
// [Server.FlushEvents] hurries it up. What goes wrong is an [EventFault].
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
//	GET    /truth                   the whole company: [Truth]; ?app_id= as that app may see it: [Seen]
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
//	GET    /groups/{id}             and POST /groups, PATCH, DELETE: fields of [Group], members and all,
//	                                {"name":"讲师","type":2,"users":["ou_…"]}, {"departments":["od-…"]}
//	GET    /units/{id}              likewise, of [Unit]: {"name":"华东","unit_type":"子公司","departments":["od-…"]}
//	GET    /employee_types/{id}     likewise, of [EmployeeType]: {"content":"返聘"}, {"enum_status":2}
//	GET    /custom_attrs/{id}       likewise, of [CustomAttrDefinition]: {"type":"TEXT","i18n_name":[{"locale":"zh_cn","value":"技能"}]}
//	PUT    /allow_open_query        {"allow_open_query":false}: apps see no custom attributes
//	GET    /features                what the tenant has of Feishu: [Features]
//	PATCH  /features                {"units":false}: 43050 from now on
//
//	GET    /permissions             which of them opens which endpoint and shows which field
//	GET    /apps                    all [App]s
//	POST   /apps                    {"app_id":"cli_b","app_secret":"…","permissions":["contact:contact.base:readonly"]}
//	PUT    /apps/{id}/range         {"department_ids":["od-…"],"group_ids":["…"]}: [Range]; {} is everybody
//	PUT    /apps/{id}/permissions/{scope}   and DELETE
//	PUT    /apps/{id}/monthly_calls {"monthly_calls":1000}: 99991403 above
//	POST   /tokens/user             {"app_id":"cli_b","open_id":"ou_…","scopes":null}: a user_access_token
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
//	GET    /subscriptions
//	PUT    /subscriptions/{app_id}  {"mode":"webhook","url":"http://…","verification_token":"…","encrypt_key":"…"},
//	                                {"mode":"long_connection"}: [Subscription]
//	DELETE /subscriptions/{app_id}
//	GET    /events                  ?app_id= what an app was told: [EventRecord], with what is under way
//	DELETE /events                  ?app_id= forget it
//	POST   /events/wait, /events/flush  ?timeout_ms=
//	GET    /event_faults            those that are not used up
//	POST   /event_faults            {"event_type":"contact.user.updated_v3","lose":true}: [EventFault]
//	                                {"delay_ms":5000}, {"duplicates":2,"probability":0.1,"seed":7,"count":-1}, {"reorder":3},
//	                                {"field":"object.join_time","value":"soon"}, {"lose_acks":2}, {"socket":"half_open"},
//	                                {"chunks":3,"chunk_gap_ms":6000}, {"endpoint":{"code":1000040345}},
//	                                {"handshake":{"status":514,"autherrcode":1000040350}}
//	DELETE /event_faults
//	GET    /connections/{app_id}    how many long connections there are
//	POST   /connections/{app_id}/dropped, …/half_open
//	GET    /delivery
//	PATCH  /delivery                {"retry_scale":0.001,"deadline_ms":500,"client_config":{"PingInterval":5}}: [Delivery]
//	GET    /options
//	PATCH  /options                 {"empty_fields":true}: [Options]
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
