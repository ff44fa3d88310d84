import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../../../test/kit/until.ts'
import type { Broker } from '../broker.ts'
import { maxInterruptions } from '../settlement.ts'
import { message } from '../../../test/kit/messages.ts'
import { collect, scene, work, workQueue } from './test/scene.ts'
import type { Scene } from './test/scene.ts'

let here: Scene

beforeEach(async () => {
  here = await scene()
})
afterEach(() => here.close())

const depth = async (broker: Broker): Promise<number | undefined> => (await broker.stats())[0]?.depth

/** Looks into the file, or changes it, as nobody else does. */
const inFile = <Result>(use: (database: DatabaseSync) => Result): Result => {
  const database = new DatabaseSync(here.path, { timeout: 5000 })
  try {
    return use(database)
  } finally {
    database.close()
  }
}

describe('publishing', () => {
  test('messages published at the same time share a commit', async () => {
    const broker = await here.open()
    await Promise.all(Array.from({ length: 500 }, () => broker.publish(work, message())))
    // One commit for each would have written at least three pages each.
    expect((await stat(`${here.path}-wal`)).size).toBeLessThan(500 * 4096)
    expect(broker.status()).toMatchObject({ confirmed: 500, failed: 0, unconfirmed: 0, state: 'connected' })
  })

  test('a body of 128 MB is refused, and the next message is stored', async () => {
    const broker = await here.open()
    await expect(broker.publish(work, message({ body: Buffer.alloc(128 * 1024 * 1024) }))).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' })
    await broker.publish(work, message())
    expect(await depth(broker)).toBe(1)
  })

  test('10,000 headers and bytes that are no text come back as they were', async () => {
    const broker = await here.open()
    const headers = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`x-${index}`, `value ${index}`]))
    const body = Buffer.from([0xff, 0xfe, 0x00, 0xc3, 0x28])
    await broker.publish(work, message({ headers, body }))
    await broker.publish(work, message({ body: Buffer.alloc(0) }))
    const { deliveries } = collect(broker)
    await until('both are there', () => deliveries.length === 2)
    expect(deliveries[0]?.message.headers).toEqual(headers)
    expect(deliveries[0]?.message.body).toEqual(body)
    expect(deliveries[1]?.message.body).toEqual(Buffer.alloc(0))
    expect(deliveries[1]?.message.headers).toEqual({})
  })

  test('the body stays usable for its publisher', async () => {
    const broker = await here.open()
    const body = Buffer.alloc(100_000, 7)
    await broker.publish(work, message({ body }))
    expect(body.every((byte) => byte === 7)).toBe(true)
  })

  test('no more publishes wait for the disk than are allowed to', async () => {
    const broker = await here.open([workQueue], { maxUnconfirmed: 10 })
    const settled = await Promise.allSettled(Array.from({ length: 30 }, () => broker.publish(work, message())))
    const refused = settled.filter((each) => each.status === 'rejected')
    expect(refused).toHaveLength(20)
    expect(refused[0]).toMatchObject({ reason: { code: 'QUEUE_FULL' } })
    await broker.publish(work, message())
  })

  test('a publish that is not confirmed in time is given up', async () => {
    const broker = await here.open([workQueue], { publishTimeoutMs: 100 })
    const other = new DatabaseSync(here.path)
    other.exec('BEGIN IMMEDIATE')
    await expect(broker.publish(work, message())).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
    other.exec('ROLLBACK')
    other.close()
    await broker.publish(work, message())
  })

  test('a fan-out is stored in every queue or in none', async () => {
    const audit = { ...workQueue, type: 'fanout', bindings: [] } as const
    const queues = [
      { ...audit, name: 'first' },
      { ...audit, name: 'second', maxLength: 1 },
    ]
    const broker = await here.open(queues)
    await broker.publish(work, message())
    await expect(broker.publish(work, message())).rejects.toMatchObject({ code: 'QUEUE_FULL' })
    expect((await broker.stats()).map((each) => each.depth)).toEqual([1, 1])
  })
})

