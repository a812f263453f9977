// Prewarm tables.

/** Migration steps: append only, never edit. Times are in ms since the epoch. */
export const STEPS: readonly string[] = [
  `
  CREATE TABLE jobs (
    id TEXT PRIMARY KEY, created_at INTEGER NOT NULL, created_by TEXT NOT NULL, priority INTEGER NOT NULL,
    platforms TEXT NOT NULL, state TEXT NOT NULL, ended_at INTEGER
  ) WITHOUT ROWID;
  CREATE INDEX jobs_at ON jobs (created_at);

  -- newest: of a repository so many tags, which become images of their own; reference is then name:glob.
  CREATE TABLE items (
    job TEXT NOT NULL, seq INTEGER NOT NULL, reference TEXT NOT NULL, newest INTEGER,
    state TEXT NOT NULL, digest TEXT, note TEXT, error TEXT,
    attempts INTEGER NOT NULL DEFAULT 0, next_at INTEGER NOT NULL,
    PRIMARY KEY (job, seq)
  ) WITHOUT ROWID;

  -- Blobs of an image, and how much of each is here, in bytes.
  CREATE TABLE parts (
    job TEXT NOT NULL, seq INTEGER NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL,
    had INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (job, seq, digest)
  ) WITHOUT ROWID;

  -- When what is scheduled was begun last, by what is scheduled.
  CREATE TABLE schedules (key TEXT PRIMARY KEY, begun_at INTEGER NOT NULL) WITHOUT ROWID;
  `,
  `
  -- Whether a job fetches referrers, where it does not go by the rule.
  CREATE TABLE job_referrers (job TEXT PRIMARY KEY, referrers INTEGER NOT NULL) WITHOUT ROWID;
  `,
];
