// Days, hours and months in UTC, as texts that sort by time: `2026-11-26`, `2026-11-26T14`, `2026-11`. Times are in ms since the epoch.

export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

export function hourOf(at: number): string {
  return new Date(at).toISOString().slice(0, 13);
}

export function monthOf(at: number): string {
  return new Date(at).toISOString().slice(0, 7);
}

/** ISO 8601 time at which an hour begins. */
export function startOfHour(hour: string): string {
  return `${hour}:00:00.000Z`;
}
