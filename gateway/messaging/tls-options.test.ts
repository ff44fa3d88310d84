import { expect, test } from 'vitest'
import { tlsOptions } from './tls-options.ts'

test('a certificate is checked unless the configuration says otherwise', () => {
  expect(tlsOptions(undefined)).toEqual({ rejectUnauthorized: true })
  expect(tlsOptions({ verify: true })).toEqual({ rejectUnauthorized: true })
  expect(tlsOptions({ verify: false })).toEqual({ rejectUnauthorized: false })
})

test.each([
  ['the name of the host', undefined, 'broker.example', 'broker.example'],
  ['the one of the configuration, before that of the host', 'certified.example', 'broker.example', 'certified.example'],
  ['the one of the configuration, for an IP address too', 'certified.example', '127.0.0.1', 'certified.example'],
  ['the one of the configuration, where the host is not known beforehand', 'certified.example', undefined, 'certified.example'],
  ['none for an IPv4 address', undefined, '127.0.0.1', undefined],
  ['none for an IPv6 address', undefined, '::1', undefined],
  ['none where neither is known', undefined, undefined, undefined],
])('the name that the certificate must bear: %s', (_which, serverName, hostname, expected) => {
  const options = tlsOptions({ verify: true, ...(serverName === undefined ? {} : { serverName }) }, hostname)
  expect(options).toStrictEqual({ rejectUnauthorized: true, ...(expected === undefined ? {} : { servername: expected }) })
})

test('authorities, certificate and key are handed on, and only those that are there', () => {
  expect(tlsOptions({ verify: true, ca: 'authorities' })).toStrictEqual({ rejectUnauthorized: true, ca: 'authorities' })
  expect(tlsOptions({ verify: true, cert: 'ours', key: 'secret' })).toStrictEqual({ rejectUnauthorized: true, cert: 'ours', key: 'secret' })
})
