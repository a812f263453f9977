// Tables of a webhook's queue.

/** Migration steps: append only, never edit. Times are in ms since the epoch. */
export const STEPS: readonly string[] = [
  `
  -- next_at: of the first delivery of each subject, when it is sent, or sent again if the attempt under way is lost. NULL for those behind
  -- it, and for dead letters. status and error: of the last attempt, or why there is none.
  CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, what TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL,
    queued_at INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, next_at INTEGER, dead_at INTEGER, status INTEGER, error TEXT
  );
  CREATE INDEX deliveries_next ON deliveries (next_at) WHERE next_at IS NOT NULL;
  CREATE INDEX deliveries_pending ON deliveries (subject, id) WHERE dead_at IS NULL;
  CREATE INDEX deliveries_dead ON deliveries (id) WHERE dead_at IS NOT NULL;

  CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  `,
];
