-- The first schema. Index rows belong to a version: `pk` rises in commit order, a snapshot is the
-- greatest committed pk, and a superseded version stays findable through `dead` until collected.

CREATE TABLE state (
  name  TEXT PRIMARY KEY,
  value ANY NOT NULL
) WITHOUT ROWID;
-- Seals page tokens.
INSERT INTO state VALUES ('page-key', randomblob(32));

-- Dictionaries.
CREATE TABLE kind   (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE origin (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE sys    (id INTEGER PRIMARY KEY, url  TEXT NOT NULL UNIQUE);
CREATE TABLE code   (id INTEGER PRIMARY KEY, sys INTEGER NOT NULL, code TEXT NOT NULL, UNIQUE (code, sys));
CREATE INDEX code_sys ON code (sys);
-- `bit` is the parameter's place in `typ.has`; a changed expression is a new row; `ready` once all
-- versions are indexed by it.
CREATE TABLE param  (
  id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, code TEXT NOT NULL, expression TEXT NOT NULL,
  bit INTEGER NOT NULL, ready INTEGER NOT NULL, UNIQUE (kind, code, expression)
);

-- Resources and their versions. `cur` is the living version, `last` the newest, deletions included;
-- both are NULL for the target of a reference that is not here (yet). Absolute targets have kind 0.
CREATE TABLE lid (
  lid INTEGER PRIMARY KEY, kind INTEGER NOT NULL, id TEXT NOT NULL, cur INTEGER, last INTEGER,
  UNIQUE (kind, id)
);
-- `how`: 1 created, 2 updated, 3 deleted.
CREATE TABLE ver (
  pk INTEGER PRIMARY KEY, lid INTEGER NOT NULL, vno INTEGER NOT NULL, at INTEGER NOT NULL,
  how INTEGER NOT NULL, origin INTEGER NOT NULL
);
CREATE UNIQUE INDEX ver_lid ON ver (lid, vno);
-- `z`: zstd of the JSON text behind `"meta":{`; `terms`: the version's index rows, NULL once collected.
CREATE TABLE body (pk INTEGER PRIMARY KEY, z BLOB NOT NULL, terms BLOB);
-- A bit in `has` for each parameter that has a value.
CREATE TABLE typ  (kind INTEGER, pk INTEGER, has INTEGER NOT NULL, PRIMARY KEY (kind, pk)) WITHOUT ROWID;
-- Superseded by version `till`, and still indexed.
CREATE TABLE dead (pk INTEGER PRIMARY KEY, till INTEGER NOT NULL);
CREATE INDEX dead_till ON dead (till);

-- Index rows. Range families can be reached by value and by version.
CREATE TABLE tok   (p INTEGER, v INTEGER, pk INTEGER, PRIMARY KEY (p, v, pk)) WITHOUT ROWID;
CREATE TABLE ident (p INTEGER, val TEXT, sys INTEGER, pk INTEGER, PRIMARY KEY (p, val, sys, pk)) WITHOUT ROWID;
-- `val` folded; `x` a hash of the original; `fl`: 0 only value, 2 least, 3 greatest, 1 neither.
CREATE TABLE str   (p INTEGER, val TEXT, pk INTEGER, x INTEGER, fl INTEGER NOT NULL, PRIMARY KEY (p, val, pk, x)) WITHOUT ROWID;
CREATE INDEX str_pk ON str (pk, p, val);
-- Milliseconds, half open. `date`: at most 31 days; `span`: longer or open periods.
CREATE TABLE date  (p INTEGER, lead INTEGER, lo INTEGER, hi INTEGER, pk INTEGER, fl INTEGER NOT NULL, PRIMARY KEY (p, lead, lo, hi, pk)) WITHOUT ROWID;
CREATE INDEX date_pk ON date (pk, p, lead, lo, hi);
CREATE TABLE span  (p INTEGER, lead INTEGER, lo INTEGER, hi INTEGER, pk INTEGER, fl INTEGER NOT NULL, PRIMARY KEY (p, lead, lo, hi, pk)) WITHOUT ROWID;
CREATE INDEX span_pk ON span (pk, p, lead, lo, hi);
CREATE INDEX span_hi ON span (p, lead, hi, pk);
-- `unit`: 0 the number alone, else a code (system and unit).
CREATE TABLE qty   (p INTEGER, lead INTEGER, unit INTEGER, val REAL, pk INTEGER, PRIMARY KEY (p, lead, unit, val, pk)) WITHOUT ROWID;
CREATE INDEX qty_pk ON qty (pk, p, lead, unit, val);
CREATE TABLE ref   (p INTEGER, lid INTEGER, pk INTEGER, PRIMARY KEY (p, lid, pk)) WITHOUT ROWID;
CREATE INDEX ref_pk ON ref (pk, p, lid);
CREATE TABLE uri   (p INTEGER, val TEXT, pk INTEGER, PRIMARY KEY (p, val, pk)) WITHOUT ROWID;

-- Original bytes, zstd; shared by a journal entry and the carry rows of its commit.
CREATE TABLE record (id INTEGER PRIMARY KEY, z BLOB NOT NULL);

-- Inbound messages. `status`: 0 done, 1 failed, 2 quarantined. `keyed`: its control number is the
-- key of repeats.
CREATE TABLE journal (
  id INTEGER PRIMARY KEY, channel TEXT NOT NULL, peer TEXT NOT NULL, received INTEGER NOT NULL,
  sender TEXT, control TEXT, keyed INTEGER NOT NULL, hash BLOB NOT NULL, record INTEGER NOT NULL,
  status INTEGER NOT NULL, mapping TEXT, issues TEXT NOT NULL, answer BLOB NOT NULL
);
CREATE UNIQUE INDEX journal_key ON journal (channel, sender, control) WHERE keyed = 1;
CREATE INDEX journal_status ON journal (status);

-- Which original record a resource came from, by mapping name; the newest has the greatest record.
CREATE TABLE carry (
  lid INTEGER, name TEXT, record INTEGER, mapping TEXT NOT NULL, PRIMARY KEY (lid, name, record)
) WITHOUT ROWID;

-- Deliveries. `state`: 0 waiting, 1 retry, 2 done, 3 parked, 4 rejected; `head`: the oldest unfinished of its
-- target and key, the only one that may be tried.
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY, target TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL,
  rid TEXT NOT NULL, version INTEGER NOT NULL, context TEXT NOT NULL, state INTEGER NOT NULL,
  head INTEGER NOT NULL, attempts INTEGER NOT NULL, due INTEGER NOT NULL, created INTEGER NOT NULL,
  last TEXT, payload BLOB
);
CREATE INDEX outbox_open ON outbox (target, key, id) WHERE state < 2;
CREATE UNIQUE INDEX outbox_head ON outbox (target, key) WHERE head = 1;
CREATE INDEX outbox_due ON outbox (target, due, id) WHERE head = 1;
CREATE INDEX outbox_state ON outbox (state);

-- AuditEvents as JSON without id.
CREATE TABLE audit (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, event TEXT NOT NULL);

-- How far each follower of the changes has come.
CREATE TABLE follower (name TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
