import { BlockList, isIP } from 'node:net'
import type { Socket } from 'node:net'
import type { IncomingHttpHeaders } from 'node:http'

/** Who is at the other end of a client connection. */
export interface Peer {
  /** IP address; IPv4 is never written as IPv6. */
  readonly address: string
  /** Whether its `Forwarded` and `X-Forwarded-*` headers are believed. */
  readonly trusted: boolean
  /** `for=` of the `Forwarded` header (RFC 7239). */
  readonly forwardedFor: string
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
  const peers = new WeakMap<Socket, Peer>()
  return (socket) => {
    let peer = peers.get(socket)
    if (peer === undefined) {
      const address = plainAddress(socket.remoteAddress ?? '')
      const isTrusted = trustedProxies.length > 0 && isIP(address) !== 0 && trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
      peer = { address, trusted: isTrusted, forwardedFor: `for=${forwardedNode(address)}` }
      peers.set(socket, peer)
    }
    return peer
  }
}

/** @param authority `Host` as the client sent it, already checked. */
export function forwardedFacts(peer: Peer, headers: IncomingHttpHeaders, authority: string): ForwardedFacts {
  const here = `${peer.forwardedFor};host=${quoted(authority)};proto=http`
  if (!peer.trusted) {
    return { client: peer.address, xForwardedFor: peer.address, xForwardedProto: 'http', xForwardedHost: authority, forwarded: here }
  }
  const before = single(headers['x-forwarded-for'])
  const proto = single(headers['x-forwarded-proto'])
  const host = single(headers['x-forwarded-host'])
  return {
    client: originalClient(before) ?? peer.address,
    xForwardedFor: before === '' ? peer.address : `${before}, ${peer.address}`,
    xForwardedProto: proto === 'https' || proto === 'http' ? proto : 'http',
    xForwardedHost: host === '' ? authority : host,
    forwarded: headers.forwarded === undefined ? here : `${headers.forwarded}, ${here}`,
  }
}

const single = (value: string | string[] | undefined): string => (value === undefined ? '' : String(value))

/** The last address that the trusted proxy vouches for: the right-most entry of the list. */
function originalClient(list: string): string | undefined {
  const last = list.slice(list.lastIndexOf(',') + 1).trim()
  return isIP(last) === 0 ? undefined : last
}

const plainAddress = (address: string): string => (address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address)

const forwardedNode = (address: string): string => (address === '' ? 'unknown' : address.includes(':') ? `"[${address}]"` : address)

const quoted = (text: string): string => (/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`)
