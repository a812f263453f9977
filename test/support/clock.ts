// The tests' clock.

import { vi } from "vitest";

const clock = Date.now.bind(Date);

/** Puts all clocks on by `time` ms, until the mocks are restored; they go on from there. */
export function later(time: number): void {
  const ahead = Date.now() - clock() + time;
  vi.spyOn(Date, "now").mockImplementation(() => clock() + ahead);
}
