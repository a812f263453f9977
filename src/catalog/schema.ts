// Catalog schema: its tables as migration steps, each run once and in order, so that a catalog of any age upgrades
// itself.

/** Steps are appended, never edited. Times are in ms since the epoch. */
export const STEPS: readonly string[] = [
  `
  CREATE TABLE places (id INTEGER PRIMARY KEY, place TEXT NOT NULL UNIQUE);

  -- Manifests and blobs: those that are here, and those that one that is here refers to.
  CREATE TABLE contents (
    id INTEGER PRIMARY KEY,
    digest TEXT NOT NULL,
    kind TEXT NOT NULL,             -- 'manifest' or 'blob'
    present INTEGER NOT NULL,
    size INTEGER,                   -- in bytes
    media_type TEXT, artifact_type TEXT, platform TEXT,
    subject TEXT,                   -- a digest
    attempt TEXT, generation TEXT,  -- of a blob (store/segments)
    cached_at INTEGER, pulled_at INTEGER,
    orphaned_at INTEGER,            -- null: referred to. 0: not, and not dated yet
    noticed_at INTEGER,             -- when that was noticed, by the real clock
    going INTEGER,                  -- how often it was condemned; null: it is not being deleted
    because TEXT,                   -- why nothing refers to it
    UNIQUE (digest, kind)
  );
  CREATE INDEX orphans ON contents (kind, orphaned_at) WHERE orphaned_at IS NOT NULL AND present;
  CREATE INDEX subjects ON contents (subject) WHERE subject IS NOT NULL;

  -- From a manifest to its children and blobs, and from a subject to its referrers: what stays while the parent does.
  CREATE TABLE refs (parent INTEGER NOT NULL, child INTEGER NOT NULL, PRIMARY KEY (parent, child)) WITHOUT ROWID;
  CREATE INDEX parents ON refs (child, parent);

  -- That a place holds a manifest: it was pulled there.
  CREATE TABLE images (
    place INTEGER NOT NULL, content INTEGER NOT NULL,
    pushed_at INTEGER NOT NULL,     -- first cached
    pulled_at INTEGER,
    touched INTEGER NOT NULL,       -- how often that was told
    expired_at INTEGER,             -- marked, by the sweep's clock
    noticed_at INTEGER,             -- and by the real one
    policy TEXT, priority INTEGER, reason TEXT,
    PRIMARY KEY (place, content)
  ) WITHOUT ROWID;
  CREATE INDEX holders ON images (content);
  CREATE INDEX marks ON images (place, content) WHERE expired_at IS NOT NULL;

  CREATE TABLE tags (
    key TEXT PRIMARY KEY,           -- place:tag, in the order of R2's listing
    place INTEGER NOT NULL, tag TEXT NOT NULL, content INTEGER NOT NULL,
    since INTEGER NOT NULL,
    doomed TEXT                     -- why it is to be deleted
  ) WITHOUT ROWID;
  CREATE INDEX tagged ON tags (content, place);
  CREATE INDEX dooms ON tags (place) WHERE doomed IS NOT NULL;

  -- What a tag meant before.
  CREATE TABLE moves (place TEXT NOT NULL, tag TEXT NOT NULL, digest TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL);
  CREATE INDEX moves_of ON moves (place, tag);

  -- Segments that no head leads to.
  CREATE TABLE leftovers (
    digest TEXT NOT NULL, attempt TEXT NOT NULL, bytes INTEGER NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY (digest, attempt)
  ) WITHOUT ROWID;

  CREATE TABLE counters (
    day TEXT NOT NULL, rule TEXT NOT NULL, place TEXT NOT NULL,
    pulls INTEGER NOT NULL, hits INTEGER NOT NULL, misses INTEGER NOT NULL, collapsed INTEGER NOT NULL, stale INTEGER NOT NULL,
    bytes_served INTEGER NOT NULL, bytes_fetched INTEGER NOT NULL, upstream_requests INTEGER NOT NULL,
    PRIMARY KEY (day, rule, place)
  ) WITHOUT ROWID;

  CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    trigger TEXT NOT NULL, now INTEGER NOT NULL,
    started_at INTEGER NOT NULL, beat_at INTEGER NOT NULL, ended_at INTEGER,
    counts TEXT NOT NULL,           -- the sweep's own, as JSON
    revived INTEGER NOT NULL DEFAULT 0,
    images INTEGER NOT NULL DEFAULT 0, tags INTEGER NOT NULL DEFAULT 0, manifests INTEGER NOT NULL DEFAULT 0,
    blobs INTEGER NOT NULL DEFAULT 0, leftovers INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0
  );

  CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL, run INTEGER, what TEXT NOT NULL,
    place TEXT, digest TEXT, tags TEXT, bytes INTEGER, policy TEXT, priority INTEGER, reason TEXT NOT NULL,
    clock INTEGER NOT NULL          -- when it was told, by the real clock
  );
  CREATE INDEX events_at ON events (at);
  CREATE INDEX events_of ON events (digest, clock) WHERE digest IS NOT NULL;

  CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  `,
  `
  -- A referrer, a foreign layer: it stays while the parent does, and whoever may have the parent need not be shown it.
  ALTER TABLE refs ADD COLUMN weak INTEGER NOT NULL DEFAULT 0;
  UPDATE refs SET weak = 1 WHERE EXISTS (
    SELECT 1 FROM contents AS c JOIN contents AS p ON p.id = parent WHERE c.id = child AND c.subject = p.digest);
  `,
  `
  ALTER TABLE counters ADD COLUMN upstream_pulls INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE counters ADD COLUMN errors INTEGER NOT NULL DEFAULT 0;

  CREATE TABLE upstream_hours (
    hour TEXT NOT NULL, origin TEXT NOT NULL,
    requests INTEGER NOT NULL, failures INTEGER NOT NULL, limited INTEGER NOT NULL,
    waited INTEGER NOT NULL, slowest INTEGER NOT NULL,     -- in ms
    left INTEGER, most INTEGER,                            -- of pulls
    PRIMARY KEY (hour, origin)
  ) WITHOUT ROWID;

  -- For whoever watches: what happened, as GET /api/events tells it.
  CREATE TABLE happenings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL, what TEXT NOT NULL, told TEXT NOT NULL  -- as JSON
  );
  `,
  `
  -- What no policy expires: a tag, whatever it means by then, or a digest. Of a name that may have no image here.
  CREATE TABLE pins (
    place TEXT NOT NULL, reference TEXT NOT NULL, at INTEGER NOT NULL, who TEXT NOT NULL,
    PRIMARY KEY (place, reference)
  ) WITHOUT ROWID;

  CREATE INDEX images_pulled ON images (pulled_at);
  CREATE INDEX images_pushed ON images (pushed_at);
  CREATE INDEX counters_of ON counters (place);
  `,
  `
  -- What counters have, hour by hour, over all rules and places: what costs is rows that are written.
  CREATE TABLE counter_hours (
    hour TEXT PRIMARY KEY,
    pulls INTEGER NOT NULL, hits INTEGER NOT NULL, misses INTEGER NOT NULL, collapsed INTEGER NOT NULL, stale INTEGER NOT NULL,
    bytes_served INTEGER NOT NULL, bytes_fetched INTEGER NOT NULL, upstream_requests INTEGER NOT NULL,
    upstream_pulls INTEGER NOT NULL, errors INTEGER NOT NULL
  ) WITHOUT ROWID;
  `,
  `
  -- Pulls by image. tag: that it was named by; '' by its digest. parts: GETs of a platform's manifest that belong to a pull of its index.
  -- digest '': counted by repository alone, before this table existed or by an isolate of an earlier version.
  CREATE TABLE image_pulls (
    place TEXT NOT NULL, digest TEXT NOT NULL, tag TEXT NOT NULL, day TEXT NOT NULL,
    pulls INTEGER NOT NULL, parts INTEGER NOT NULL,
    PRIMARY KEY (place, digest, tag, day)
  ) WITHOUT ROWID;
  CREATE INDEX image_pulls_by_day ON image_pulls (day);
  INSERT INTO image_pulls SELECT place, '', '', day, sum(pulls), 0 FROM counters WHERE pulls > 0 GROUP BY place, day;

  -- Since when it is not known when the image was last pulled: it was found in R2 then, in ms. Null once a pull is told. An image with
  -- neither this nor pulled_at was cached, and never pulled.
  ALTER TABLE images ADD COLUMN unknown_since INTEGER;
  DROP INDEX images_pulled;
  CREATE INDEX images_used ON images (coalesce(pulled_at, unknown_since, 0));

  -- What was known of images when a rebuild forgot them: a row is taken back with its manifest, the rest goes at the end of the pass.
  CREATE TABLE remembered (
    place TEXT NOT NULL, digest TEXT NOT NULL, pushed_at INTEGER NOT NULL, pulled_at INTEGER, unknown_since INTEGER,
    PRIMARY KEY (digest, place)
  ) WITHOUT ROWID;
  `,
  `
  -- Summaries of what scanners found in a manifest; the verdicts themselves are in R2. worst, worst_fixable: number of a severity, -1 for
  -- none. scanned_at: of the oldest report. counts: by severity, as JSON.
  CREATE TABLE verdicts (
    digest TEXT PRIMARY KEY, scanned_at INTEGER NOT NULL, scanners TEXT NOT NULL,
    worst INTEGER NOT NULL, worst_fixable INTEGER NOT NULL, counts TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX verdicts_worst ON verdicts (worst);

  -- When a vulnerability was first found in any image here, in ms.
  CREATE TABLE vulnerabilities (id TEXT PRIMARY KEY, first_seen INTEGER NOT NULL) WITHOUT ROWID;
  `,
  `
  -- Tags that a rule keeps at an older digest (accepted), or refuses (accepted is null), since their new one is too young. Times in ms.
  CREATE TABLE holds (
    place TEXT NOT NULL, tag TEXT NOT NULL, rule TEXT NOT NULL,
    accepted TEXT, candidate TEXT NOT NULL,   -- digests
    since INTEGER NOT NULL, until INTEGER, moves INTEGER NOT NULL,
    at INTEGER NOT NULL,                      -- when this was last told
    PRIMARY KEY (place, tag, rule)
  ) WITHOUT ROWID;
  CREATE INDEX holds_of ON holds (accepted) WHERE accepted IS NOT NULL;

  -- When the cron last checked a tag whose age counts.
  CREATE TABLE age_checks (place TEXT NOT NULL, tag TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (place, tag)) WITHOUT ROWID;
  `,
];

/** Tables that a pass over R2 rebuilds. */
export const CONTENT_TABLES = ["places", "contents", "refs", "images", "tags", "leftovers"];
