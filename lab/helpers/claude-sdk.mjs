// A program of somebody's that embeds Claude by its SDK.
import { execPath } from "node:process";
import { dirname, join } from "node:path";

const modules = join(dirname(execPath), "../lib/node_modules");
const { query } = await import(join(modules, "@anthropic-ai/claude-agent-sdk/sdk.mjs"));
const options = { permissionMode: "bypassPermissions", allowDangerouslySkipPermissions: true };
for await (const message of query({ prompt: "Look at the project", options })) {
  if (message.type === "result") console.log(message.result);
}
