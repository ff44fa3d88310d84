/**
 * The embedded broker against a bare loop over the same SQLite with the same durability, and its memory over many messages.
 * Alone: node bench/scenarios/messaging-embedded.ts [MESSAGES]
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { EmbeddedBrokerConfig } from '../../config/model.ts'
import { embeddedBroker } from '../../gateway/messaging/embedded/broker.ts'
import { directQueue } from '../../test/kit/messages.ts'
import { bodyBytes, consumeAll, publishAll, quiet } from '../messaging/load.ts'
import { processUsage } from '../process-usage.ts'
import { median } from '../statistics.ts'
import { temporaryFolder } from '../temporary-folder.ts'

export interface EmbeddedResult {
  readonly messages: number
  readonly rounds: number
  /** Messages per second from insert to delete: medians. */
  readonly bare: number
  /** The same loop with 100 messages in each transaction. */
  readonly bareBatched: number
  /** From publish to acknowledgement. */
  readonly headgate: number
  readonly memory: { readonly messages: number; readonly growthBytes: number }
}

const bareLoop = (folder: string, messages: number, perTransaction: number): number => {
  const database = new DatabaseSync(join(folder, `bare-${perTransaction}.db`))
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS message (id INTEGER PRIMARY KEY, body BLOB)')
  const insert = database.prepare('INSERT INTO message (body) VALUES (?)')
  const remove = database.prepare('DELETE FROM message WHERE id = ?')
  const body = Buffer.alloc(bodyBytes, 'x')
  const startedAtMs = performance.now()
  for (let done = 0; done < messages; done += perTransaction) {
    const ids: (number | bigint)[] = []
    database.exec('BEGIN IMMEDIATE')
    for (let one = 0; one < perTransaction; one += 1) ids.push(insert.run(body).lastInsertRowid)
    database.exec('COMMIT')
    database.exec('BEGIN IMMEDIATE')
    for (const id of ids) remove.run(id)
    database.exec('COMMIT')
  }
  const seconds = (performance.now() - startedAtMs) / 1000
  database.close()
  return messages / seconds
}

const settings = (folder: string): EmbeddedBrokerConfig => ({
  name: 'default',
  type: 'embedded',
  path: join(folder, 'messages.db'),
  maxMessageBytes: 2 ** 24,
  publishTimeoutMs: 10_000,
  maxUnconfirmed: 1000,
})

const throughBroker = async (folder: string, messages: number): Promise<number> => {
  const broker = embeddedBroker(settings(folder), quiet)
  try {
    await broker.declare([directQueue('bench')])
    const startedAtMs = performance.now()
    await Promise.all([publishAll(broker, 'bench', messages), consumeAll(broker, 'bench', messages)])
    return messages / ((performance.now() - startedAtMs) / 1000)
  } finally {
    await broker.close()
  }
}

/** Highest resident memory while `messages` pass, minus that after the first twentieth of them. */
const memoryOver = async (folder: string, messages: number): Promise<number> => {
  const broker = embeddedBroker(settings(folder), quiet)
  const part = Math.ceil(messages / 20)
  try {
    await broker.declare([directQueue('bench')])
    const pass = async (count: number): Promise<number> => {
      await Promise.all([publishAll(broker, 'bench', count), consumeAll(broker, 'bench', count)])
      return processUsage(process.pid).rssBytes
    }
    const warmBytes = await pass(part)
    let peakBytes = warmBytes
    for (let done = part; done < messages; done += part) peakBytes = Math.max(peakBytes, await pass(part))
    return peakBytes - warmBytes
  } finally {
    await broker.close()
  }
}

export const measureEmbedded = async (messages: number, rounds: number, memoryMessages: number): Promise<EmbeddedResult> => {
  const folder = temporaryFolder()
  const rates = { bare: [] as number[], bareBatched: [] as number[], headgate: [] as number[] }
  try {
    for (let round = 0; round < rounds; round += 1) {
      rates.bare.push(bareLoop(folder, messages, 1))
      rates.headgate.push(await throughBroker(folder, messages))
      rates.bareBatched.push(bareLoop(folder, messages, 100))
    }
    return {
      messages,
      rounds,
      bare: median(rates.bare),
      bareBatched: median(rates.bareBatched),
      headgate: median(rates.headgate),
      memory: { messages: memoryMessages, growthBytes: await memoryOver(folder, memoryMessages) },
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (import.meta.main) {
  const messages = Number(process.argv[2] ?? 20_000)
  console.log(await measureEmbedded(messages, 3, messages * 10))
}
