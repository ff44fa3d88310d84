import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { root } from './architecture/files.ts'
import { errorsOf, findingsOf } from './configurations.ts'
import { allBlocks, blocksOf, commandsOf, kindOf } from './docs/blocks.ts'
import type { Block, Command } from './docs/blocks.ts'

const blocks = allBlocks()
const yaml = blocks.filter((block) => block.language === 'yaml')
let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'headgate-docs-'))
  mkdirSync(join(folder, 'bin'))
  symlinkSync(join(root, 'cli/headgate.js'), join(folder, 'bin/headgate'))
  for (const name of ['examples', 'schemas']) symlinkSync(join(root, name), join(folder, name))
})

afterAll(() => {
  rmSync(folder, { recursive: true })
})

const errorsIn = (block: Block, layers: readonly string[]): Promise<readonly string[]> => {
  writeFileSync(join(folder, 'block.yaml'), block.text)
  return errorsOf([...layers, 'block.yaml'], folder)
}

const run = (command: Command): { readonly exitCode: number | null; readonly output: string } => {
  writeFileSync(join(folder, 'gateway.yaml'), command.config ?? '')
  const path = [join(folder, 'bin'), dirname(process.execPath), process.env['PATH'] ?? ''].join(':')
  const result = spawnSync('sh', ['-c', command.line], { cwd: folder, encoding: 'utf8', env: { PATH: path, NO_COLOR: '1' } })
  return { exitCode: result.status, output: `${result.stdout}${result.stderr}` }
}

describe('configurations in the documents', () => {
  const complete = yaml.filter((block) => kindOf(block) === 'complete')
  const partial = yaml.filter((block) => kindOf(block) === 'partial')
  const wrong = yaml.filter((block) => kindOf(block) === 'wrong')

  test('the README has one', () => {
    expect(complete.map((block) => block.file)).toContain('README.md')
  })

  test.for(complete)('$place is a complete configuration', async (block) => {
    expect(await errorsIn(block, [])).toEqual([])
  })

  test.for(partial)('$place fits over the example', async (block) => {
    expect(await errorsIn(block, ['examples/integration-design', 'examples/local'])).toEqual([])
  })

  test.for(wrong)('$place is as wrong as it says', async (block) => {
    writeFileSync(join(folder, 'block.yaml'), block.text)
    expect(await findingsOf(['block.yaml'], folder)).not.toEqual([])
  })
})

describe('commands in the documents', () => {
  const commands = commandsOf(blocks)

  test('the README has some', () => {
    expect(commands.length).toBeGreaterThan(0)
  })

  test.for(commands)('$place: $line', (command) => {
    const { exitCode, output } = run(command)
    expect(exitCode, output).toBe(command.exitCode)
  })
})

describe('reading a document', () => {
  const page = ['# Page', '```yaml', 'a: 1', '```', '```sh', '$ npx headgate run -c a.yaml -c b', 'headgate validate x # exit 1', 'ls', '```'].join(
    '\n',
  )

  test('finds the blocks and where their text begins', () => {
    expect(blocksOf('page.md', page).map(({ place, language }) => [place, language])).toEqual([
      ['page.md:3', 'yaml'],
      ['page.md:6', 'sh'],
    ])
  })

  test('finds the commands, with the configuration above them and the expected exit code', () => {
    expect(commandsOf(blocksOf('page.md', page))).toEqual([
      { place: 'page.md:6', line: 'headgate validate a.yaml b', exitCode: 0, config: 'a: 1\n' },
      { place: 'page.md:6', line: 'headgate validate x', exitCode: 1, config: 'a: 1\n' },
    ])
  })
})
