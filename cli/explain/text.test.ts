import { expect, test } from 'vitest'
import { load } from '../../config/load.ts'
import type { TextStream } from '../io.ts'
import { explanation } from './explanation.ts'
import { describedRequest } from './request.ts'
import { explanationText } from './text.ts'

const narrow: TextStream = { write: () => undefined, style: (_, text) => text, columns: 40 }

test('keys, reasons and places stand in full on a narrow terminal too', async () => {
  const cwd = new URL('../..', import.meta.url).pathname
  const result = await load({ paths: ['examples/integration-design'], env: {}, cwd })
  if (result.config === undefined) throw new Error('the example is wrong')
  const text = explanationText(explanation(result.config, result, describedRequest('GET', '/api/users/42', [])), narrow)
  expect(text).not.toContain('…')
  expect(text).toMatch(/circuit_breaker\.threshold +50% +examples\/integration-design\/gateway\.yaml:\d+:\d+\n/)
  expect(text).toContain('path /api/users/42 is not /api/orders/*')
})
