// The tests' clock.

import { vi } from "vitest";

const clock = Date.now.bind(Date);

/** Puts all clocks on by `time` ms, until the mocks are restored; they go on from there. */
export function later(time: number): void {
  const ahead = Date.now() - clock() + time;
  vi.spyOn(Date, "now").mockImplementation(() => clock() + ahead);
}

/** Stops all clocks, until the mocks are restored: however slow the machine is, no pause ends. */
export function stopped(): void {
  const now = Date.now();
  vi.spyOn(Date, "now").mockReturnValue(now);
}
