import { expect } from 'vitest'
import type { Settlement } from '../../../gateway/messaging/settlement.ts'
import { type Cases, addressOf, idsOf, publishAll, refusal } from './bench.ts'
import { ack, stays } from './inbox.ts'
import { lettersNow, lettersOf } from './letters.ts'

const refuse = (): Settlement => ({ outcome: 'dead_letter', reason: 'rejected', attempts: 1, error: refusal })

export const replayCases: Cases = (specify) => {
  specify('replay delivers the message again with its id, headers, key and idempotency key, and fresh counts', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    const body = Buffer.from([1, 0, 255])
    const headers = { 'idempotency-key': 'intent', 'ce-type': 'OrderCreated' }
    const message = bench.message({ body, headers, key: 'customer' })
    await broker.publish(addressOf(queue), message)
    const inbox = bench.subscribe(broker, queue)
    await (await inbox.next()).settle({ outcome: 'retry', delayMs: 0, attempts: 3, error: refusal })
    await (await inbox.next()).settle(refuse())
    await lettersOf(broker, queue, 1)

    expect(await broker.deadLetters.replay(queue.name, { ids: [message.id] })).toBe(1)
    const again = await inbox.next()
    expect(again.message).toMatchObject({ id: message.id, headers, key: 'customer', contentType: 'application/json' })
    expect(Buffer.from(again.message.body).equals(body)).toBe(true)
    expect(again.history).toEqual({ deliveries: 1, failures: 0, attempts: 0, firstFailedAtMs: undefined })
    await lettersOf(broker, queue, 0)
  })

  specify('replay goes to the queue of the dead letter only, not through its exchange', async (bench) => {
    const exchange = bench.unique('exchange')
    const [a, b] = [
      bench.queue({ name: bench.unique('a'), exchange, type: 'fanout' }),
      bench.queue({ name: bench.unique('b'), exchange, type: 'fanout' }),
    ]
    const broker = await bench.open(a, b)
    const others = bench.subscribe(broker, b, { settle: ack })
    await bench.park(broker, a, 1)
    await others.have(1)
    await lettersOf(broker, a, 1)
    expect(await broker.deadLetters.replay(a.name, {})).toBe(1)
    await bench.subscribe(broker, a).have(1)
    await stays(1, others)
  })

  specify('replay and drop take those that the filter means, and leave the others in their order', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    const ids = idsOf(await bench.park(broker, queue, 5))
    await lettersOf(broker, queue, 5)
    expect(await broker.deadLetters.replay(queue.name, { ids: [ids[1] ?? '', 'nobody'] })).toBe(1)
    expect(await broker.deadLetters.drop(queue.name, { ids: [ids[3] ?? ''] })).toBe(1)
    expect(await broker.deadLetters.drop(queue.name, { reason: 'expired' })).toBe(0)
    expect(await broker.deadLetters.replay(queue.name, { ids: [] })).toBe(0)
    await lettersOf(broker, queue, 3)
    expect(idsOf(await lettersOf(broker, queue, 3))).toEqual([ids[0], ids[2], ids[4]])
    const inbox = bench.subscribe(broker, queue, { settle: ack })
    await inbox.have(1)
    await stays(1, inbox)
    expect(inbox.ids()).toEqual([ids[1]])
  })

  specify('what was replayed and dropped has gone for other instances too', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    await bench.park(broker, queue, 4)
    const letters = idsOf(await lettersOf(broker, queue, 4))
    expect(await broker.deadLetters.drop(queue.name, { ids: letters.slice(0, 2) })).toBe(2)
    expect(await broker.deadLetters.replay(queue.name, {})).toBe(2)
    await broker.close()
    const other = await bench.open(queue)
    expect(await lettersNow(other, queue)).toEqual([])
    expect(await other.deadLetters.show(queue.name, letters[0] ?? '')).toBeUndefined()
    await bench.subscribe(other, queue, { settle: ack }).have(2)
  })

  specify('many are replayed in their order, with progress', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    const refused = bench.subscribe(broker, queue, { prefetch: 50, settle: refuse })
    const messages = Array.from({ length: 300 }, () => bench.message({ key: 'one' }))
    await publishAll(broker, addressOf(queue), messages)
    const letters = idsOf(await lettersOf(broker, queue, 300))
    await refused.stop()
    const seen: number[] = []
    expect(await broker.deadLetters.replay(queue.name, {}, (done) => seen.push(done))).toBe(300)
    expect(seen).toEqual(seen.toSorted((a, b) => a - b))
    expect(seen.at(-1) ?? 0).toBeGreaterThan(0)
    expect(seen.at(-1)).toBeLessThanOrEqual(300)
    const inbox = bench.subscribe(broker, queue, { prefetch: 50, settle: ack })
    await inbox.have(300)
    expect(inbox.ids()).toEqual(letters)
  })

  specify('many are dropped, with progress', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    const refused = bench.subscribe(broker, queue, { prefetch: 50, settle: refuse })
    const messages = Array.from({ length: 200 }, () => bench.message())
    await publishAll(broker, addressOf(queue), messages)
    await lettersOf(broker, queue, 200)
    await refused.stop()
    const seen: number[] = []
    expect(await broker.deadLetters.drop(queue.name, {}, (done) => seen.push(done))).toBe(200)
    expect(seen.at(-1) ?? 0).toBeGreaterThan(0)
    await lettersOf(broker, queue, 0)
    await stays(0, bench.subscribe(broker, queue))
  })

  specify('letters that are parked while a replay runs are left alone: it ends, and none is lost', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    const inbox = bench.subscribe(broker, queue, { prefetch: 20, settle: refuse })
    const messages = Array.from({ length: 60 }, () => bench.message())
    await publishAll(broker, addressOf(queue), messages)
    await lettersOf(broker, queue, 60)
    expect(await broker.deadLetters.replay(queue.name, {})).toBe(60)
    await inbox.have(120)
    await lettersOf(broker, queue, 60)
    expect(new Set(idsOf(await lettersOf(broker, queue, 60)))).toEqual(new Set(idsOf(messages)))
    await stays(120, inbox)
  })

  specify('a message can be parked, replayed and parked again', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    const message = bench.message()
    await broker.publish(addressOf(queue), message)
    const inbox = bench.subscribe(broker, queue)
    for (let round = 0; round < 3; round += 1) {
      await (await inbox.next()).settle(refuse())
      const [letter] = await lettersOf(broker, queue, 1)
      expect(letter).toMatchObject({ id: message.id, attempts: 1, deliveries: 1 })
      expect(await broker.deadLetters.replay(queue.name, { ids: [message.id] })).toBe(1)
    }
    await (await inbox.next()).settle({ outcome: 'ack' })
    expect(await lettersNow(broker, queue)).toEqual([])
  })

  specify('nothing happens for a queue without dead letters', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    expect(await lettersNow(broker, queue)).toEqual([])
    expect(await broker.deadLetters.replay(queue.name, {})).toBe(0)
    expect(await broker.deadLetters.drop(queue.name, {})).toBe(0)
  })
}
