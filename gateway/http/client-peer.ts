import { BlockList, isIP } from 'node:net'
import type { Socket } from 'node:net'
import type { IncomingHttpHeaders } from 'node:http'
import { hostName } from './request-target.ts'

/** Who is at the other end of a client connection. */
export interface Peer {
  /** IP address; IPv4 is never written as IPv6. */
  readonly address: string
  /** Whether its `Forwarded` and `X-Forwarded-*` headers are believed. */
  readonly trusted: boolean
  /** Whether an address in those headers is a trusted proxy too. */
  readonly trusts: (address: string) => boolean
  /** `for=` of the `Forwarded` header (RFC 7239). */
  readonly forwardedFor: string
  /** What the last request on this connection said and what followed from it: clients rarely change their mind. */
  last: { readonly authority: string; readonly host: string | undefined; readonly facts: ForwardedFacts } | undefined
}

/** What is said upstream about where a request came from. */
export interface ForwardedFacts {
  readonly client: string
  readonly xForwardedFor: string
  readonly xForwardedProto: string
  readonly xForwardedHost: string
  readonly forwarded: string
}

/** Compiles the trusted ranges of a listener; the result is asked once per connection. */
export function peerReader(trustedProxies: readonly string[]): (socket: Socket) => Peer {
  const trusted = new BlockList()
  for (const range of trustedProxies) {
    const [address = '', bits] = range.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (bits === undefined) trusted.addAddress(address, family)
    else trusted.addSubnet(address, Number(bits), family)
  }
  const trusts = (address: string): boolean => {
    const family = isIP(address)
    return family !== 0 && trusted.check(address, family === 6 ? 'ipv6' : 'ipv4')
  }
  const peers = new WeakMap<Socket, Peer>()
  return (socket) => {
    let peer = peers.get(socket)
    if (peer === undefined) {
      const address = plainAddress(socket.remoteAddress ?? '')
      peer = { address, trusted: trusts(address), trusts, forwardedFor: `for=${forwardedNode(address)}`, last: undefined }
      peers.set(socket, peer)
    }
    return peer
  }
}

/**
 * Host name and forwarded facts of a request. Without trust they depend on the connection and on `Host` alone, and are made once.
 * @param authority `Host` as the client sent it.
 */
export function originOf(peer: Peer, headers: IncomingHttpHeaders, authority: string): NonNullable<Peer['last']> {
  const { last } = peer
  if (last !== undefined && last.authority === authority && !peer.trusted) return last
  const origin = { authority, host: hostName(authority), facts: forwardedFacts(peer, headers, authority) }
  peer.last = origin
  return origin
}

/** @param authority `Host` as the client sent it, already checked. */
export function forwardedFacts(peer: Peer, headers: IncomingHttpHeaders, authority: string): ForwardedFacts {
  const here = authority === '' ? `${peer.forwardedFor};proto=http` : `${peer.forwardedFor};host=${quoted(authority)};proto=http`
  if (!peer.trusted) {
    return { client: peer.address, xForwardedFor: peer.address, xForwardedProto: 'http', xForwardedHost: authority, forwarded: here }
  }
  const before = single(headers['x-forwarded-for'])
  const proto = single(headers['x-forwarded-proto'])
  const host = single(headers['x-forwarded-host'])
  return {
    client: originalClient(before, peer),
    xForwardedFor: before === '' ? peer.address : `${before}, ${peer.address}`,
    xForwardedProto: proto === 'https' || proto === 'http' ? proto : 'http',
    xForwardedHost: host === '' ? authority : host,
    forwarded: headers.forwarded === undefined ? here : `${headers.forwarded}, ${here}`,
  }
}

const single = (value: string | string[] | undefined): string => (value === undefined ? '' : String(value))

/** The nearest address that is no trusted proxy, read from the right: what stands left of it may be invented. */
function originalClient(list: string, peer: Peer): string {
  let client = peer.address
  for (const entry of list.split(',').reverse()) {
    const address = plainAddress(entry.trim())
    if (isIP(address) === 0) break
    client = address
    if (!peer.trusts(address)) break
  }
  return client
}

const plainAddress = (address: string): string => (address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address)

const forwardedNode = (address: string): string => (address === '' ? 'unknown' : address.includes(':') ? `"[${address}]"` : address)

const quoted = (text: string): string => (/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`)
