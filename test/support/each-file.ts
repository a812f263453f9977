// Setup of every test file: the logs are searched for the fixtures' secrets.

import { afterEach } from "vitest";
import { heard, listen, textOf } from "./secrets.ts";

const METHODS = ["log", "info", "warn", "error", "debug"] as const;
type Print = Record<(typeof METHODS)[number], (...values: unknown[]) => void>;

/** The console as it was before the first file of this worker; src/index.ts guards it anew in each. */
const shared = globalThis as { entrepotConsole?: Print };
shared.entrepotConsole ??= Object.fromEntries(
  METHODS.map((method) => [method, console[method].bind(console)]),
) as Print;
const pristine = shared.entrepotConsole;

for (const method of METHODS) {
  console[method] = (...values: unknown[]) => {
    listen(`console.${method}`, values.map(textOf).join(" "));
    pristine[method](...values);
  };
}

afterEach(() => {
  const found = heard();
  if (found.length > 0) throw new Error(`a secret was logged or sent: ${found.join("; ")}`);
});
