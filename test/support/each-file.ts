// Setup of every test file: the logs are searched for the fixtures' secrets.

import { afterEach } from "vitest";
import { heard, listen, textOf } from "./secrets.ts";

/** Files of a project without isolation share one console, which is wrapped once. */
const WRAPPED = Symbol.for("entrepot.console");

if (!(WRAPPED in console)) {
  Object.defineProperty(console, WRAPPED, { value: true });
  for (const method of ["log", "info", "warn", "error", "debug"] as const) {
    const print = console[method].bind(console);
    console[method] = (...values: unknown[]) => {
      listen(`console.${method}`, values.map(textOf).join(" "));
      print(...values);
    };
  }
}

afterEach(() => {
  const found = heard();
  if (found.length > 0) throw new Error(`a secret was logged or sent: ${found.join("; ")}`);
});
