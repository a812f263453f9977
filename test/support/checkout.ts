// A checkout of the project without the developer's own state: neither .dev.vars nor .env, and no storage of earlier runs.

import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");

/** What `npm start` and the commands read. */
const PARTS = ["src", "package.json", "wrangler.toml", "tsconfig.json"];

/** @param folder that it is made in
 * @returns its path, for programs to run in */
export function checkout(folder: string): string {
  const path = join(folder, "checkout");
  mkdirSync(path, { recursive: true });
  for (const part of PARTS) cpSync(join(ROOT, part), join(path, part), { recursive: true });
  try {
    symlinkSync(join(ROOT, "node_modules"), join(path, "node_modules"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  return path;
}
