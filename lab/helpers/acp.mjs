// An editor's part of the Agent Client Protocol (agentclientprotocol.com), as small as it can be: starts the agent that its
// arguments name, gives it one task, and allows whatever it asks for.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const [program, ...words] = process.argv.slice(2);
const agent = spawn(program, words, { stdio: ["pipe", "pipe", "inherit"] });
const waiting = new Map();
let last = 0;

function send(message) {
  agent.stdin.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\n");
}

function ask(method, params) {
  last += 1;
  send({ id: last, method, params });
  return new Promise((answer, refuse) => waiting.set(last, { answer, refuse }));
}

function allowed(options) {
  const option = options.find(({ kind }) => kind?.startsWith("allow")) ?? options[0];
  return { outcome: { outcome: "selected", optionId: option.optionId } };
}

createInterface({ input: agent.stdout }).on("line", (line) => {
  const message = JSON.parse(line);
  if (message.method === "session/request_permission") {
    send({ id: message.id, result: allowed(message.params.options) });
  } else if (message.method && message.id !== undefined) {
    send({ id: message.id, error: { code: -32601, message: "not here" } });
  } else if (waiting.has(message.id)) {
    const { answer, refuse } = waiting.get(message.id);
    if (message.error) refuse(new Error(JSON.stringify(message.error)));
    else answer(message.result);
  }
});

const clientCapabilities = { fs: { readTextFile: false, writeTextFile: false }, terminal: false };
const { authMethods = [] } = await ask("initialize", { protocolVersion: 1, clientCapabilities });
const login = authMethods.find(({ id }) => process.env.LAB_ACP_LOGIN === id);
if (login) await ask("authenticate", { methodId: login.id });
const { sessionId } = await ask("session/new", { cwd: process.cwd(), mcpServers: [] });
const prompt = [{ type: "text", text: "Look at the project" }];
const { stopReason } = await ask("session/prompt", { sessionId, prompt });
console.log(stopReason, authMethods.map(({ id }) => id).join(" "));
agent.kill();
process.exit(0);
