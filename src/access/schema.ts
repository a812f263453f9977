// Tables of the access object.

/** Migration steps: new ones are appended, existing ones are never edited. Times are in ms since the epoch. */
export const STEPS: readonly string[] = [
  `
  CREATE TABLE tokens (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, repositories TEXT NOT NULL, networks TEXT NOT NULL,
    created_at INTEGER NOT NULL, created_by TEXT NOT NULL, expires_at INTEGER,
    used_at INTEGER, revoked_at INTEGER, revoked_by TEXT
  ) WITHOUT ROWID;

  -- A token's own, and those of its refresh tokens.
  CREATE TABLE secrets (
    hash TEXT PRIMARY KEY, token TEXT NOT NULL, used_at INTEGER NOT NULL, own INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX secrets_of ON secrets (token, used_at);

  CREATE TABLE keys (
    kid TEXT PRIMARY KEY, jwk TEXT NOT NULL, signs_from INTEGER NOT NULL, replaced_at INTEGER
  ) WITHOUT ROWID;

  CREATE TABLE actions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL
  );
  `,
  `
  CREATE TABLE quarantine (
    digest TEXT PRIMARY KEY, reason TEXT NOT NULL, at INTEGER NOT NULL, who TEXT NOT NULL
  ) WITHOUT ROWID;
  `,
  `
  -- Rules that the API has added, in the order in which they were. A version is given once: that of a rule that is gone, too.
  CREATE TABLE rules (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, fields TEXT NOT NULL,
    version INTEGER NOT NULL, changed_at INTEGER NOT NULL, changed_by TEXT NOT NULL
  );
  -- The last change of any of them, by the name that whoever made it gave it.
  CREATE TABLE rule_changes (version INTEGER PRIMARY KEY AUTOINCREMENT, change TEXT NOT NULL);
  `,
  `
  -- Random keys, base64url, by what they sign: sessions, and refresh tokens.
  CREATE TABLE statement_keys (purpose TEXT PRIMARY KEY, key TEXT NOT NULL) WITHOUT ROWID;
  -- Sessions of the console that would not have ended by themselves yet.
  CREATE TABLE sessions (
    id TEXT PRIMARY KEY, role TEXT NOT NULL, began_at INTEGER NOT NULL, ends_at INTEGER NOT NULL, ended_at INTEGER
  ) WITHOUT ROWID;
  CREATE INDEX sessions_by_age ON sessions (began_at);
  -- Sessions of a role that began at this time or before it have ended.
  CREATE TABLE sessions_ended (role TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;
  `,
  `
  -- 0: what is pulled with it keeps no image alive.
  ALTER TABLE tokens ADD COLUMN touches INTEGER NOT NULL DEFAULT 1;
  `,
  `
  -- Digests that pass the checks of trust until a time.
  CREATE TABLE allowances (
    digest TEXT PRIMARY KEY, until INTEGER NOT NULL, reason TEXT NOT NULL, who TEXT NOT NULL, at INTEGER NOT NULL,
    confirmed_by TEXT, confirmed_at INTEGER
  ) WITHOUT ROWID;
  `,
];
