import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { renderText } from '../config/diagnostics/render/text.ts'
import { load } from '../config/load.ts'
import { testAdapters } from './kit/adapters.ts'

const folder = join(import.meta.dirname, 'fixtures/config')
const update = process.env['UPDATE_GOLDEN'] === '1'
const env = { GREETING: 'hello', PASSWORD: 'hunter2-s3cret', PORT: '8080' }

const entries = readdirSync(folder, { withFileTypes: true })
const folders = entries.filter((entry) => entry.isDirectory() && /^(?:folder|layers)-/.test(entry.name)).map((entry) => entry.name)
const files = entries.filter((entry) => entry.name.endsWith('.yaml')).map((entry) => entry.name)
const fixtures = [...files, ...folders].sort()

/** A folder named `layers-...` holds one layer in each file; one named `folder-...` is read as a folder. */
const pathsOf = (fixture: string): string[] =>
  fixture.startsWith('layers-')
    ? readdirSync(join(folder, fixture))
        .filter((name) => name.endsWith('.yaml'))
        .sort()
        .map((name) => `${fixture}/${name}`)
    : [fixture]

test.each(fixtures)('%s is reported exactly', async (fixture) => {
  const { diagnostics, sources, config } = await load({ paths: pathsOf(fixture), env, cwd: folder, adapters: testAdapters })
  const text = diagnostics.length === 0 ? 'fine\n' : renderText(diagnostics, sources)
  const expected = join(folder, `${fixture.replace(/\.yaml$/, '')}.expected.txt`)
  if (update) writeFileSync(expected, text)
  expect(text).toBe(readFileSync(expected, 'utf8'))
  expect(config === undefined).toBe(diagnostics.some(({ severity }) => severity === 'error'))
  expect(text).not.toContain(env.PASSWORD)
})

test('every expected text has its fixture', () => {
  const expected = entries.filter((entry) => entry.name.endsWith('.expected.txt')).map((entry) => entry.name.replace(/\.expected\.txt$/, ''))
  expect(expected.sort()).toEqual(fixtures.map((fixture) => fixture.replace(/\.yaml$/, '')).sort())
})
