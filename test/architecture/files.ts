import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root: string = fileURLToPath(new URL('../..', import.meta.url))

export interface SourceFile {
  /** From the top of the repository, with forward slashes. */
  readonly path: string
  readonly text: string
  /** The text with comments and the insides of quoted strings taken out. */
  readonly code: string
}

const generated = new Set(['node_modules', 'dist', 'coverage', '.git', '.headgate', 'results', 'fixtures'])
const textual = /\.(?:ts|js|json|md|ya?ml|txt)$|(?:^|\/)(?:Dockerfile|run|\.gitignore|\.dockerignore)$/

const walk = (folder: string): readonly string[] =>
  readdirSync(`${root}/${folder}`, { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) return generated.has(entry.name) ? [] : walk(path)
    return entry.isFile() && textual.test(path) && path !== 'package-lock.json' ? [path] : []
  })

// Templates are kept: code stands in them. Import lines are read from the text, so emptied strings do no harm.
const noise = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g

const withoutNoise = (text: string): string => text.replace(noise, (piece) => (piece.startsWith('`') ? piece : piece.startsWith('/') ? ' ' : "''"))

const read = (path: string): SourceFile => {
  const text = readFileSync(`${root}/${path}`, 'utf8')
  return { path, text, code: withoutNoise(text) }
}

export const textFiles = (): readonly SourceFile[] => walk('').map(read)

export const sourceFiles = (): readonly SourceFile[] => textFiles().filter((file) => file.path.endsWith('.ts'))

export const roomOf = (path: string): string => path.split('/')[0] ?? ''

/** Tests, and what stands in a folder called `test` to help them. */
export const isTest = (file: SourceFile): boolean => /\.test\.ts$|(?:^|\/)test\//.test(file.path)

/** What is published: the rooms without their tests. */
export const productFiles = (): readonly SourceFile[] =>
  sourceFiles().filter((file) => !isTest(file) && /^(?:schemas|config|gateway|plugins|cli)\//.test(file.path))