describe('the clock', () => {
  test('going back holds up neither messages nor delays', async () => {
    const broker = await here.open()
    const { deliveries } = collect(broker)
    await broker.publish(work, message())
    await until('it is there', () => deliveries.length === 1)
    await deliveries[0]?.settle({ outcome: 'release', delayMs: 300 })
    here.clock.aheadMs = -3_600_000
    await broker.publish(work, message())
    await until('the other is there', () => deliveries.length === 2)
    await until('the delayed one is there again', () => deliveries.length === 3)
    expect(deliveries[2]?.message.id).toBe(deliveries[0]?.message.id)
  })

  test('going on ends delays and lets messages expire', async () => {
    const broker = await here.open([{ ...workQueue, ttlMs: 3_600_000 }])
    const { deliveries } = collect(broker, { prefetch: 1 })
    await broker.publish(work, message())
    await until('it is there', () => deliveries.length === 1)
    await broker.publish(work, message())
    here.clock.aheadMs = 3_700_000
    await until('the one that waits is parked', async () => (await broker.stats())[0]?.deadLetters === 1)
    expect(here.logged).toContainEqual({ level: 'debug', message: 'messages have expired and were parked' })
  })
})

describe('what is not durable', () => {
  test('goes when the file is opened by the first process', async () => {
    const queues = [workQueue, { ...workQueue, name: 'fleeting', exchange: 'fleeting', bindings: ['fleeting'], durable: false }]
    const first = await here.open(queues)
    await first.publish({ exchange: 'fleeting', routingKey: 'fleeting' }, message())
    await first.publish(work, message())
    const second = await here.open(queues)
    expect((await second.stats()).map((each) => each.depth)).toEqual([1, 1])
    await first.close()
    await second.close()
    const third = await here.open(queues)
    expect((await third.stats()).map((each) => each.depth)).toEqual([1, 0])
  })
})

describe('interruptions', () => {
  const interrupt = async (times: number): Promise<void> => {
    const broker = await here.open()
    await broker.publish(work, message())
    await broker.close()
    inFile((database) => database.prepare('UPDATE messages SET deliveries = ?').run(times))
  }

  test('do not count as failures', async () => {
    await interrupt(maxInterruptions)
    const { deliveries } = collect(await here.open())
    await until('it is there', () => deliveries.length === 1)
    expect(deliveries[0]?.history).toEqual({ deliveries: maxInterruptions + 1, failures: 0, attempts: 0, firstFailedAtMs: undefined })
  })

  test('park a message when there are too many of them', async () => {
    await interrupt(maxInterruptions + 1)
    const broker = await here.open()
    collect(broker)
    await until('it is parked', async () => (await broker.stats())[0]?.deadLetters === 1)
    for await (const letter of broker.deadLetters.list('work', {})) {
      expect(letter).toMatchObject({ reason: 'interrupted', lastError: { type: 'interrupted' } })
    }
    expect(here.logged).toContainEqual({ level: 'warn', message: 'messages were parked' })
  })

  test('are not counted for deliveries that a closing broker gives back', async () => {
    for (let round = 0; round < 3; round += 1) {
      const broker = await here.open()
      if (round === 0) await broker.publish(work, message())
      const { deliveries } = collect(broker)
      await until('it is there', () => deliveries.length === 1)
      await broker.close()
      expect(deliveries[0]?.lost.aborted).toBe(true)
    }
    expect(inFile((database) => database.prepare('SELECT deliveries - failures - releases AS interruptions FROM messages').get())).toEqual({
      interruptions: 0,
    })
  })
})

