import type { DatabaseSync } from 'node:sqlite'
import type { Tick } from '../sqlite/program.ts'
import type { Claims } from './claims.ts'
import type { Departures } from './departures.ts'
import type { Messages } from './messages.ts'
import type { Owners } from './owners.ts'
import type { Queue, Queues } from './queues.ts'

/** How often other owners, expired messages and free pages are looked at, in milliseconds. */
const roundMs = 1000
/** How often a look is taken at what other processes have stored: after a change at first, then less and less, and when there are no others. */
const busyPollMs = 10
const quietPollMs = 50
const alonePollMs = 100
const maxPromotions = 1000
/** Free pages that may stay in the file for new messages; beyond them, and half of the file, they are given back in steps. */
const keptPages = 4096
const pagesPerStep = 2000
/** Transactions between two rounds of a process that has little to do. */
const quietCommits = 20

export interface UpkeepDeps {
  readonly database: DatabaseSync
  readonly owners: Owners
  readonly queues: Queues
  readonly messages: Messages
  readonly claims: Claims
  readonly departures: Departures
  now(): number
  /** Transactions of this process so far. */
  commits(): number
  again(inMs: number): void
}

/** What happens without being asked for: delays end, messages expire, other processes publish or die, free pages go back to the disk. */
export function upkeep({ database, owners, queues, messages, claims, departures, now, commits, again }: UpkeepDeps): () => Tick {
  const dataVersion = database.prepare('PRAGMA data_version')
  const freePages = database.prepare('PRAGMA freelist_count')
  const allPages = database.prepare('PRAGMA page_count')
  const checkpoint = database.prepare('PRAGMA wal_checkpoint(TRUNCATE)')
  let version: unknown
  let pollMs = busyPollMs
  let roundAt = 0
  // Before the file was opened the clock may have gone back, too.
  let lastNow = Infinity
  let alone = false
  let shrunk = false
  let commitsBefore = 0

  const othersWrote = (): boolean => {
    const current = dataVersion.get()?.['data_version']
    const changed = current !== version
    version = current
    pollMs = changed ? busyPollMs : Math.min(quietPollMs, pollMs * 1.25)
    return changed
  }
  const hasSlack = (): boolean => {
    const free = Number(freePages.get()?.['freelist_count'])
    return free > keptPages && free * 2 > Number(allPages.get()?.['page_count'])
  }
  const shrink = (): void => {
    database.exec(`PRAGMA incremental_vacuum(${pagesPerStep})`)
    roundAt = 0
    shrunk = true
  }
  /** The file gets shorter only when its log is written back; gives way to whoever uses it. */
  const truncate = (): void => {
    if (!shrunk || hasSlack()) return
    const { busy } = checkpoint.get() ?? {}
    shrunk = busy !== 0
  }
  const clockWrites = (nowMs: number): (() => void)[] => {
    const back = nowMs < lastNow
    lastNow = nowMs
    const writes: (() => void)[] = []
    if (back) writes.push(() => messages.shortenDelays(nowMs))
    if (messages.nextDueMs() <= nowMs) writes.push(() => void messages.promote(nowMs, maxPromotions))
    return writes
  }
  /** Whether nobody would be held up by work on the file. */
  const isQuiet = (changed: boolean): boolean => {
    const since = commits() - commitsBefore
    commitsBefore = commits()
    return !changed && since <= quietCommits
  }
  const roundWrites = (quiet: boolean): (() => void)[] => {
    const dead = owners.findDead()
    const expiring: Queue[] = [...queues.declared()].filter((queue) => queue.ttlMs !== Infinity && departures.hasExpired(queue))
    alone = !owners.others()
    if (quiet) truncate()
    return [
      ...dead.map((owner) => () => void owners.bury(owner)),
      ...expiring.map((queue) => () => {
        if (!departures.expire(queue)) return
        roundAt = 0
        again(0)
      }),
      ...(quiet && hasSlack() ? [shrink] : []),
    ]
  }

  return () => {
    const nowMs = now()
    const changed = othersWrote()
    const writes = clockWrites(nowMs)
    if (performance.now() >= roundAt) {
      roundAt = performance.now() + roundMs
      writes.push(...roundWrites(isQuiet(changed)))
    }
    if (writes.length === 0 && claims.wanted()) writes.push(() => undefined)
    const dueInMs = messages.nextDueMs() - nowMs
    return {
      againMs: Math.max(1, Math.min(alone ? alonePollMs : pollMs, dueInMs)),
      ...(writes.length === 0
        ? {}
        : {
            write: () => {
              for (const each of writes) each()
            },
          }),
    }
  }
}
