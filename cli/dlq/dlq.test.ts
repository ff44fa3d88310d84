import { access, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { brokerIn, park } from '../../test/kit/dead-letters.ts'
import type { Parked } from '../../test/kit/dead-letters.ts'
import { headgate } from '../../test/support/headgate.ts'
import type { Outcome } from '../../test/support/headgate.ts'

const configWith = (broker: string): string => `brokers: { default: ${broker} }
queues:
  payment.process: { type: direct, dead_letter: true }
  email.send: { type: direct, dead_letter: true }
  work: { type: direct, dead_letter: true }
  audit.log: { type: fanout, dead_letter: false }
services: { payments: { urls: ["http://127.0.0.1:9103"] } }
routing_rules:
  - { path: /payments/*, service: payments }
`
const queues = ['payment.process', 'email.send', 'work', 'audit.log']
const config = configWith('{ type: embedded, path: messages.db }')

let folder: string

const run = (...args: string[]): Promise<Outcome> => headgate(['dlq', ...args], { cwd: folder })

const withBroker = async (queue: string, messages: readonly Parked[]): Promise<void> => {
  const broker = await brokerIn(folder, queues)
  await park(broker, queue, messages)
  await broker.close()
}

const idsIn = async (queue: string): Promise<readonly string[]> =>
  (await run('list', queue, '--format', 'json')).out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { readonly id: string }).id)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-dlq-'))
  await writeFile(join(folder, 'gateway.yaml'), config)
  await writeFile(join(folder, 'fresh.yaml'), configWith('{ type: embedded, path: fresh.db }'))
  await writeFile(join(folder, 'away.yaml'), configWith('{ type: rabbitmq, urls: ["amqp://user:hunter2@127.0.0.1:1"] }'))
  await writeFile(join(folder, 'wrong.yaml'), config.replace('embedded', 'embeded'))
  await withBroker('payment.process', [
    { id: 'one', body: '{"amount":12.50}', contentType: 'application/json', headers: { 'idempotency-key': 'order-1' } },
    { id: 'two', reason: 'rejected', error: { type: 'status_422', message: 'the service answered 422' } },
    { id: 'evil\u001b[2J', body: Buffer.from([0x1b, 0x5b, 0x32, 0x4a, 0xff]), headers: { 'x-name': 'a\u009b2Jb' } },
  ])
})

afterAll(() => rm(folder, { recursive: true }))

describe('list', () => {
  test('without a queue counts all queues that keep dead letters', async () => {
    const { exitCode, out, err } = await run('list')
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' })
    expect(out).toMatch(
      /^queue +dead letters +oldest +reasons\npayment\.process +3 +(?:just now|\d+s ago) +failed 2, rejected 1\nemail\.send +0\nwork +0\n$/,
    )
  })

  test('of a queue is a table, oldest first, that cannot steer the terminal', async () => {
    const { exitCode, out } = await run('list', 'payment.process')
    expect(exitCode).toBe(0)
    expect(out.split('\n').map((line) => line.split(/ {2,}/).slice(0, 3))).toEqual([
      ['id', 'reason', 'error'],
      ['one', 'failed', 'status_503: the service answered 503'],
      ['two', 'rejected', 'status_422: the service answered 422'],
      ['evil\\u{1b}[2J', 'failed', 'status_503: the service answered 503'],
      [''],
    ])
  })

  test('filters, limits, and counts the rest', async () => {
    expect((await run('list', 'payment.process', '--reason', 'rejected')).out).toMatch(/\ntwo .*\n$/)
    const limited = await run('list', 'payment.process', '--limit', '1', '--since', '1h')
    expect(limited.out).toMatch(/\none .*\n2 more are not shown; see --limit\.\n$/)
  })

  test('as JSON is a line per dead letter, without control characters', async () => {
    const { exitCode, out } = await run('list', 'payment.process', '--format', 'json')
    expect(exitCode).toBe(0)
    expect(out).not.toContain('\u009b')
    const [first, , third] = out.split('\n').map((line) => (line === '' ? undefined : (JSON.parse(line) as object)))
    expect(first).toMatchObject({
      id: 'one',
      queue: 'payment.process',
      reason: 'failed',
      lastError: { type: 'status_503', message: 'the service answered 503' },
      attempts: 3,
      deliveries: 1,
      bodyBytes: 16,
      headers: { 'idempotency-key': 'order-1' },
    })
    expect(third).toMatchObject({ id: 'evil\u001b[2J', headers: { 'x-name': 'a\u009b2Jb' } })
    const summaries = await run('list', '--format', 'json')
    expect(JSON.parse(summaries.out.split('\n')[0] ?? '')).toMatchObject({ queue: 'payment.process', count: 3, reasons: { failed: 2, rejected: 1 } })
  })

  test('of nothing ends with 1', async () => {
    expect(await run('list', 'email.send')).toMatchObject({ exitCode: 1, out: '', err: 'No dead letter of email.send.\n' })
    expect(await run('list', 'payment.process', '--until', '1h')).toMatchObject({ exitCode: 1, out: '' })
  })
})

