import { expect } from 'vitest'
import { until } from '../../kit/until.ts'
import { type Cases, addressOf, idsOf } from './bench.ts'
import { ack, stays, patienceMs } from './inbox.ts'
import { lettersNow, lettersOf } from './letters.ts'

const busy = { type: 'status_503', message: 'answered 503' }

/** Clocks of the broker and of this process may round to different milliseconds. */
const roundingMs = 5

export const settlementCases: Cases = (specify) => {
  specify('ack: the message leaves the queue', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    await broker.publish(addressOf(queue), bench.message())
    await (await bench.subscribe(broker, queue).next()).settle({ outcome: 'ack' })
    await until('the queue is empty', async () => (await broker.stats())[0]?.depth === 0, patienceMs)
    await broker.close()
    await stays(0, bench.subscribe(await bench.open(queue), queue))
  })

  specify('retry: the message comes back not before its delay, with what failed counted', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    await broker.publish(addressOf(queue), bench.message())
    const inbox = bench.subscribe(broker, queue)
    const failedAtMs = Date.now()
    for (const { delayMs, attempts } of [
      { delayMs: 300, attempts: 3 },
      { delayMs: 20, attempts: 2 },
    ]) {
      const delivery = await inbox.next()
      const settledAtMs = performance.now()
      const before = inbox.deliveries.length
      await delivery.settle({ outcome: 'retry', delayMs, attempts, error: busy })
      await inbox.have(before + 1)
      expect(performance.now() - settledAtMs).toBeGreaterThanOrEqual(delayMs - roundingMs)
    }
    const [, second, third] = inbox.deliveries.map(({ history }) => history)
    expect(second).toMatchObject({ deliveries: 2, failures: 1, attempts: 3 })
    expect(third).toMatchObject({ deliveries: 3, failures: 2, attempts: 5 })
    expect(third?.firstFailedAtMs).toBe(second?.firstFailedAtMs)
    expect(second?.firstFailedAtMs).toBeGreaterThanOrEqual(failedAtMs - roundingMs)
    expect(second?.firstFailedAtMs).toBeLessThanOrEqual(Date.now() + roundingMs)
  })

  specify('retry without delay comes back at once', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    await broker.publish(addressOf(queue), bench.message())
    const inbox = bench.subscribe(broker, queue)
    await (await inbox.next()).settle({ outcome: 'retry', delayMs: 0, attempts: 1, error: busy })
    expect((await inbox.next()).history.failures).toBe(1)
  })

  specify('a retry that waits does not stop later messages', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    const messages = await bench.publishOrdered(broker, queue, 20)
    const later = { outcome: 'retry', delayMs: 1500, attempts: 1, error: busy } as const
    const fails = (id: string, failures: number): boolean => id === messages[0]?.id && failures === 0
    const inbox = bench.subscribe(broker, queue, {
      prefetch: 1,
      settle: ({ message, history }) => (fails(message.id, history.failures) ? later : ack()),
    })
    await inbox.have(20)
    expect(inbox.ids()).toEqual(idsOf(messages))
    await inbox.have(21)
    expect(inbox.ids().at(-1)).toBe(messages[0]?.id)
  })

  specify('a retry that waits lives through the end of its instance', async (bench) => {
    const queue = bench.queue()
    const first = await bench.open(queue)
    const message = bench.message()
    await first.publish(addressOf(queue), message)
    await (await bench.subscribe(first, queue).next()).settle({ outcome: 'retry', delayMs: 500, attempts: 2, error: busy })
    await first.close()
    const delivery = await bench.subscribe(await bench.open(queue), queue).next()
    expect(delivery.message.id).toBe(message.id)
    expect(delivery.history).toMatchObject({ failures: 1, attempts: 2 })
  })

  specify('a retry comes back to its own queue only', async (bench) => {
    const exchange = bench.unique('exchange')
    const [a, b] = [
      bench.queue({ name: bench.unique('a'), exchange, type: 'fanout' }),
      bench.queue({ name: bench.unique('b'), exchange, type: 'fanout' }),
    ]
    const broker = await bench.open(a, b)
    await broker.publish(addressOf(a), bench.message())
    const others = bench.subscribe(broker, b, { settle: ack })
    const inbox = bench.subscribe(broker, a)
    await (await inbox.next()).settle({ outcome: 'retry', delayMs: 20, attempts: 1, error: busy })
    await inbox.have(2)
    await others.have(1)
    await stays(1, others)
  })

  specify('release: the message comes back not before its delay, and nothing is counted', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    const message = bench.message()
    await broker.publish(addressOf(queue), message)
    const inbox = bench.subscribe(broker, queue)
    const settledAtMs = performance.now()
    await (await inbox.next()).settle({ outcome: 'release', delayMs: 200 })
    const again = await inbox.next()
    expect(performance.now() - settledAtMs).toBeGreaterThanOrEqual(200 - roundingMs)
    await again.settle({ outcome: 'release', delayMs: 0 })
    const third = await inbox.next()
    expect(third.message.id).toBe(message.id)
    expect(third.history).toMatchObject({ failures: 0, attempts: 0, firstFailedAtMs: undefined })
  })

  specify('release keeps what was counted before', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    await broker.publish(addressOf(queue), bench.message())
    const inbox = bench.subscribe(broker, queue)
    await (await inbox.next()).settle({ outcome: 'retry', delayMs: 0, attempts: 3, error: busy })
    const failed = await inbox.next()
    await failed.settle({ outcome: 'release', delayMs: 0 })
    const { history } = await inbox.next()
    expect(history).toMatchObject({ failures: 1, attempts: 3, firstFailedAtMs: failed.history.firstFailedAtMs })
  })

  specify('dead_letter: the message is parked and leaves the queue', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    const message = bench.message()
    await broker.publish(addressOf(queue), message)
    const inbox = bench.subscribe(broker, queue)
    await (await inbox.next()).settle({ outcome: 'dead_letter', reason: 'failed', attempts: 3, error: busy })
    expect(idsOf(await lettersOf(broker, queue, 1))).toEqual([message.id])
    await stays(1, inbox)
    await until('the queue is empty', async () => (await broker.stats())[0]?.depth === 0, patienceMs)
  })

  specify('dead_letter on a queue that keeps none: the message is discarded', async (bench) => {
    const queue = bench.queue({ deadLetter: false })
    const broker = await bench.open(queue)
    await broker.publish(addressOf(queue), bench.message())
    const inbox = bench.subscribe(broker, queue)
    await (await inbox.next()).settle({ outcome: 'dead_letter', reason: 'rejected', attempts: 1, error: busy })
    await until('the queue is empty', async () => (await broker.stats())[0]?.depth === 0, patienceMs)
    await stays(1, inbox)
    expect(await lettersNow(broker, queue)).toEqual([])
  })

  specify('a second settlement is refused and changes nothing', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    await broker.publish(addressOf(queue), bench.message())
    const inbox = bench.subscribe(broker, queue)
    const delivery = await inbox.next()
    await delivery.settle({ outcome: 'ack' })
    await expect(delivery.settle({ outcome: 'retry', delayMs: 0, attempts: 1, error: busy })).rejects.toBeInstanceOf(Error)
    await stays(1, inbox)
  })

  specify('one poison message among ten: the other nine come once', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    const messages = await bench.publishOrdered(broker, queue, 10)
    const poison = messages[3]?.id
    const inbox = bench.subscribe(broker, queue, {
      settle: ({ message, history }) => {
        if (message.id !== poison) return ack()
        if (history.failures < 2) return { outcome: 'retry', delayMs: 10, attempts: 1, error: busy }
        return { outcome: 'dead_letter', reason: 'failed', attempts: 1, error: busy }
      },
    })
    const [letter] = await lettersOf(broker, queue, 1)
    expect(letter).toMatchObject({ id: poison, attempts: 3 })
    await until('nine others and three times the poison have come', () => inbox.deliveries.length === 12, patienceMs)
    expect(inbox.ids().filter((id) => id !== poison)).toEqual(idsOf(messages).filter((id) => id !== poison))
  })
}
