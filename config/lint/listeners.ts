import type { Address } from '../model.ts'
import { readAddress } from '../resolve/readers.ts'
import type { Steps } from '../source/tree.ts'
import { pointerOf } from '../source/value.ts'
import type { LintContext } from './context.ts'

interface Bound {
  readonly what: string
  readonly steps: Steps
  readonly address: Address
}

/** Two listeners cannot share an address; one on all interfaces takes the port of every other. */
export const lintListeners = ({ tree, findings, section }: LintContext): void => {
  const bound: Bound[] = []
  for (const [name, { address }] of Object.entries(section('listeners') ?? {}))
    bound.push({ what: `the listener \`${name}\``, steps: ['listeners', name, 'address'], address: readAddress(address) })
  const admin = section('admin')
  if (admin !== undefined) bound.push({ what: 'the admin listener', steps: ['admin', 'address'], address: readAddress(admin.address) })
  bound.forEach((later, index) => {
    const earlier = bound.slice(0, index).find((other) => collide(other.address, later.address))
    if (earlier === undefined) return
    const [place, other] = tree.isWritten(later.steps) ? [later, earlier] : [earlier, later]
    findings.report('HG3010', tree.valueLocation(place.steps), `${capital(place.what)} has the same address as ${other.what}.`, {
      hint: 'Change one of the ports.',
      related: tree.isWritten(other.steps) ? [{ message: `${other.what} is here`, location: tree.valueLocation(other.steps) }] : [],
      notes: tree.isWritten(other.steps) ? [] : [`${other.what} has its default address: ${other.address.host}:${other.address.port}`],
      pointer: pointerOf(place.steps),
    })
  })
}

const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1)

const all = new Set(['0.0.0.0', '::'])

const collide = (a: Address, b: Address): boolean =>
  a.port !== 0 && a.port === b.port && (canonicalHost(a.host) === canonicalHost(b.host) || all.has(a.host) || all.has(b.host))

const canonicalHost = (host: string): string => (host === 'localhost' ? '127.0.0.1' : host.toLowerCase())
