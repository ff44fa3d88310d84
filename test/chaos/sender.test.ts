import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished, expect, test } from 'vitest'
import { startUpstream } from '../kit/upstream.ts'
import type { SeenRequest } from '../kit/upstream.ts'
import { chance } from './chance.ts'
import { check } from './checker.ts'
import { ledger } from './ledger.ts'
import type { Body } from './record.ts'
import { type SenderOptions, sender } from './sender.ts'
import { startTarget } from './target.ts'

/** A door that does with the nth request whatever the test wants; a status of 0 breaks the connection off. */
async function door(statusOf: (request: number, seen: SeenRequest) => number | Promise<number>): Promise<string> {
  let requests = 0
  const server = await startUpstream((req, res, seen) => {
    requests += 1
    void Promise.resolve(statusOf(requests, seen)).then((status) => (status === 0 ? req.socket.destroy() : res.writeHead(status).end()))
  })
  onTestFinished(() => server.close())
  return server.url
}

function senderTo(
  url: string,
  differences: Partial<SenderOptions> = {},
): { readonly book: ReturnType<typeof ledger>; readonly sending: ReturnType<typeof sender> } {
  const book = ledger()
  const sending = sender({
    url,
    run: 'run',
    ledger: book,
    lanes: 4,
    ratePerSecond: Infinity,
    fate: () => 'handled',
    random: chance(1),
    ...differences,
  })
  onTestFinished(() => sending.close())
  return { book, sending }
}

test('every message is sent until it is acknowledged, each time under the same key', async () => {
  const keys = new Map<string, number>()
  const url = await door((request, { headers, body }) => {
    const key = String(headers['idempotency-key'])
    keys.set(key, (keys.get(key) ?? 0) + 1)
    expect(key).toBe(`run-${(JSON.parse(body) as Body).n}`)
    return [202, 503, 202, 0, 409, 202][request % 6] ?? 202
  })
  const { book, sending } = senderTo(url)
  await sending.send(30)
  expect([book.attempted, book.confirmed, keys.size]).toEqual([30, 30, 30])
  expect(Array.from(keys.keys(), (key) => book.tries(Number(key.slice(4))))).toEqual([...keys.values()])
  expect(Math.max(...keys.values())).toBeGreaterThan(1)
})

test('a refused message is not sent again, and is no acknowledged one', async () => {
  const { book, sending } = senderTo(await door((request) => (request === 2 ? 413 : 202)))
  await sending.send(5)
  expect([book.attempted, book.confirmed, [...book.refused]]).toEqual([5, 4, [[413, 1]]])
})

test('messages are sent no faster than asked', async () => {
  const { book, sending } = senderTo(await door(() => 202), { ratePerSecond: 100 })
  const startedAtMs = performance.now()
  await sending.send(40)
  expect(performance.now() - startedAtMs).toBeGreaterThan(350)
  expect(book.confirmed).toBe(40)
})

test('stopping ends the sending after what is under way, giving up ends it at once', async () => {
  const { book, sending } = senderTo(await door((request) => (request < 20 ? 202 : 503)))
  const sent = sending.send(Infinity)
  sending.stop()
  await sent
  expect(book.confirmed).toBe(book.attempted)
  const never = senderTo(await door(() => 503))
  const vain = never.sending.send(3)
  never.sending.giveUp()
  await vain
  expect(never.book.confirmed).toBe(0)
})

test('a door that forgets and repeats is found out by the target in its own process', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-chaos-test-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const target = await startTarget('run', folder, 1)
  onTestFinished(() => target.stop())
  const deliver = (body: string): Promise<Response> => fetch(`${target.url}/deliver`, { method: 'POST', body })
  const url = await door(async (_request, { body }) => {
    const { n } = JSON.parse(body) as Body
    if (n !== 7) await deliver(body)
    if (n === 9) await deliver(body)
    return 202
  })
  await deliver('{"run":"another","n":1,"fate":"handled"}')
  const { book, sending } = senderTo(url)
  await sending.send(20)
  expect(await target.progress()).toEqual({ arrivals: 21, handled: 19 })
  const counts = check(book, await target.record(), [])
  expect(counts).toMatchObject({ attempted: 20, acknowledged: 20, lost: 1, duplicated: 1, duplicatedOfResent: 0, unexpected: 1 })
})
