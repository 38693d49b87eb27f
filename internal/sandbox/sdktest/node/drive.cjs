// Drives a Feishu service with the official Node SDK, for a Go test at the other
// end of the pipes. It reads one JSON object a line and answers each with one:
//
//   {"call":"contact.v3.user.get","payload":{...},"user_token":"u-..."}
//       -> {"ok":true,"body":{...}} or {"ok":false,"status":400,"body":{...},"error":"..."}
//   {"iterate":"contact.v3.department.childrenWithIterator","payload":{...}}
//       -> {"ok":true,"pages":[...]}
//   {"listen":true}      a webhook with the SDK's dispatcher -> {"ok":true,"url":"http://..."}
//   {"connect":true}     the SDK's long connection -> {"ok":true} when it is up
//   {"disconnect":true}  ends it
//
// Events arrive as lines of their own: {"event":{...}}. Everything else that the
// SDK prints goes to standard error. The end of standard input ends the program.
'use strict';
const http = require('http');
const readline = require('readline');
const lark = require('@larksuiteoapi/node-sdk');

const { BASE_URL, APP_ID, APP_SECRET, ENCRYPT_KEY, VERIFICATION_TOKEN } = process.env;
const say = (object) => process.stdout.write(JSON.stringify(object) + '\n');
const note = (...words) => process.stderr.write(words.flat().map(String).join(' ') + '\n');
const logger = { error: note, warn: note, info: note, debug: () => {}, trace: () => {} };

const client = new lark.Client({
  appId: APP_ID, appSecret: APP_SECRET, domain: BASE_URL, appType: lark.AppType.SelfBuild, logger, loggerLevel: lark.LoggerLevel.error,
});

const types = [
  'contact.user.created_v3', 'contact.user.updated_v3', 'contact.user.deleted_v3',
  'contact.department.created_v3', 'contact.department.updated_v3', 'contact.department.deleted_v3',
  'contact.employee_type_enum.created_v3', 'contact.employee_type_enum.actived_v3', 'contact.employee_type_enum.deactivated_v3',
  'contact.employee_type_enum.updated_v3', 'contact.employee_type_enum.deleted_v3',
  'contact.custom_attr_event.updated_v3', 'contact.scope.updated_v3',
];
const dispatcher = new lark.EventDispatcher({ encryptKey: ENCRYPT_KEY, verificationToken: VERIFICATION_TOKEN, logger, loggerLevel: lark.LoggerLevel.error })
  .register(Object.fromEntries(types.map((type) => [type, (event) => say({ event })])));

const method = (path) => {
  const names = path.split('.');
  const last = names.pop();
  const owner = names.reduce((at, name) => at[name], client);
  return owner[last].bind(owner);
};

const options = (command) => (command.user_token ? lark.withUserAccessToken(command.user_token) : undefined);

let server;
let connection;

async function run(command) {
  if (command.call) return { ok: true, body: await method(command.call)(command.payload, options(command)) };
  if (command.iterate) {
    const pages = [];
    for await (const page of await method(command.iterate)(command.payload, options(command))) pages.push(page);
    return { ok: true, pages };
  }
  if (command.listen) {
    server = http.createServer(lark.adaptDefault('/webhook/event', dispatcher, { autoChallenge: true }));
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    return { ok: true, url: `http://127.0.0.1:${server.address().port}/webhook/event` };
  }
  if (command.connect) {
    await new Promise((done, fail) => {
      connection = new lark.WSClient({
        appId: APP_ID, appSecret: APP_SECRET, domain: BASE_URL, logger, loggerLevel: lark.LoggerLevel.info,
        onReady: done, onError: fail,
      });
      connection.start({ eventDispatcher: dispatcher });
    });
    return { ok: true };
  }
  if (command.disconnect) {
    connection.close();
    return { ok: true };
  }
  return { ok: false, error: 'unknown command' };
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    try {
      say(await run(JSON.parse(line)));
    } catch (error) {
      say({ ok: false, status: error.response?.status, body: error.response?.data, error: String(error.message || error) });
    }
  }
  process.exit(0);
})();
