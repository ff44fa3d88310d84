import { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { forwardedFacts, peerReader } from './client-peer.ts'
import type { Peer } from './client-peer.ts'

const peerAt = (address: string | undefined, trusted: readonly string[] = []): Peer => {
  const socket = new Socket()
  Object.defineProperty(socket, 'remoteAddress', { value: address })
  return peerReader(trusted)(socket)
}

describe('a peer', () => {
  test.each([
    ['10.1.2.3', ['10.0.0.0/8'], true],
    ['11.1.2.3', ['10.0.0.0/8'], false],
    ['10.1.2.3', ['10.1.2.3'], true],
    ['10.1.2.4', ['10.1.2.3'], false],
    ['::ffff:10.1.2.3', ['10.0.0.0/8'], true],
    ['2001:db8::1', ['2001:db8::/32'], true],
    ['2001:db9::1', ['2001:db8::/32'], false],
    ['fe80::1%eth0', ['fe80::/10'], true],
    ['10.1.2.3', [], false],
    ['10.1.2.3', ['0.0.0.0/0'], true],
    ['::1', ['0.0.0.0/0'], false],
  ])('at %s with trusted proxies %j is trusted: %s', (address, trusted, expected) => {
    expect(peerAt(address, trusted).trusted).toBe(expected)
  })

  test('whose connection has gone has no address and is trusted by nobody', () => {
    expect(peerAt(undefined, ['0.0.0.0/0', '::/0'])).toMatchObject({ address: '', trusted: false, forwardedFor: 'for=unknown' })
  })

  test('is looked up once per connection', () => {
    const socket = new Socket()
    const read = peerReader([])
    expect(read(socket)).toBe(read(socket))
  })
})

describe('what is said about where a request came from', () => {
  test('is the peer alone when it is not trusted', () => {
    const headers = { 'x-forwarded-for': '1.2.3.4', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'evil', forwarded: 'for=1.2.3.4' }
    expect(forwardedFacts(peerAt('9.9.9.9'), headers, 'a:80')).toEqual({
      client: '9.9.9.9',
      xForwardedFor: '9.9.9.9',
      xForwardedProto: 'http',
      xForwardedHost: 'a:80',
      forwarded: 'for=9.9.9.9;host="a:80";proto=http',
    })
  })

  test('is continued when it comes from a trusted proxy', () => {
    const headers = { 'x-forwarded-for': '1.2.3.4', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'www', forwarded: 'for=1.2.3.4' }
    expect(forwardedFacts(peerAt('9.9.9.9', ['9.9.9.9']), headers, 'a')).toEqual({
      client: '1.2.3.4',
      xForwardedFor: '1.2.3.4, 9.9.9.9',
      xForwardedProto: 'https',
      xForwardedHost: 'www',
      forwarded: 'for=1.2.3.4, for=9.9.9.9;host=a;proto=http',
    })
  })

  test('begins with a trusted proxy that states nothing', () => {
    expect(forwardedFacts(peerAt('9.9.9.9', ['9.9.9.9']), {}, 'a')).toMatchObject({
      client: '9.9.9.9',
      xForwardedFor: '9.9.9.9',
      xForwardedProto: 'http',
    })
  })

  test.each([
    ['::1', 'for="[::1]";host=a;proto=http'],
    ['::ffff:1.2.3.4', 'for=1.2.3.4;host=a;proto=http'],
  ])('writes the address %s as RFC 7239 wants it', (address, forwarded) => {
    expect(forwardedFacts(peerAt(address), {}, 'a').forwarded).toBe(forwarded)
  })

  test('leaves the host out where the client named none', () => {
    expect(forwardedFacts(peerAt('9.9.9.9'), {}, '').forwarded).toBe('for=9.9.9.9;proto=http')
  })
})
