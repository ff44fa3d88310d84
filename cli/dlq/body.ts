import { isUtf8 } from 'node:buffer'
import { sizeText } from '../render/quantities.ts'
import { visible } from '../render/text-width.ts'

/** More is for a file, not for a terminal: `--format json` has all of it. */
const maxTextBytes = 64 * 1024
const maxHexBytes = 4096

const bytesPerLine = 16

/** A body for a person: JSON indented, other text as text, anything else as a hex dump. Never steers the terminal. */
export const bodyText = (body: Buffer): string => {
  if (body.length === 0) return '(empty)\n'
  return isUtf8(body) && !body.includes(0) ? asText(body) : asHex(body)
}

const asText = (body: Buffer): string => {
  if (body.length > maxTextBytes) return `${lines(body.subarray(0, maxTextBytes).toString('utf8'))}${rest(body.length - maxTextBytes)}`
  const text = body.toString('utf8')
  return lines(isJson(text) ? indented(text) : text)
}

const lines = (text: string): string =>
  text
    .replace(/\r?\n$/, '')
    .split(/\r?\n/)
    .map((line) => `${visible(line)}\n`)
    .join('')

const rest = (bytes: number): string => `… ${sizeText(bytes)} more; --format json gives all of it\n`

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Strings, structure, and everything else (numbers, words) of valid JSON. */
const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/g

/** Valid JSON on several lines. Works on the text, because parsing would round long numbers and lose keys that stand there twice. */
export const indented = (json: string): string => {
  let depth = 0
  let text = ''
  let opened = false
  const newLine = (): string => `\n${'  '.repeat(depth)}`
  for (const [part] of json.matchAll(token)) {
    const closes = part === '}' || part === ']'
    if (closes) depth -= 1
    // An empty object or list stays on its line.
    if (opened !== closes) text += newLine()
    opened = part === '{' || part === '['
    if (opened) depth += 1
    text += part === ':' ? ': ' : part
    if (part === ',') text += newLine()
  }
  return text
}

const asHex = (body: Buffer): string => {
  const shown = body.subarray(0, maxHexBytes)
  let text = ''
  for (let offset = 0; offset < shown.length; offset += bytesPerLine) {
    const bytes = shown.subarray(offset, offset + bytesPerLine)
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
    const readable = [...bytes].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('')
    text += `${offset.toString(16).padStart(8, '0')}  ${hex.padEnd(bytesPerLine * 3 - 1)}  ${readable}\n`
  }
  return `${text}${body.length > maxHexBytes ? rest(body.length - maxHexBytes) : ''}`
}
