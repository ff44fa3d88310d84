import { isIP, isIPv4, isIPv6 } from 'node:net'
import { domainToASCII } from 'node:url'
import { type Parsed, parsed, problem, quoted } from './parsed.ts'

const label = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/

/** A DNS name: labels of letters, digits, `-` and `_`, 253 characters in all; not something that looks like an IPv4 address. */
export const isHostName = (text: string): boolean => {
  const name = text.endsWith('.') ? text.slice(0, -1) : text
  if (name.length === 0 || name.length > 253) return false
  const labels = name.split('.')
  return labels.every((part) => label.test(part)) && !/^[0-9]+$/.test(labels.at(-1) ?? '')
}

export const isHost = (text: string): boolean => isIPv4(text) || isHostName(text)

/** Port 0 to 65535 without leading zeros; undefined for anything else. */
export const portNumber = (text: string): number | undefined =>
  /^(?:0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined

/** A host to match: exact, or `*.` and a name for one or more labels below it. @returns In lower case. */
export const hostPattern = (text: string): Parsed<string> => {
  const wildcard = text.startsWith('*.')
  const rest = (wildcard ? text.slice(2) : text).toLowerCase()
  if (wildcard ? isHostName(rest) : isHost(rest) || (/^\[.*\]$/.test(rest) && isIPv6(rest.slice(1, -1))))
    return parsed((wildcard ? `*.${rest}` : rest).replace(/\.$/, ''))
  if (text === '*' || text === '*.') return problem(`${quoted(text)} is not a host.`, 'Leave `hosts` out to match every host.')
  if (/^https?:\/\//i.test(text))
    return problem(`${quoted(text)} is a URL, not a host.`, `Write \`${text.replace(/^https?:\/\//i, '').replace(/[:/?#].*$/, '')}\`.`)
  if (isIPv6(text)) return problem(`${quoted(text)} is an IPv6 address without brackets.`, `Write \`[${text}]\`.`)
  const port = /^(.*):[0-9]+$/.exec(text)
  if (port?.[1] !== undefined) return problem(`${quoted(text)} has a port; hosts are matched without it.`, `Write \`${port[1]}\`.`)
  if (text.includes('*')) return problem(`${quoted(text)} has \`*\` in the wrong place.`, 'Write `*.example.com`: the first label only.')
  const ascii = domainToASCII(rest)
  if (ascii !== '' && ascii !== rest && isHostName(ascii))
    return problem(`${quoted(text)} is not in the form that requests carry.`, `Write \`${wildcard ? '*.' : ''}${ascii}\`.`)
  return problem(`${quoted(text)} is not a host name.`, 'Write one such as `api.example.com` or `*.example.com`.')
}

export interface DnsName {
  readonly name: string
  /** Undefined for SRV names, whose records carry the port. */
  readonly port: number | undefined
}

/** `name`, `name:port`, or an SRV name such as `_http._tcp.users.internal`. The port is 80 where there is none. */
export const dnsName = (text: string): Parsed<DnsName> => {
  const [, name = '', portText] = /^([^:]*)(?::(.*))?$/.exec(text) ?? []
  if (isIP(text.replace(/^\[|\]$/g, '')) || isIPv4(name))
    return problem(
      `${quoted(text)} is an IP address, not a DNS name.`,
      `Write it under \`urls\`: \`urls: ["http://${isIPv6(text) ? `[${text}]` : text}"]\`.`,
    )
  if (/^https?:\/\//i.test(text)) return problem(`${quoted(text)} is a URL, not a DNS name.`, 'Write the name alone, or use `urls`.')
  if (!isHostName(name)) return problem(`${quoted(text)} is not a DNS name.`, 'Write one such as `users.internal` or `users.internal:8080`.')
  const srv = name.split('.').some((part) => part.startsWith('_'))
  if (portText === undefined) return parsed({ name, port: srv ? undefined : 80 })
  if (srv) return problem(`${quoted(text)} is an SRV name with a port; its records carry the port.`, `Write \`${name}\`.`)
  const port = portNumber(portText)
  return port === undefined || port === 0 ? problem(`${quoted(text)} has no valid port: 1 to 65535.`) : parsed({ name, port })
}
