/**
 * One canonical path for matching, policy and upstream (RFC 3986, section 6.2.2): unreserved characters are
 * decoded, hex digits are upper case, `.` and `..` segments are resolved, runs of slashes are one slash.
 * Whatever two servers could read differently is refused instead of repaired: encoded slashes, backslashes and
 * dots, control characters, broken escapes, `..` that leaves the root, and dot segments with parameters (`..;v=1`),
 * which servlet containers take for `..`.
 */
export type CanonicalPath = { readonly path: string } | { readonly problem: string }

/** A path that is canonical as it stands: only plain characters, no empty and no dot segments. */
const plain = /^(?:\/(?!\.{1,2}(?:[/;]|$))[A-Za-z0-9\-._~!$&'()*+,;=:@]+)*\/?$/
const legal = /^[A-Za-z0-9\-._~!$&'()*+,;=:@/%]*$/
const dotsWithParameters = /^\.{1,2};/
const unreserved = /^[A-Za-z0-9\-._~]$/

/**
 * @param raw Path as received, without query; must start with `/`.
 * @returns The canonical path, or what is wrong with it. Never throws; linear in the length of `raw`.
 */
export function canonicalPath(raw: string): CanonicalPath {
  if (plain.test(raw)) return { path: raw === '' ? '/' : raw }
  if (!raw.startsWith('/')) return { problem: 'The path does not start with a slash.' }
  if (!legal.test(raw)) return { problem: 'The path has a character that must be percent-encoded.' }
  const decoded = decodeUnreserved(raw)
  if ('problem' in decoded) return decoded
  return resolveDots(decoded.path)
}

function decodeUnreserved(raw: string): CanonicalPath {
  if (!raw.includes('%')) return { path: raw }
  let path = ''
  let from = 0
  for (let at = raw.indexOf('%'); at !== -1; at = raw.indexOf('%', at + 3)) {
    const hex = raw.slice(at + 1, at + 3)
    if (!/^[0-9a-fA-F]{2}$/.test(hex)) return { problem: 'The path has a broken percent escape.' }
    const code = Number.parseInt(hex, 16)
    if (code < 0x20 || code === 0x7f) return { problem: 'The path has an encoded control character.' }
    const character = String.fromCharCode(code)
    if (character === '/' || character === '\\' || character === '.') return { problem: `The path has an encoded \`${character}\`.` }
    path += raw.slice(from, at) + (unreserved.test(character) ? character : `%${hex.toUpperCase()}`)
    from = at + 3
  }
  return { path: path + raw.slice(from) }
}

function resolveDots(path: string): CanonicalPath {
  const segments: string[] = []
  const parts = path.split('/')
  for (let i = 1; i < parts.length; i += 1) {
    const part = parts[i] as string
    if (part === '' || part === '.') continue
    if (dotsWithParameters.test(part)) return { problem: 'The path has a dot segment with parameters.' }
    if (part !== '..') segments.push(part)
    else if (segments.pop() === undefined) return { problem: 'The path leaves the root.' }
  }
  const last = parts.at(-1)
  const slash = (last === '' || last === '.' || last === '..') && segments.length > 0
  return { path: `/${segments.join('/')}${slash ? '/' : ''}` }
}
