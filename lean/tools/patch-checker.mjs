// Writes a faster copy of the npm checker's lean.js: node patch-checker.mjs FROM TO.
//
// As published, a trivial file takes two minutes: each symbol look-up lists all 201,110 exports of the
// module, and five threads parse 89 MB of assignments to names that nothing uses. The file also sees only
// /home and /tmp of the host. Five replacements cure that; each must match exactly once.
import { readFileSync, writeFileSync } from "node:fs";

const [from, to] = process.argv.slice(2);
let text = readFileSync(from, "utf8");

function replaceOnce(old, replacement) {
  const at = text.indexOf(old);
  if (at < 0 || text.indexOf(old, at + 1) >= 0) {
    throw new Error(`${from}: expected exactly one occurrence of: ${old.slice(0, 80)}`);
  }
  text = text.slice(0, at) + replacement + text.slice(at + old.length);
}

// The names of a library's exports, and their positions, worked out once per library.
const keys = "(lib.__names||(lib.__names=Object.keys(lib.exports)))";
replaceOnce(
  "newSymIndex=Object.keys(lib.exports).indexOf(symbol);",
  `if(!lib.__index)lib.__index=new Map(${keys}.map((name,i)=>[name,i]));` +
    "newSymIndex=lib.__index.has(symbol)?lib.__index.get(symbol):-1;",
);
replaceOnce("var symName=Object.keys(symDict)[symbolIndex];", `var symName=${keys}[symbolIndex];`);

replaceOnce(
  'FS.mount(NODEFS,{root:"/home"},"/home");FS.mount(NODEFS,{root:"/tmp"},"/tmp");',
  'for(const name of require("fs").readdirSync("/")){const dir="/"+name;' +
    'if(["dev","proc","sys"].includes(name)||!require("fs").statSync(dir).isDirectory())continue;' +
    "try{FS.mkdir(dir)}catch(e){if(e.errno!==20)throw e}FS.mount(NODEFS,{root:dir},dir)}",
);

replaceOnce("var pthreadPoolSize=4;", "var pthreadPoolSize=2;");

// Of the exported names, keep the few that the rest of the file mentions.
const head = "function assignWasmExports(wasmExports){";
const body = text.indexOf(head);
const end = text.indexOf("}", body);
const list = text.lastIndexOf("var ", body);
if (body < 0 || text.indexOf(head, body + 1) >= 0 || end < 0 || list < 0) {
  throw new Error(`${from}: the list of exports is not where it is expected`);
}
const names = text.slice(list + 4, body).replace(/;\s*$/, "").split(",");
const statements = text.slice(body + head.length, end).split(";");
const rest = text.slice(0, list) + text.slice(end);
const mentioned = new Set(rest.match(/[A-Za-z_$][\w$]*/g));
const kept = names.filter((name) => mentioned.has(name));
const keptSet = new Set(kept);
const keptStatements = statements.filter((s) => keptSet.has(s.slice(0, s.indexOf("=")).trim()));
text =
  `${text.slice(0, list)}var ${kept.join(",")};${head}${keptStatements.join(";")}${text.slice(end)}`;

writeFileSync(to, text);
