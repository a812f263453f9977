// First setup of every test file on workerd. The files of a project share a runtime: each begins with modules, storage and Durable Objects
// that are new, as in a runtime of its own.

import { reset } from "cloudflare:test";
import { vi } from "vitest";

vi.unstubAllGlobals();
vi.useRealTimers();
// What modules remember may have been written by a clock that a test put on.
vi.resetModules();
await reset();
