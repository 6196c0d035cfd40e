// Reads what the checker has compiled and judges what no message tells: node audit.mjs PROJECT OUT.
// Fails if a module declares an axiom, if anything rests on a constant that stands for an unproved or a merely
// compiled claim, or if README.md names a theorem that is not there.
//
// The layout is that of Lean 4.28 on wasm32; QUIRKS.md beside this file describes it.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const [project, out] = process.argv.slice(2);
const FORBIDDEN = new Set(["sorryAx", "Lean.ofReduceBool", "Lean.ofReduceNat", "Lean.trustCompiler"]);
const KINDS = ["axiom", "definition", "theorem", "opaque", "quotient", "inductive", "constructor", "recursor"];
const [TAG_ARRAY, TAG_STRING] = [246, 249];

/** The parts of one module, each with the address it expects to be loaded at. */
class Module {
  constructor(olean) {
    this.parts = [".private", "", ".server"].map((suffix) => olean + suffix).filter(existsSync).map((file) => {
      const bytes = readFileSync(file);
      if (bytes.toString("latin1", 0, 5) !== "olean" || bytes[5] !== 2) throw new Error(`${file}: unknown layout`);
      return { bytes, base: bytes.readUInt32LE(0x50), root: bytes.readUInt32LE(0x54) };
    });
    if (!existsSync(`${olean}.private`)) throw new Error(`${olean}.private: missing`);
    this.names = new Map();
  }

  /** Buffer and offset of the object at an address. */
  at(address) {
    for (const { bytes, base } of this.parts) {
      if (address >= base && address < base + bytes.length) return [bytes, address - base];
    }
    throw new Error(`address ${address} is in no part`);
  }

  tag(address) {
    const [bytes, offset] = this.at(address);
    return bytes[offset + 7];
  }

  field(address, index) {
    const [bytes, offset] = this.at(address);
    if (index >= bytes[offset + 6]) throw new Error(`object has no field ${index}`);
    return bytes.readUInt32LE(offset + 8 + 4 * index);
  }

  array(address) {
    if (this.tag(address) !== TAG_ARRAY) throw new Error("not an array");
    const [bytes, offset] = this.at(address);
    return Array.from({ length: bytes.readUInt32LE(offset + 8) }, (_, i) => bytes.readUInt32LE(offset + 16 + 4 * i));
  }

  string(address) {
    if (this.tag(address) !== TAG_STRING) throw new Error("not a string");
    const [bytes, offset] = this.at(address);
    return bytes.toString("utf8", offset + 20, offset + 20 + bytes.readUInt32LE(offset + 8) - 1);
  }

  name(address) {
    if (address & 1) return "";
    const known = this.names.get(address);
    if (known !== undefined) return known;
    const prefix = this.name(this.field(address, 0));
    const last = this.field(address, 1);
    const text = this.tag(address) === 1 ? this.string(last) : String(last >>> 1);
    const name = prefix ? `${prefix}.${text}` : text;
    this.names.set(address, name);
    return name;
  }

  constants() {
    return this.array(this.field(this.parts[0].root, 2)).map((info) => {
      const value = this.field(info, 0);
      const kind = KINDS[this.tag(info)];
      const header = this.field(value, 0);
      const terms = [this.field(header, 2)];
      if (["definition", "theorem", "opaque"].includes(kind)) terms.push(this.field(value, 1));
      return { name: this.name(this.field(header, 0)), kind, terms };
    });
  }

  /** Names of the constants that a term mentions. */
  mentions(term, seen) {
    const found = new Set();
    const todo = [term];
    while (todo.length > 0) {
      const e = todo.pop();
      if (e & 1 || seen.has(e)) continue;
      seen.add(e);
      const tag = this.tag(e);
      if (tag === 4) found.add(this.name(this.field(e, 0)));
      else if (tag === 5) todo.push(this.field(e, 0), this.field(e, 1));
      else if (tag === 6 || tag === 7) todo.push(this.field(e, 1), this.field(e, 2));
      else if (tag === 8) todo.push(this.field(e, 1), this.field(e, 2), this.field(e, 3));
      else if (tag === 10) todo.push(this.field(e, 1));
      else if (tag === 11) todo.push(this.field(e, 2));
      else if (tag > 11) throw new Error(`unknown kind of term: ${tag}`);
    }
    return found;
  }
}

const oleans = readdirSync(join(project, "Thermine"), { recursive: true })
  .filter((name) => name.endsWith(".lean"))
  .map((name) => join(out, "Thermine", name.replace(/lean$/, "olean")));

const problems = [];
const theorems = new Set();
for (const olean of oleans) {
  const module = new Module(olean);
  const seen = new Set();
  for (const { name, kind, terms } of module.constants()) {
    if (kind === "axiom") problems.push(`${name} is an axiom`);
    if (kind === "theorem") theorems.add(name);
    for (const term of terms) {
      for (const used of module.mentions(term, seen)) {
        if (FORBIDDEN.has(used)) problems.push(`${name} rests on ${used}`);
      }
    }
  }
}

// A name in README.md that starts with the project's own namespace is a claim that such a theorem exists.
const named = readFileSync(join(project, "README.md"), "utf8").match(/`Thermine\.[^`]+`/g) ?? [];
for (const name of new Set(named.map((quoted) => quoted.slice(1, -1)))) {
  if (!theorems.has(name)) problems.push(`README.md names ${name}, and there is no such theorem`);
}
if (named.length === 0) problems.push("README.md names no theorem");

for (const problem of problems) console.error(`lean: ${problem}`);
if (problems.length > 0) process.exit(1);
console.log(`${oleans.length} modules, ${named.length} names in the table: no assumption beyond Lean's own`);
