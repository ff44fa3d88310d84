import { expect } from 'vitest'
import type { QueueConfig } from '../../../config/model.ts'
import type { Broker } from '../../../gateway/messaging/broker.ts'
import type { Message } from '../../../gateway/messaging/message.ts'
import type { Settlement } from '../../../gateway/messaging/settlement.ts'
import { until } from '../../kit/until.ts'
import { type Bench, type Cases, addressOf, idsOf } from './bench.ts'
import { ack, stays, patienceMs } from './inbox.ts'
import { lettersNow, lettersOf } from './letters.ts'

/** One message waits behind another one, that is held, for longer than the time to live. */
async function expire(bench: Bench, broker: Broker, queue: QueueConfig): Promise<Message> {
  const inbox = bench.subscribe(broker, queue, { prefetch: 1 })
  const [, late] = await bench.publishOrdered(broker, queue, 2)
  const held = await inbox.next()
  if (late === undefined) throw new Error('two were published')
  await until('the time to live has passed', () => Date.now() > late.publishedAtMs + queue.ttlMs + 300)
  await held.settle({ outcome: 'ack' })
  const [fresh] = await bench.publishOrdered(broker, queue, 1)
  expect((await inbox.next()).message.id).toBe(fresh?.id)
  await inbox.deliveries[1]?.settle({ outcome: 'ack' })
  await inbox.stop()
  return late
}

/** Publishes until the queue takes no more. */
async function fill(bench: Bench, broker: Broker, queue: QueueConfig, body: Buffer): Promise<readonly Message[]> {
  const stored: Message[] = []
  const full = async (): Promise<boolean> => {
    const message = bench.message({ body })
    const refused = await broker.publish(addressOf(queue), message).then(
      () => undefined,
      (error: unknown) => error,
    )
    if (refused === undefined) stored.push(message)
    else expect(refused).toMatchObject({ code: 'QUEUE_FULL' })
    return refused !== undefined
  }
  await until('the queue is full', full, patienceMs)
  return stored
}

export const limitCases: Cases = (specify, traits) => {
  specify('a message older than the ttl of its queue is parked as expired', async (bench) => {
    const queue = bench.queue({ ttlMs: 1500 })
    const broker = await bench.open(queue)
    const late = await expire(bench, broker, queue)
    const [letter] = await lettersOf(broker, queue, 1)
    expect(letter).toMatchObject({ id: late.id, queue: queue.name, reason: 'expired', attempts: 0, bodyBytes: late.body.length, key: late.key })
    expect(letter?.firstFailedAtMs).toBeUndefined()
  })

  specify('an expired message that is replayed has its whole time to live again', async (bench) => {
    const queue = bench.queue({ ttlMs: 1500 })
    const broker = await bench.open(queue)
    const late = await expire(bench, broker, queue)
    await lettersOf(broker, queue, 1)
    const inbox = bench.subscribe(broker, queue, { settle: ack })
    expect(await broker.deadLetters.replay(queue.name, { reason: 'expired' })).toBe(1)
    await inbox.have(1)
    expect(inbox.ids()).toEqual([late.id])
  })

  specify('a message older than the ttl of a queue without dead letters is discarded', async (bench) => {
    const queue = bench.queue({ ttlMs: 1500, deadLetter: false })
    const broker = await bench.open(queue)
    await expire(bench, broker, queue)
    expect(await lettersNow(broker, queue)).toEqual([])
    await until('the queue is empty', async () => (await broker.stats())[0]?.depth === 0, patienceMs)
  })

  specify('a body of exactly the largest size is taken, one byte more is refused and stored nowhere', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    const largest = bench.message({ body: Buffer.alloc(bench.maxMessageBytes, 7) })
    await broker.publish(addressOf(queue), largest)
    const larger = bench.message({ body: Buffer.alloc(bench.maxMessageBytes + 1) })
    await expect(broker.publish(addressOf(queue), larger)).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' })
    const inbox = bench.subscribe(broker, queue, { settle: ack })
    await inbox.have(1)
    await stays(1, inbox)
    expect(inbox.deliveries[0]?.message.body).toHaveLength(bench.maxMessageBytes)
  })

  specify('a queue that is not durable delivers and parks like any other while its broker lives', async (bench) => {
    const queue = bench.queue({ durable: false })
    const broker = await bench.open(queue)
    const [message] = await bench.park(broker, queue, 1)
    expect(idsOf(await lettersOf(broker, queue, 1))).toEqual([message?.id])
    expect(await broker.deadLetters.replay(queue.name, {})).toBe(1)
    await bench.subscribe(broker, queue, { settle: ack }).have(1)
  })

  if (!traits.refusesWhenFull) return

  specify('a queue of max_length refuses more, loses nothing, and takes again when it has room', async (bench) => {
    const queue = bench.queue({ maxLength: 5 })
    const broker = await bench.open(queue)
    const stored = await fill(bench, broker, queue, Buffer.from('x'))
    expect(stored.length).toBeGreaterThanOrEqual(5)
    const inbox = bench.subscribe(broker, queue, { settle: ack })
    await inbox.have(stored.length)
    expect(new Set(inbox.ids())).toEqual(new Set(idsOf(stored)))
    const more = bench.message()
    const takesAgain = (): Promise<boolean> =>
      broker.publish(addressOf(queue), more).then(
        () => true,
        () => false,
      )
    await until('the queue takes messages again', takesAgain, patienceMs)
    await inbox.have(stored.length + 1)
  })

  specify('a queue of max_size refuses more bytes than it may hold', async (bench) => {
    const queue = bench.queue({ maxBytes: 10_000 })
    const broker = await bench.open(queue)
    const stored = await fill(bench, broker, queue, Buffer.alloc(2500))
    const inbox = bench.subscribe(broker, queue, { prefetch: 100, settle: ack })
    await inbox.have(stored.length)
    await stays(stored.length, inbox)
  })

  specify('retries that come back to a queue that others have filled are not lost', async (bench) => {
    const queue = bench.queue({ maxLength: 3 })
    const broker = await bench.open(queue)
    const messages = await bench.publishOrdered(broker, queue, 3)
    const first = bench.subscribe(broker, queue)
    const retry: Settlement = { outcome: 'retry', delayMs: 500, attempts: 1, error: { type: 'status_503', message: 'busy' } }
    await first.have(3)
    first.subscription.pause()
    for (const delivery of first.deliveries) await delivery.settle(retry)
    const dueAtMs = Date.now() + retry.delayMs
    const others = await fill(bench, broker, queue, Buffer.from('x'))
    await until('the retries have been due for a while', () => Date.now() > dueAtMs + 500)
    await first.stop()
    const inbox = bench.subscribe(broker, queue, { settle: ack })
    const wanted = new Set(idsOf([...messages, ...others]))
    await inbox.have(wanted.size)
    expect(new Set(inbox.ids())).toEqual(wanted)
  })
}
