import { expect, test } from 'vitest'
import { keyScope } from './key-scope.ts'
import { ruleOf } from './test/door.ts'

const match = ruleOf().match

test('a rule keeps the scope of its keys when its methods, headers or query are edited', () => {
  const edited = { ...match, methods: ['POST', 'PUT'], headers: [{ name: 'x-a' }], query: [{ name: 'b', value: '1' }] }
  expect(keyScope(edited)).toBe(keyScope(match))
  expect(keyScope({ ...match, hosts: ['b.example', 'a.example'] })).toBe(keyScope({ ...match, hosts: ['a.example', 'b.example'] }))
})

test('other paths and other hosts have keys of their own', () => {
  expect(keyScope({ ...match, path: '/others' })).not.toBe(keyScope(match))
  expect(keyScope({ ...match, hosts: ['a.example'] })).not.toBe(keyScope(match))
})
