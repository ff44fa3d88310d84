import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { testAdapters } from '../../test/kit/adapters.ts'
import { load } from '../load.ts'
import { catalogue, type CatalogueEntry } from './catalogue.ts'

const page = join(import.meta.dirname, '../../docs/diagnostics.md')
const entries = Object.entries<CatalogueEntry>(catalogue)

const section = (code: string, { severity, title, explanation, wrong, right }: CatalogueEntry): string =>
  [
    `## ${code}: ${title}`,
    ...(severity === 'warning' ? ['A warning: the configuration is used as it is.'] : []),
    explanation,
    ...(wrong === '' ? [] : [`Wrong:\n\n\`\`\`yaml ${wrong.includes('\0') ? 'ignore' : 'wrong'}\n${printable(wrong)}\`\`\``]),
    `Right:\n\n\`\`\`yaml\n${right}\`\`\``,
  ].join('\n\n')

const printable = (text: string): string => text.replaceAll('\0', '␀')

const expectedPage = (): string =>
  `# Diagnostics

Every finding about a configuration has a code that never changes its meaning. HG1xxx is about syntax and shape, HG2xxx about single values,
HG3xxx about names and routes, HG4xxx are warnings. \`headgate validate\` prints them with the lines that they are about.

${entries.map(([code, entry]) => section(code, entry)).join('\n\n')}
`

test('docs/diagnostics.md has one section for each code and says what the catalogue says', () => {
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(page, expectedPage())
  expect(readFileSync(page, 'utf8')).toBe(expectedPage())
})

const codesOf = async (text: string): Promise<string[]> => {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-catalogue-'))
  try {
    writeFileSync(join(folder, 'gateway.yaml'), text)
    const { diagnostics } = await load({ paths: ['gateway.yaml'], env: {}, cwd: folder, adapters: testAdapters })
    return diagnostics.map(({ code }) => code)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test.each(entries.filter(([, { wrong }]) => wrong !== ''))(
  'the wrong example of %s is wrong for that reason, among others at most',
  async (code, { wrong }) => {
    expect(await codesOf(wrong)).toContain(code)
  },
)

test.each(entries)('the right example of %s has nothing to be found', async (code, { right }) => {
  // The only example that cannot avoid another finding: the section that it shows is not active yet.
  expect((await codesOf(right)).filter((found) => !(code === 'HG3009' && found === 'HG4001'))).toEqual([])
})

test('codes are in order, and their first digit says what they are about', () => {
  const codes = entries.map(([code]) => code)
  expect(codes).toEqual(codes.toSorted())
  expect(entries.filter(([code, { severity }]) => (severity === 'warning') !== code.startsWith('HG4'))).toEqual([])
})