describe('show', () => {
  test('tells everything, and the body only when it is asked for', async () => {
    const plain = await run('show', 'payment.process', 'one')
    expect(plain.exitCode).toBe(0)
    expect(plain.out).toMatch(/^id +one\nqueue +payment\.process\nreason +failed\nlast error +status_503: the service answered 503\nattempts +3\n/)
    expect(plain.out).toMatch(/\nheaders\nidempotency-key +order-1\n$/)
    expect((await run('show', 'payment.process', 'one', '--body')).out).toMatch(/\nbody\n\{\n {2}"amount": 12\.50\n\}\n$/)
  })

  test('never writes raw bytes', async () => {
    const { out } = await run('show', 'payment.process', 'evil\u001b[2J', '--body')
    expect(out).toContain('00000000  1b 5b 32 4a ff                                   .[2J.\n')
    expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
  })

  test('as JSON is one document', async () => {
    const { out } = await run('show', 'payment.process', 'one', '--format', 'json', '--body')
    expect(JSON.parse(out)).toMatchObject({ id: 'one', body: Buffer.from('{"amount":12.50}').toString('base64') })
    expect(JSON.parse((await run('show', 'payment.process', 'one', '--format', 'json')).out)).not.toHaveProperty('body')
  })

  test('of an unknown id ends with 1', async () => {
    expect(await run('show', 'payment.process', 'nope')).toMatchObject({
      exitCode: 1,
      out: '',
      err: 'Queue payment.process has no dead letter with the id nope.\n',
    })
  })
})

describe('replay and drop', () => {
  test('a dry run says how many and changes nothing', async () => {
    expect(await run('replay', 'payment.process', '--all', '--dry-run')).toMatchObject({
      exitCode: 0,
      out: 'Would replay 3 dead letters of payment.process.\n',
    })
    const json = await run('drop', 'payment.process', '--reason', 'rejected', '--dry-run', '--format', 'json')
    expect(JSON.parse(json.out)).toEqual({ action: 'drop', queue: 'payment.process', dryRun: true, matched: 1, done: 0 })
    expect(await idsIn('payment.process')).toHaveLength(3)
  })

  test('replay puts messages back with their key, where a consumer finds them', async () => {
    await withBroker('work', [{ id: 'r1', headers: { 'idempotency-key': 'k' } }, { id: 'r2' }, { id: 'r3', reason: 'rejected' }])
    expect(await run('replay', 'work', 'r1', 'unknown')).toMatchObject({
      exitCode: 0,
      out: 'Replayed 1 dead letter of work.\n',
      err: 'No dead letter was found for 1 of the ids.\n',
    })
    expect(await idsIn('work')).toEqual(['r2', 'r3'])
    expect(JSON.parse((await run('replay', 'work', '--all', '--format', 'json')).out)).toEqual({
      action: 'replay',
      queue: 'work',
      dryRun: false,
      matched: 2,
      done: 2,
    })
    const broker = await brokerIn(folder, queues)
    expect((await broker.stats()).find(({ queue }) => queue === 'work')).toMatchObject({ depth: 3, deadLetters: 0 })
    await broker.close()
  })

  test('drop removes what matches; nobody is asked where nobody can answer', async () => {
    await withBroker('email.send', [{ id: 'd1' }, { id: 'd2', reason: 'invalid' }])
    expect(await run('drop', 'email.send', '--reason', 'invalid')).toMatchObject({ exitCode: 0, out: 'Dropped 1 dead letter of email.send.\n' })
    expect(await idsIn('email.send')).toEqual(['d1'])
    expect(await run('drop', 'email.send', 'd2')).toMatchObject({ exitCode: 1, out: '', err: 'No dead letter of email.send matches.\n' })
    expect(await run('drop', 'email.send', '--all')).toMatchObject({ exitCode: 0 })
    expect(await idsIn('email.send')).toEqual([])
  })

  test('works while another process has the broker open', async () => {
    const broker = await brokerIn(folder, queues)
    await park(broker, 'email.send', [{ id: 'shared' }])
    expect(await run('replay', 'email.send', 'shared')).toMatchObject({ exitCode: 0 })
    const id = await new Promise<string>((resolve) => {
      const options = { queue: 'email.send', prefetch: 1, holdMs: Number.POSITIVE_INFINITY, exclusive: false, consumer: 'reading' }
      broker.subscribe(options, (delivery) => void delivery.settle({ outcome: 'ack' }).then(() => resolve(delivery.message.id)))
    })
    expect(id).toBe('shared')
    await broker.close()
  })
})

