import { expect } from 'vitest'
import { type Cases, addressOf, idsOf, refusal } from './bench.ts'
import { ack } from './inbox.ts'
import { lettersNow, lettersOf } from './letters.ts'

const busy = { type: 'status_503', message: 'answered 503' }

export const deadLetterCases: Cases = (specify) => {
  specify('a dead letter tells everything: reason, last error, counts, times, headers and where it came from', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    const message = bench.message({
      headers: { 'idempotency-key': 'intent', 'ce-type': 'OrderCreated', 'x-odd': 'ü €' },
      contentType: 'text/plain; charset=utf-8',
      body: Buffer.from('gefüllt'),
      key: 'customer',
      publishedAtMs: Date.now() - 1234,
    })
    await broker.publish(addressOf(queue), message)
    const inbox = bench.subscribe(broker, queue)
    const before = Date.now()
    await (await inbox.next()).settle({ outcome: 'retry', delayMs: 20, attempts: 3, error: busy })
    const second = await inbox.next()
    await second.settle({ outcome: 'dead_letter', reason: 'failed', attempts: 2, error: { type: 'status_500', message: 'Internal <error>' } })
    const [letter] = await lettersOf(broker, queue, 1)
    if (letter === undefined) throw new Error('no letter')
    const { exchange, routingKey, firstFailedAtMs, parkedAtMs, ...rest } = letter
    expect(rest).toEqual({
      id: message.id,
      queue: queue.name,
      reason: 'failed',
      lastError: { type: 'status_500', message: 'Internal <error>' },
      attempts: 5,
      deliveries: 2,
      publishedAtMs: message.publishedAtMs,
      contentType: message.contentType,
      headers: message.headers,
      key: 'customer',
      bodyBytes: 8,
    })
    expect([queue.exchange, undefined]).toContain(exchange)
    expect([queue.name, undefined]).toContain(routingKey)
    expect(firstFailedAtMs).toBe(second.history.firstFailedAtMs)
    expect(parkedAtMs).toBeGreaterThanOrEqual(before)
    expect(parkedAtMs).toBeLessThanOrEqual(Date.now())
  })

  specify('a message that is refused at its first delivery first failed when it was parked', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    const before = Date.now()
    await bench.park(broker, queue, 1)
    const [letter] = await lettersOf(broker, queue, 1)
    expect(letter).toMatchObject({ reason: 'rejected', attempts: 1, deliveries: 1, lastError: refusal })
    expect(letter?.firstFailedAtMs).toBeGreaterThanOrEqual(before)
    expect(letter?.firstFailedAtMs).toBeLessThanOrEqual(letter?.parkedAtMs ?? 0)
  })

  specify('words about an error are kept up to 500 characters, odd ones too', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    await broker.publish(addressOf(queue), bench.message())
    const message = `ü€ "quoted"\n${'x'.repeat(5000)}`
    await (await bench.subscribe(broker, queue).next()).settle({
      outcome: 'dead_letter',
      reason: 'invalid',
      attempts: 1,
      error: { type: 'body_too_large', message },
    })
    const [letter] = await lettersOf(broker, queue, 1)
    expect(letter?.lastError).toEqual({ type: 'body_too_large', message: message.slice(0, 500) })
  })

  specify('an empty body can be parked and shown', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    const [message] = await bench.park(broker, queue, 1, { body: Buffer.alloc(0), contentType: undefined })
    await lettersOf(broker, queue, 1)
    const shown = await broker.deadLetters.show(queue.name, message?.id ?? '')
    expect(shown?.letter).toMatchObject({ bodyBytes: 0, contentType: undefined })
    expect(shown?.message.body).toHaveLength(0)
  })

  specify('list gives the oldest first, in every queue its own', async (bench) => {
    const queue = bench.queue()
    const other = bench.queue({ name: bench.unique('other') })
    const broker = await bench.open(queue, other)
    const parked = await bench.park(broker, queue, 5)
    await bench.park(broker, other, 1)
    const letters = await lettersOf(broker, queue, 5)
    expect(idsOf(letters)).toEqual(idsOf(parked))
    const times = letters.map((letter) => letter.parkedAtMs)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
  })

  specify('list takes nothing away: twice, stopped early, from another instance, it finds the same', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    const parked = await bench.park(broker, queue, 4)
    expect(idsOf(await lettersOf(broker, queue, 4))).toEqual(idsOf(parked))
    for await (const letter of broker.deadLetters.list(queue.name, {})) {
      expect(letter.id).toBe(parked[0]?.id)
      break
    }
    expect(idsOf(await lettersOf(broker, queue, 4))).toEqual(idsOf(parked))
    await broker.close()
    expect(idsOf(await lettersOf(await bench.open(queue), queue, 4))).toEqual(idsOf(parked))
  })

  specify('list filters by id, reason, type of error and parking time, all at once if asked', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    const parked = await bench.park(broker, queue, 3)
    const failed = bench.message()
    await broker.publish(addressOf(queue), failed)
    await (await bench.subscribe(broker, queue).next()).settle({ outcome: 'dead_letter', reason: 'failed', attempts: 3, error: busy })
    const all = await lettersOf(broker, queue, 4)
    const found = async (filter: Parameters<typeof broker.deadLetters.list>[1]): Promise<readonly number[]> => {
      const letters = await lettersNow(broker, queue, filter)
      return letters.map((letter) => all.findIndex(({ id }) => id === letter.id))
    }
    const [first, second] = idsOf(parked)
    const middleMs = all[1]?.parkedAtMs ?? 0
    expect(await found({ ids: [second ?? '', first ?? '', 'nobody'] })).toEqual([0, 1])
    expect(await found({ ids: [] })).toEqual([])
    expect(await found({ reason: 'rejected' })).toEqual([0, 1, 2])
    expect(await found({ reason: 'interrupted' })).toEqual([])
    expect(await found({ errorType: 'status_503' })).toEqual([3])
    expect(await found({ errorType: 'status' })).toEqual([])
    expect(await found({ parkedFromMs: middleMs })).toEqual([1, 2, 3])
    expect(await found({ parkedBeforeMs: middleMs })).toEqual([0])
    expect(await found({ parkedFromMs: middleMs, reason: 'rejected', ids: [first ?? '', second ?? ''] })).toEqual([1])
  })

  specify('show gives the whole message, and nothing for an unknown id', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    const body = Buffer.from([0, 255, 1, 254])
    const [message] = await bench.park(broker, queue, 1, { body, headers: { a: 'b' }, key: 'k' })
    await lettersOf(broker, queue, 1)
    const shown = await broker.deadLetters.show(queue.name, message?.id ?? '')
    expect(shown?.letter).toMatchObject({ id: message?.id, bodyBytes: 4 })
    expect(shown?.message).toMatchObject({ id: message?.id, headers: { a: 'b' }, key: 'k', contentType: 'application/json' })
    expect(Buffer.from(shown?.message.body ?? []).equals(body)).toBe(true)
    expect(await broker.deadLetters.show(queue.name, 'nobody')).toBeUndefined()
    expect(idsOf(await lettersOf(broker, queue, 1))).toEqual([message?.id])
  })

  specify('parking goes on while the letters are being listed', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    const parked = await bench.park(broker, queue, 3)
    await lettersOf(broker, queue, 3)
    const listed: string[] = []
    for await (const letter of broker.deadLetters.list(queue.name, {})) {
      if (listed.length === 0) await bench.park(broker, queue, 1)
      listed.push(letter.id)
    }
    expect(listed.slice(0, 3)).toEqual(idsOf(parked))
    await lettersOf(broker, queue, 4)
  })

  specify('a dead letter does not come back as a delivery', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    await bench.park(broker, queue, 2)
    await lettersOf(broker, queue, 2)
    const message = bench.message()
    await broker.publish(addressOf(queue), message)
    const inbox = bench.subscribe(broker, queue, { settle: ack })
    await inbox.have(1)
    expect(inbox.ids()).toEqual([message.id])
  })
}
