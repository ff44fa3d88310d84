import type { DatabaseSync } from 'node:sqlite'

/** Kept in the file; a file with a higher number was written by a newer version. */
const version = 2

/** Of a message in its queue. */
export const state = { ready: 0, delayed: 1, claimed: 2 } as const

/** Publishers choose the ids, so they need not be unique. */
const lettersById = 'CREATE INDEX dead_letters_with_id ON dead_letters (queue, id)'

/**
 * The order of `seq` is the order of a queue. Claiming rewrites the row of a message, so headers and bodies beyond `inlineBytes`
 * stand in a table of their own, written once. Counts and sizes are kept by triggers: right in every process, whatever is undone.
 */
const tables = `
CREATE TABLE queues (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  durable INTEGER NOT NULL DEFAULT 1,
  depth INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0,
  letters INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE messages (
  seq INTEGER PRIMARY KEY,
  queue INTEGER NOT NULL,
  state INTEGER NOT NULL DEFAULT ${state.ready},
  owner INTEGER,
  due_at INTEGER,
  delay_ms INTEGER,
  deliveries INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,
  releases INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0,
  first_failed_at INTEGER,
  enqueued_at INTEGER NOT NULL,
  published_at INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  id TEXT NOT NULL,
  key TEXT,
  content_type TEXT,
  exchange TEXT NOT NULL,
  routing_key TEXT NOT NULL,
  headers TEXT,
  body BLOB
) STRICT;
CREATE INDEX messages_in_order ON messages (queue, state, seq);
CREATE INDEX messages_due ON messages (due_at) WHERE state = ${state.delayed};

CREATE TABLE large_contents (seq INTEGER PRIMARY KEY, headers TEXT NOT NULL, body BLOB) STRICT;

CREATE TABLE dead_letters (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  queue INTEGER NOT NULL,
  id TEXT NOT NULL,
  reason TEXT NOT NULL,
  error_type TEXT NOT NULL,
  error_message TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  deliveries INTEGER NOT NULL,
  published_at INTEGER NOT NULL,
  first_failed_at INTEGER,
  parked_at INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  key TEXT,
  content_type TEXT,
  exchange TEXT NOT NULL,
  routing_key TEXT NOT NULL,
  headers TEXT NOT NULL,
  body BLOB
) STRICT;
${lettersById};
CREATE INDEX dead_letters_in_order ON dead_letters (queue, seq);

CREATE TABLE owners (id INTEGER PRIMARY KEY AUTOINCREMENT, lock TEXT NOT NULL) STRICT;
CREATE TABLE subscribers (queue INTEGER NOT NULL, owner INTEGER NOT NULL, PRIMARY KEY (queue, owner)) STRICT, WITHOUT ROWID;
CREATE TABLE leases (queue INTEGER PRIMARY KEY, owner INTEGER NOT NULL, subscription INTEGER NOT NULL, consumer TEXT NOT NULL) STRICT;

CREATE TRIGGER message_added AFTER INSERT ON messages BEGIN
  UPDATE queues SET depth = depth + 1, bytes = bytes + NEW.bytes WHERE id = NEW.queue;
END;
CREATE TRIGGER message_removed AFTER DELETE ON messages BEGIN
  UPDATE queues SET depth = depth - 1, bytes = bytes - OLD.bytes WHERE id = OLD.queue;
END;
CREATE TRIGGER large_message_removed AFTER DELETE ON messages WHEN OLD.headers IS NULL BEGIN
  DELETE FROM large_contents WHERE seq = OLD.seq;
END;
CREATE TRIGGER letter_added AFTER INSERT ON dead_letters BEGIN
  UPDATE queues SET letters = letters + 1 WHERE id = NEW.queue;
END;
CREATE TRIGGER letter_removed AFTER DELETE ON dead_letters BEGIN
  UPDATE queues SET letters = letters - 1 WHERE id = OLD.queue;
END;
`

/** Headers and body of at most this size stand in the row of their message. */
export const inlineBytes = 2000

/** Makes the tables in a new file; within a transaction. @throws Error when the file belongs to something else or to a newer version. */
export function prepareSchema(database: DatabaseSync): void {
  const found = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
  if (found === version) return
  if (found > version) throw new Error(`the file was written by a newer version (format ${found}, known up to ${version})`)
  if (found === 1) {
    // Format 1 had no room for two dead letters of one id.
    database.exec(`DROP INDEX dead_letters_by_id; ${lettersById}; PRAGMA user_version = ${version}`)
    return
  }
  if (database.prepare('SELECT 1 FROM sqlite_schema').get() !== undefined) throw new Error('the file is the database of something else')
  database.exec(tables)
  database.exec(`PRAGMA user_version = ${version}`)
}
