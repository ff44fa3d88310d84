import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { brokerIn, park } from '../../test/kit/dead-letters.ts'
import type { Io, TextStream } from '../io.ts'
import { change } from './change.ts'
import type { ChangeOptions } from './request.ts'

let folder: string
let written: string
let asked: string[]

const stream: TextStream = { write: (text) => void (written += text), style: (_, text) => text, columns: undefined }
const options: ChangeOptions = { format: 'text', all: true, dryRun: false }

/** Somebody at a terminal who answers every question with `answer`. */
const person = (answer: string): Io => {
  written = ''
  asked = []
  return { out: stream, err: stream, env: {}, cwd: folder, ask: async (question) => (asked.push(question), answer) }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-drop-'))
  await writeFile(
    join(folder, 'gateway.yaml'),
    `brokers: { default: { type: embedded, path: ${join(folder, 'messages.db')} } }
queues: { work: { dead_letter: true } }
services: { a: { urls: ["http://127.0.0.1:9103"] } }
routing_rules: [{ path: /a, service: a }]
`,
  )
  const broker = await brokerIn(folder, ['work'])
  await park(broker, 'work', [{ id: 'a' }, { id: 'b' }, { id: 'c' }])
  await broker.close()
})
afterAll(() => rm(folder, { recursive: true }))

test('on a terminal, drop asks first, and anything but yes leaves all as it is', async () => {
  for (const answer of ['', 'n', 'no', 'yess', 'q']) {
    expect(await change('drop', 'work', [], options, person(answer))).toBe(1)
    expect({ asked, written }).toEqual({ asked: ['Drop 3 dead letters of work for good? [y/N] '], written: 'Nothing was dropped.\n' })
  }
})

test('what matches nothing is not asked about', async () => {
  expect(await change('drop', 'work', ['unknown'], { ...options, all: false }, person('y'))).toBe(1)
  expect(asked).toEqual([])
})

test('replay does not ask', async () => {
  expect(await change('replay', 'work', ['a'], { ...options, all: false }, person('n'))).toBe(0)
  expect({ asked, written }).toEqual({ asked: [], written: 'Replayed 1 dead letter of work.\n' })
})

test('a yes drops, and --yes is one', async () => {
  expect(await change('drop', 'work', ['b'], { ...options, all: false }, person('Yes'))).toBe(0)
  expect(written).toBe('Dropped 1 dead letter of work.\n')
  expect(await change('drop', 'work', [], { ...options, yes: true }, person('n'))).toBe(0)
  expect({ asked, written }).toEqual({ asked: [], written: 'Dropped 1 dead letter of work.\n' })
})
