import { expect, test } from 'vitest'
import type { SourceFile } from './files.ts'
import { importCycles, importsOf } from './imports.ts'

const file = (path: string, text: string): SourceFile => ({ path, text, code: text })

test('finds imports of every form, types and lazy ones included', () => {
  const source = file(
    'gateway/http/server.ts',
    [
      "import { createServer } from 'node:http'",
      'import {',
      '  one,',
      "} from '../one.ts'",
      "import type { Two } from './two.ts'",
      "import './three.ts'",
      "export { four } from '@scope/four/deep'",
      "const five = await import('five')",
    ].join('\n'),
  )
  expect(importsOf(source)).toEqual({
    local: ['gateway/one.ts', 'gateway/http/two.ts', 'gateway/http/three.ts'],
    packages: ['node:http', '@scope/four', 'five'],
  })
})

test('finds a cycle and names its files in order', () => {
  const files = [
    file('a/start.ts', "import '../b/middle.ts'"),
    file('b/middle.ts', "import type { End } from '../c/end.ts'"),
    file('c/end.ts', "export * from '../b/middle.ts'"),
  ]
  expect(importCycles(files)).toEqual(['b/middle.ts -> c/end.ts -> b/middle.ts'])
})
