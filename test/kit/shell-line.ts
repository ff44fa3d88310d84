import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** What a shell makes of a line: its words, without quotes and comment. */
export const wordsOf = async (line: string): Promise<readonly string[]> => {
  const { stdout } = await run('sh', ['-c', `printf '%s\\0' ${line}`])
  return stdout.split('\0').slice(0, -1)
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** JSON. */
  readonly body: unknown
}

const takes = new Set(['-d', '-H', '-X'])

/** Does what curl does with these words: `-d` is a POST, `-H` a header; `-i` and `-s` change what is shown, not what is sent. */
export const curl = async (words: readonly string[]): Promise<Answer> => {
  const headers = new Headers()
  let url = ''
  let method: string | undefined
  let body: string | undefined
  for (let index = 1; index < words.length; index += 1) {
    const word = words[index] ?? ''
    const value = takes.has(word) ? (words[(index += 1)] ?? '') : ''
    if (word === '-d') body = value
    else if (word === '-X') method = value
    else if (word === '-H') headers.set(value.slice(0, value.indexOf(':')), value.slice(value.indexOf(':') + 1).trim())
    else if (!word.startsWith('-')) url = word
    else if (word !== '-i' && word !== '-s') throw new Error(`what is ${word} of curl?`)
  }
  if (body !== undefined && !headers.has('content-type')) headers.set('content-type', 'application/x-www-form-urlencoded')
  const response = await fetch(url, { method: method ?? (body === undefined ? 'GET' : 'POST'), headers, ...(body === undefined ? {} : { body }) })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) }
}
