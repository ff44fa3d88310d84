import { createInterface } from 'node:readline'
import { styleText } from 'node:util'
import { exitCodes } from './exit-codes.ts'

/** Formats of `node:util` styleText that the commands use. */
export type StyleName = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'cyan' | 'magenta' | 'underline'

/** Colours a text, or gives it back as it is where colour is not wanted. */
export type Style = (name: StyleName | readonly StyleName[], text: string) => string

export interface TextStream {
  write(text: string): void
  readonly style: Style
  /** Columns of the terminal; undefined where the stream is not one. */
  readonly columns: number | undefined
}

/** What a command may know of its surroundings; `process` itself stays in this file and in `main.ts`. */
export interface Io {
  readonly out: TextStream
  readonly err: TextStream
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Asks the person at the terminal for a line; undefined where nobody can answer. */
  readonly ask: ((question: string) => Promise<string>) | undefined
}

/** NO_COLOR, FORCE_COLOR and whether the stream is a terminal are weighed by `styleText` itself. */
const textStream = (stream: NodeJS.WriteStream, onError: (error: NodeJS.ErrnoException) => void): TextStream => {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    onError(error)
  })
  return {
    write: (text) => {
      stream.write(text)
    },
    style: (name, text) => styleText(typeof name === 'string' ? name : [...name], text, { stream }),
    get columns() {
      return stream.isTTY ? stream.columns : undefined
    },
  }
}

/** What was asked for could not be written: the command has failed, in one sentence. */
const onOutError = (error: NodeJS.ErrnoException): void => {
  // A reader that has seen enough (`| head`) is no failure of the command: what it would still write goes nowhere.
  if (error.code === 'EPIPE') return
  process.stderr.write(`error: Standard output cannot be written (${error.code ?? error.message}).\n`)
  process.exit(exitCodes.unusable)
}

export const processIo = (): Io => ({
  out: textStream(process.stdout, onOutError),
  // A log that cannot be written, because its disk is full or its reader gone, must not take the gateway with it.
  err: textStream(process.stderr, () => undefined),
  env: process.env,
  cwd: process.cwd(),
  ask: process.stdin.isTTY && process.stderr.isTTY ? askOnTerminal : undefined,
})

/** The question goes to standard error, so that standard output stays what was asked for. An end of input counts as an empty answer. */
const askOnTerminal = (question: string): Promise<string> =>
  new Promise((resolve) => {
    const lines = createInterface({ input: process.stdin, output: process.stderr })
    const unanswered = (): void => {
      process.stderr.write('\n')
      resolve('')
    }
    lines.once('close', unanswered)
    lines.question(question, (answer) => {
      lines.off('close', unanswered)
      lines.close()
      resolve(answer)
    })
  })
