import { expect, test } from 'vitest'
import { told } from './accept-language.ts'

const tell = [
  { language: 'en', text: 'Processing payment...' },
  { language: 'de', text: 'Zahlung wird verarbeitet...' },
  { language: 'pt-BR', text: 'Processando pagamento...' },
]

test.each([
  [undefined, 'en'],
  ['', 'en'],
  ['de', 'de'],
  ['de-AT, en;q=0.5', 'de'],
  ['en;q=0.4, de;q=0.9', 'de'],
  ['fr, pt;q=0.3', 'pt-BR'],
  ['PT-br', 'pt-BR'],
  ['de;q=0, fr', 'en'],
  ['*', 'en'],
  [';;;,,q=', 'en'],
])('%j is answered in %s', (header, language) => {
  const one = told(tell, header)
  expect(one?.headers).toEqual(['content-language', language, 'vary', 'accept-language'])
  expect(one?.text).toBe(tell.find((text) => text.language === language)?.text)
})

test('a text in one language only is told to everybody, without naming the language', () => {
  expect(told([{ language: 'en', text: 'Wait' }], 'de')).toEqual({ text: 'Wait', headers: [] })
  expect(told(undefined, 'de')).toBeUndefined()
})
