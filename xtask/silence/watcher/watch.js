// Ends once every change was seen by both watchers, or fails after a minute.
const fs = require("fs");
const chokidar = require("chokidar");

const wanted = ["src/1/1.js", "src/2/new.js", ".env"];
const seen = { chokidar: new Set(), "fs.watch": new Set() };
const saw = (by, path) => {
  if (!wanted.includes(path)) return;
  fs.readFileSync(path, "utf8");
  seen[by].add(path);
  if (Object.values(seen).every((paths) => paths.size === wanted.length)) process.exit(0);
};
const change = () => {
  fs.writeFileSync("src/1/1.js", "changed\n");
  fs.writeFileSync("src/2/new.js", "new\n");
  fs.appendFileSync(".env", "MORE=1\n");
};

fs.watch(".", { recursive: true }, (event, path) => saw("fs.watch", path));
chokidar
  .watch(".", { ignored: (path) => /node_modules|\.git(\/|$)/.test(path), ignoreInitial: true })
  .on("all", (event, path) => saw("chokidar", path))
  .on("ready", change);
setTimeout(() => {
  console.error("not seen", Object.fromEntries(Object.entries(seen).map(([by, paths]) => [by, [...paths]])));
  process.exit(1);
}, 60_000);
