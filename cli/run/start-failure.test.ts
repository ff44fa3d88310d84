import { expect, test } from 'vitest'
import { GatewayError } from '../../gateway/errors.ts'
import { UnusableAdapter } from '../../gateway/integrations/unusable-adapter.ts'
import { startFailure } from './start-failure.ts'

const failure = (fields: object): Error => Object.assign(new Error('failed'), fields)
const at = (code: string): Error => failure({ code, syscall: 'listen', address: '::1', port: 80 })

test.each([
  [at('EADDRINUSE'), "[::1]:80 is already in use. Stop the program that uses it (`ss -ltnp 'sport = :80'` names it)"],
  [at('EACCES'), '[::1]:80 may not be opened: ports below 1024 need a privilege.'],
  [at('EADDRNOTAVAIL'), '[::1]:80 is not an address of this machine.'],
  [
    failure({ code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname: 'gateway.invalid' }),
    '`gateway.invalid` cannot be resolved to an address of this machine.',
  ],
])('%j is one sentence', (error, start) => {
  expect(startFailure(error)?.slice(0, start.length)).toBe(start)
})

test('a secret that is missing and an adapter that cannot be used say it themselves', () => {
  expect(startFailure(new GatewayError('SECRET_UNAVAILABLE', { detail: 'Secrets are missing. api#key: there is no file.' }))).toBe(
    'Secrets are missing. api#key: there is no file.',
  )
  expect(startFailure(new UnusableAdapter('gateway.yaml:6:3: The adapter sms could not be created: no channel.'))).toBe(
    'gateway.yaml:6:3: The adapter sms could not be created: no channel.',
  )
  expect(startFailure(new GatewayError('INTERNAL'))).toBe(undefined)
})

test('anything else is no matter of the operator', () => {
  expect(startFailure(new TypeError('x is not a function'))).toBe(undefined)
  expect(startFailure(at('EMFILE'))).toBe(undefined)
})
