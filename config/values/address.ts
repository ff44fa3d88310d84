import { BlockList, isIPv4, isIPv6 } from 'node:net'
import type { Address } from '../model.ts'
import { isHost, portNumber } from './host.ts'
import { type Parsed, type Problem, parsed, problem, quoted } from './parsed.ts'

/** `HOST:PORT`; IPv6 in brackets; port 0 lets the system pick one. */
export const address = (text: string): Parsed<Address> => {
  const [, bracketed, plain = '', portText = ''] = /^(?:\[([^\]]*)\]|([^:[\]]*)):([^:]*)$/.exec(text) ?? []
  const host = bracketed ?? plain
  const hostIsGood = bracketed === undefined ? isHost(plain) : isIPv6(bracketed) && !bracketed.includes('%')
  if (!hostIsGood) return notAnAddress(text)
  const port = portNumber(portText)
  if (port === undefined)
    return problem(`${quoted(text)} has no valid port: 0 to 65535.`, portText === '' ? `Write \`${text.replace(/:$/, '')}:8080\`.` : undefined)
  return parsed({ host, port })
}

/** What to say about a number where an address is expected. */
export const bareAddress = (number: number): Problem =>
  portNumber(String(number)) === undefined
    ? problem(`\`${number}\` is not an address.`, 'Write one such as `127.0.0.1:8080`.')
    : problem(
        `\`${number}\` is a port without a host.`,
        `Write \`0.0.0.0:${number}\` for all interfaces, or \`127.0.0.1:${number}\` for this machine only.`,
      )

const notAnAddress = (text: string): Problem => {
  if (/^:?[0-9]{1,5}$/.test(text)) return bareAddress(Number(text.replace(':', '')))
  const scheme = /^[a-z]+:\/\/([^/?#]+)/i.exec(text)
  if (scheme?.[1] !== undefined)
    return problem(`${quoted(text)} is a URL, not an address.`, `Write \`${scheme[1].includes(':') ? scheme[1] : `${scheme[1]}:80`}\`.`)
  if (text.startsWith('*:')) return problem(`${quoted(text)} is not an address.`, `Write \`0.0.0.0:${text.slice(2)}\` for all interfaces.`)
  if (isIPv6(text)) return unbracketed(text)
  if (isHost(text)) return problem(`${quoted(text)} has no port.`, `Write \`${text}:8080\`.`)
  return problem(`${quoted(text)} is not an address.`, 'Write HOST:PORT such as `127.0.0.1:8080` or `[::1]:8080`.')
}

const unbracketed = (text: string): Problem => {
  const [, host = '', port = ''] = /^(.*):([0-9]+)$/.exec(text) ?? []
  const withPort = isIPv6(host) && port.length > 3
  return problem(`${quoted(text)} is an IPv6 address without brackets.`, `Write \`${withPort ? `[${host}]:${port}` : `[${text}]:8080`}\`.`)
}

/** An IP address or CIDR range. @returns The text, which is what `net.BlockList` users split again. */
export const cidr = (text: string): Parsed<string> => {
  const [ip = '', bits, more] = text.split('/')
  const family = isIPv4(ip) ? 'ipv4' : isIPv6(ip) && !ip.includes('%') ? 'ipv6' : undefined
  if (family === undefined || more !== undefined)
    return problem(`${quoted(text)} is not an IP address or range.`, 'Write one such as `10.0.0.0/8` or `::1`.')
  if (bits === undefined) return parsed(text)
  const most = family === 'ipv4' ? 32 : 128
  if (!/^(?:0|[1-9][0-9]{0,2})$/.test(bits) || Number(bits) > most) return problem(`${quoted(text)} has no valid prefix length: 0 to ${most}.`)
  new BlockList().addSubnet(ip, Number(bits), family)
  return parsed(text)
}
