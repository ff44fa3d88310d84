import { expect, test } from 'vitest'
import { formBody } from './form-body.ts'

test.each([
  ['', {}],
  ['amount=100&currency=eur', { amount: '100', currency: 'eur' }],
  ['metadata[order]=7&metadata[shop]=north+sea', { metadata: { order: '7', shop: 'north sea' } }],
  ['types[]=card&types[]=sepa', { types: ['card', 'sepa'] }],
  ['items[0][price]=1&items[1][price]=2', { items: [{ price: '1' }, { price: '2' }] }],
  ['items[1]=b', { items: { '1': 'b' } }],
  ['a=1&a=2', { a: '1' }],
  ['__proto__[x]=1&b=2', { b: '2' }],
])('%j', (text, json) => {
  expect(formBody(text)).toEqual(json)
})

test.each(['[a]=1', 'a]=1', 'a[b=1', 'a[b]c=1', 'a=1&a[b]=2', 'a[b]=2&a=1', 'a[][b]=1', `a${'[b]'.repeat(9)}=1`, 'a=1&'.repeat(1001)])(
  '%j is no form',
  (text) => {
    expect(formBody(text)).toBeUndefined()
  },
)
