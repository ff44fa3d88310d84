import { expect, test } from 'vitest'
import { until } from '../../../test/kit/until.ts'
import { openDatabase } from '../sqlite/database.ts'
import { transactions } from '../sqlite/transaction.ts'
import type { Connection } from './connection.ts'
import { open } from './program.ts'
import { subscriptions } from './subscriptions.ts'
import { scene, subscription, work, workQueue } from './test/scene.ts'

/** What no consumer wants at the moment goes back to its queue, whatever happens on the way. */

const row = {
  id: 'm1',
  seq: 1,
  body: new Uint8Array(0),
  contentType: null,
  headers: '{}',
  key: null,
  publishedAtMs: 0,
  deliveries: 1,
  failures: 0,
  attempts: 0,
  firstFailedAtMs: null,
}

test('a message that comes again while its return is being stored goes back once more', async () => {
  const returned: unknown[] = []
  let stored: () => void = () => undefined
  const answer = (): Promise<undefined> => new Promise((resolve) => (stored = () => resolve(undefined)))
  const call = ((operation: string, request: unknown) => {
    if (operation !== 'giveBack') return Promise.resolve(undefined)
    returned.push(request)
    return answer()
  }) as Connection['call']
  const here = subscriptions({ call })
  here.subscribe(subscription(), () => undefined).pause()
  here.receive(1, [row])
  expect(returned).toHaveLength(1)
  // The thread has given it to another subscription, which has been paused meanwhile, in the very message that confirms the return.
  stored()
  here.receive(1, [row])
  await until('it is returned again', () => returned.length === 2)
  stored()
})

test('one return that cannot be stored keeps no other message from coming back', async () => {
  const here = await scene()
  const database = openDatabase(here.path, 1000)
  const claimed: number[] = []
  const program = open(
    database,
    { path: here.path, clockAheadMs: 0 },
    (event) => claimed.push(...(event.type === 'deliveries' ? event.rows.map(({ seq }) => seq) : [])),
    () => undefined,
  )
  try {
    const transact = transactions(database, program, 1000)
    const run = (operation: string, request: unknown): boolean => transact([{ id: 1, operation, request }], []).answers[0]?.ok === true
    const inQueue = database.prepare('SELECT count(*) AS messages FROM messages WHERE state = 0')
    run('declare', [workQueue])
    for (const id of ['good', 'bad']) run('publish', { ...work, queues: ['work'], message: { ...row, id } })
    run('subscribe', { ...subscription(), subscription: 1, paused: false })
    run('probe', undefined)
    run('flow', { subscription: 1, paused: true })
    const returns = claimed.map((seq) => ({ seq, seen: false }))
    expect(returns).toHaveLength(2)
    database.exec(`CREATE TRIGGER no BEFORE UPDATE ON messages WHEN OLD.id = 'bad' BEGIN SELECT RAISE(ABORT, 'no'); END`)
    expect(run('giveBack', returns)).toBe(false)
    database.exec('DROP TRIGGER no')
    expect(run('giveBack', returns)).toBe(true)
    expect(inQueue.get()?.['messages']).toBe(2)
  } finally {
    program.close?.()
    database.close()
    await here.close()
  }
})
