// `npm run reference`: writes the configuration reference into the guide.

import { readFileSync, writeFileSync } from "node:fs";
import { MARKS, markdownOf } from "../reference/markdown.ts";
import { reference } from "../reference/reference.ts";

const FILE = "src/guide/reference.md";

const [begin, end] = MARKS;
const [before, rest = ""] = readFileSync(FILE, "utf8").split(begin, 2);
const after = rest.split(end, 2)[1];
if (after === undefined) {
  console.error(`✘ ${FILE} has no ${begin} and ${end}`);
  process.exit(1);
}
writeFileSync(FILE, `${before}${begin}\n${markdownOf(reference())}\n${end}${after}`);
console.log(`✔ wrote the configuration reference to ${FILE}`);