describe('trouble with the file', () => {
  test('something else in its place is a misconfiguration, said in a sentence', async () => {
    await writeFile(here.path, 'a diary, not a database. '.repeat(400))
    await expect(here.open()).rejects.toMatchObject({ code: 'BROKER_MISCONFIGURED' })
    await expect(here.open()).rejects.toThrow('not an SQLite database')
  })

  test('a folder in its place is a misconfiguration', async () => {
    await mkdir(here.path)
    await expect(here.open()).rejects.toThrow(here.path)
  })

  test('a file of a newer version, or of another program, is left alone', async () => {
    inFile((database) => database.exec('PRAGMA user_version = 99'))
    await expect(here.open()).rejects.toThrow('newer version')
    inFile((database) => database.exec('PRAGMA user_version = 0; CREATE TABLE recipes (name TEXT)'))
    await expect(here.open()).rejects.toThrow('something else')
  })

  test('a full disk refuses messages, loses none, and takes more when there is room again', async () => {
    await writeFile(`${here.path}.pages`, '60')
    const broker = await here.openFaulty()
    const stored: string[] = []
    const fill = async (): Promise<void> => {
      for (;;) {
        const next = message({ body: Buffer.alloc(10_000) })
        await broker.publish(work, next)
        stored.push(next.id)
      }
    }
    await expect(fill()).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
    await expect(broker.publish(work, message({ body: Buffer.alloc(100_000) }))).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
    expect(here.logged.filter(({ level }) => level === 'error')).toHaveLength(1)
    const { deliveries } = collect(broker, { prefetch: 1000 })
    await until('all that was confirmed is there', () => deliveries.length === stored.length)
    expect(deliveries.map((delivery) => delivery.message.id)).toEqual(stored)
    await Promise.all(deliveries.map((delivery) => delivery.settle({ outcome: 'ack' })))
    await until('the broker has recovered', () => broker.status().state === 'connected')
    await broker.publish(work, message({ body: Buffer.alloc(10_000) }))
    expect(here.logged.at(-1)).toEqual({ level: 'info', message: 'the embedded broker stores again' })
  })

  test('a queue that could not be stored takes nothing', async () => {
    await writeFile(`${here.path}.pages`, '1')
    const broker = await here.openFaulty([{ ...workQueue, name: 'long'.repeat(5000) }])
    expect(here.logged).toContainEqual({ level: 'warn', message: 'the queues of the embedded broker are declared as soon as its file is there' })
    await expect(broker.publish(work, message())).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
    expect(await broker.stats()).toMatchObject([{ depth: 0 }])
  })

  test('a thread that dies is replaced; what it held is marked as lost and comes again', async () => {
    const broker = await here.openFaulty()
    await broker.publish(work, message())
    const { deliveries } = collect(broker)
    await until('it is there', () => deliveries.length === 1)
    const lost = deliveries[0]?.lost
    expect(lost?.aborted).toBe(false)
    await writeFile(`${here.path}.die`, '')
    await until('it is there again', () => deliveries.length === 2)
    expect(lost?.aborted).toBe(true)
    expect(deliveries[1]?.history).toMatchObject({ deliveries: 2, failures: 0 })
    await expect(deliveries[0]?.settle({ outcome: 'ack' })).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
    await deliveries[1]?.settle({ outcome: 'ack' })
    expect(await depth(broker)).toBe(0)
    expect(broker.status()).toMatchObject({ reconnects: 1, state: 'connected' })
  })

  test('nothing is left beside the file when it was closed', async () => {
    const broker = await here.open()
    await broker.publish(work, message())
    await broker.close()
    expect(await readdir(dirname(here.path))).toEqual([basename(here.path)])
  })

  test('the file shrinks after a flood', async () => {
    const broker = await here.open()
    const body = Buffer.alloc(200_000)
    for (let round = 0; round < 4; round += 1) await Promise.all(Array.from({ length: 75 }, () => broker.publish(work, message({ body }))))
    const flooded = (await stat(here.path)).size + (await stat(`${here.path}-wal`)).size
    expect(flooded).toBeGreaterThan(55_000_000)
    let acknowledged = 0
    broker.subscribe({ queue: 'work', prefetch: 50, holdMs: Infinity, exclusive: false, consumer: 'drain' }, (delivery) => {
      void delivery.settle({ outcome: 'ack' }).then(() => (acknowledged += 1))
    })
    await until('all is acknowledged', () => acknowledged === 300, 15_000)
    await until('the file is small again', async () => (await stat(here.path)).size < 20_000_000, 15_000)
  })
})
