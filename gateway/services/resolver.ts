import { lookup, Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Address as ServerAddress, DnsConfig } from '../../config/model.ts'

/** One address out of a DNS answer. */
export interface Endpoint {
  /** Without brackets. */
  readonly ip: string
  readonly port: number
  /** The name that the address stands for: the one looked up, or the target of the SRV record; without a trailing dot. */
  readonly host: string
  /** Share of the calls; 1 except for SRV. */
  readonly weight: number
}

export interface EndpointResolver {
  /** @throws Error when there is no answer or an empty one. */
  resolve(): Promise<readonly Endpoint[]>
  /** Ends look-ups that run; they fail. */
  cancel(): void
}

/** One silent server costs about three seconds; the next refresh asks again. */
const queryTimeoutMs = 1_000
const queryTries = 2

/**
 * Turns a DNS name into endpoints. With a port: its A and AAAA records. Without: its SRV records, of which the group with
 * the lowest priority is used, each target resolved by A and AAAA and given its share of the record's weight.
 * Without `servers` names are resolved the way the machine does it (so `/etc/hosts` counts); SRV always asks DNS servers.
 * Source: RFC 2782.
 */
export const endpointResolver = (config: DnsConfig): EndpointResolver => {
  const resolver = new Resolver({ timeout: queryTimeoutMs, tries: queryTries })
  if (config.servers.length > 0) resolver.setServers(config.servers.map(serverText))
  const addressesOf = (name: string): Promise<readonly string[]> =>
    config.servers.length > 0 ? queryAddresses(resolver, name) : lookUpAddresses(name)
  const host = withoutTrailingDot(config.name)
  const { port } = config
  const targets = targetResolver(addressesOf)
  return {
    resolve: async () => {
      if (port === undefined) return targets(await srvTargets(resolver, config.name))
      return (await reachableAddresses(addressesOf, config.name)).map((ip) => ({ ip, port, host, weight: 1 }))
    },
    cancel: () => resolver.cancel(),
  }
}

const serverText = ({ host, port }: ServerAddress): string => `${isIP(host) === 6 ? `[${host}]` : host}:${port}`

const withoutTrailingDot = (name: string): string => (name.endsWith('.') ? name.slice(0, -1) : name)

interface Target {
  readonly name: string
  readonly port: number
  readonly weight: number
}

const srvTargets = async (resolver: Resolver, name: string): Promise<readonly Target[]> => {
  const records = await resolver.resolveSrv(name)
  const offered = records.filter((record) => record.name !== '' && record.name !== '.')
  const lowest = Math.min(...offered.map((record) => record.priority))
  const group = offered.filter((record) => record.priority === lowest)
  if (group.length === 0) throw new Error(`${name} has no SRV record that names a server`)
  // RFC 2782 leaves weight 0 a small chance only beside others; when all are 0 they share evenly.
  return group.map(({ name: target, port, weight }) => ({ name: target, port, weight: Math.max(weight, 1) }))
}

/** Resolves SRV targets; one that cannot be resolved keeps its last good addresses, and fails the whole only when nothing is left. */
const targetResolver = (
  addressesOf: (name: string) => Promise<readonly string[]>,
): ((targets: readonly Target[]) => Promise<readonly Endpoint[]>) => {
  let lastGood = new Map<string, readonly string[]>()
  return async (targets) => {
    const names = [...new Set(targets.map((target) => target.name))]
    const answers = await Promise.allSettled(names.map((name) => reachableAddresses(addressesOf, name)))
    const found = new Map<string, readonly string[]>()
    for (const [index, name] of names.entries()) {
      const answer = answers[index]
      const addresses = answer?.status === 'fulfilled' ? answer.value : lastGood.get(name)
      if (addresses !== undefined) found.set(name, addresses)
    }
    lastGood = found
    const failure = answers.find((answer) => answer.status === 'rejected')
    if (found.size === 0 && failure !== undefined) throw failure.reason
    return targets.flatMap((target) => endpointsOf(target, found.get(target.name) ?? []))
  }
}

const endpointsOf = ({ name, port, weight }: Target, addresses: readonly string[]): readonly Endpoint[] =>
  addresses.map((ip) => ({ ip, port, host: withoutTrailingDot(name), weight: weight / addresses.length }))

const reachableAddresses = async (addressesOf: (name: string) => Promise<readonly string[]>, name: string): Promise<readonly string[]> => {
  if (isIP(name) !== 0) return [name]
  return withoutUnreachable([...new Set(await addressesOf(name))])
}

const lookUpAddresses = async (name: string): Promise<readonly string[]> => (await lookup(name, { all: true })).map((answer) => answer.address)

const queryAddresses = async (resolver: Resolver, name: string): Promise<readonly string[]> => {
  const [four, six] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
  const addresses = [...(four.status === 'fulfilled' ? four.value : []), ...(six.status === 'fulfilled' ? six.value : [])]
  if (addresses.length > 0) return addresses
  throw four.status === 'rejected' ? four.reason : new Error(`${name} has no address`)
}

/** Every other call would fail on a machine without IPv6 when a name has both kinds of address. */
const withoutUnreachable = (addresses: readonly string[]): readonly string[] => {
  const reachable = addresses.filter((address) => isIP(address) === 4 || address === '::1')
  return reachable.length === 0 || reachable.length === addresses.length || hasIpv6() ? addresses : reachable
}

const hasIpv6 = (): boolean =>
  Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ family, internal, address }) => family === 'IPv6' && !internal && !address.startsWith('fe80:')),
  )