describe('what cannot be done is said in a sentence', () => {
  test.each([
    [['replay', 'payment.process'], 2, 'error: Which ones? Give ids, a filter (reason, error, since, until), or `--all`.\n'],
    [['drop', 'payment.process', 'one', '--all'], 2, 'error: Ids and `--all` contradict each other: give one of them.\n'],
    [['list', 'payment.proces'], 2, 'error: There is no queue `payment.proces` in the configuration. Did you mean `payment.process`?\n'],
    [['list', 'audit.log'], 1, 'error: Queue `audit.log` keeps no dead letters (`dead_letter: false`).\n'],
    [['list', 'payment.process', '--since', 'yesterday'], 2, 'error: `yesterday` is no time for since. Write an age such as `1h`'],
    [['list', 'payment.process', '--reason', 'faild'], 2, "error: option '--reason <reason>' argument 'faild' is invalid."],
    [['list', 'payment.process', '--limit', '0'], 2, "error: option '--limit <n>' argument '0' is invalid."],
    [['lst'], 2, "error: unknown command 'lst'\n(Did you mean list?)\n"],
    [['show', 'payment.process'], 2, "error: missing required argument 'id'\n"],
  ])('%j', async (args, exitCode, message) => {
    const outcome = await run(...args)
    expect({ exitCode: outcome.exitCode, out: outcome.out }).toEqual({ exitCode, out: '' })
    expect(outcome.err.startsWith(message), outcome.err).toBe(true)
  })

  test('a configuration with errors is shown, and nothing is opened', async () => {
    const { exitCode, err } = await run('list', '-c', 'wrong.yaml')
    expect(exitCode).toBe(2)
    expect(err).toContain('wrong.yaml:1:')
    expect(err).toContain('error: The configuration has errors, so its brokers are not opened.\n')
  })

  test('a broker that cannot be reached is named without its password', async () => {
    // Each waits for some seconds in case the broker comes back.
    const outcomes = await Promise.all([run('list', '-c', 'away.yaml'), run('replay', 'payment.process', '--all', '-c', 'away.yaml')])
    for (const { exitCode, out, err } of outcomes) {
      expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' })
      expect(err).toMatch(/^error: Broker `default` \(rabbitmq, .*127\.0\.0\.1:1.*\) cannot be reached.*\.\n$/)
      expect(err).not.toContain('hunter2')
    }
  })

  test('a store that does not exist yet is empty, and looking does not make it', async () => {
    const { exitCode, out, err } = await run('list', '-c', 'fresh.yaml')
    expect(exitCode).toBe(0)
    expect(out).toMatch(/payment\.process +0\n/)
    expect(err).toMatch(/^Broker `default` has no file yet \(.*fresh\.db\): no message was ever stored\.\n$/)
    await expect(access(join(folder, 'fresh.db'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
