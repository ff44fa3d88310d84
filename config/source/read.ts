import { readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Findings } from '../diagnostics/findings.ts'
import { SourceFile } from './source-file.ts'

/** A path that cannot be read at all; nothing can be said about its contents. */
export class UnreadableError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'UnreadableError'
  }
}

/** The files of one `-c`: one, or those of a folder by name. */
export interface Layer {
  readonly files: readonly SourceFile[]
}

export interface ReadResult {
  readonly layers: readonly Layer[]
  /** All texts, also of files that are too damaged to be part of a layer. */
  readonly files: readonly SourceFile[]
  /** Absolute paths whose change may change the configuration. */
  readonly watch: readonly string[]
}

export const maxFileBytes: number = 16 * 1024 * 1024

/** @throws UnreadableError when a path is missing, neither file nor folder, not permitted, or an empty folder. */
export const readLayers = async (paths: readonly string[], cwd: string, findings: Findings): Promise<ReadResult> => {
  if (paths.length === 0) throw new UnreadableError('No configuration file was named.')
  const layers: Layer[] = []
  const all: SourceFile[] = []
  const watch = new Set<string>()
  for (const path of paths) {
    const names = await filesOf(path, cwd, watch)
    const files: SourceFile[] = []
    for (const name of names) {
      watch.add(resolve(cwd, name))
      const { file, damaged } = await readSource(name, cwd, findings)
      all.push(file)
      if (!damaged) files.push(file)
    }
    layers.push({ files })
  }
  return { layers, files: all, watch: [...watch] }
}

/** A Kubernetes ConfigMap shows its files as symlinks beside the hidden folder `..data`; following them is all it takes. */
const filesOf = async (path: string, cwd: string, watch: Set<string>): Promise<string[]> => {
  const stats = await readable(path, () => stat(resolve(cwd, path)))
  if (stats.isFile()) return [path]
  if (!stats.isDirectory()) throw new UnreadableError(`${path} is neither a file nor a folder.`)
  watch.add(resolve(cwd, path))
  const names: string[] = []
  for (const name of (await readable(path, () => readdir(resolve(cwd, path)))).sort()) {
    if (name.startsWith('.') || !/\.ya?ml$/.test(name)) continue
    const file = join(path, name)
    if ((await readable(file, () => stat(resolve(cwd, file)))).isFile()) names.push(file)
  }
  if (names.length === 0) throw new UnreadableError(`The folder ${path} has no .yaml or .yml files.`)
  return names
}

interface Source {
  readonly file: SourceFile
  readonly damaged: boolean
}

const readSource = async (name: string, cwd: string, findings: Findings): Promise<Source> => {
  const path = resolve(cwd, name)
  const { size } = await readable(name, () => stat(path))
  const empty = new SourceFile(name, '', dirname(path))
  const bytes = size > maxFileBytes ? undefined : await readable(name, () => readFile(path))
  if (bytes === undefined || bytes.length > maxFileBytes) {
    findings.report('HG1014', empty.locate(0, 0), `The file is larger than ${maxFileBytes / 1024 / 1024}MiB.`, {
      hint: 'Split it into a folder of files.',
    })
    return { file: empty, damaged: true }
  }
  return decoded(new Uint8Array(bytes), name, dirname(path), findings)
}

const decoded = (bytes: Uint8Array, name: string, folder: string, findings: Findings): Source => {
  const wide = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)
  try {
    if (!wide) return { file: new SourceFile(name, new TextDecoder('utf-8', { fatal: true }).decode(bytes), folder), damaged: false }
  } catch {
    // Which byte it is takes a second, slower look.
  }
  const file = new SourceFile(name, new TextDecoder().decode(bytes), folder)
  const at = wide ? 0 : firstInvalid(bytes)
  findings.report('HG1006', file.locate(at, at + 1), wide ? 'The file is UTF-16.' : 'There is a byte here that is not UTF-8.', {
    hint: 'Save the file as UTF-8.',
  })
  return { file, damaged: true }
}

/** Offset, in the decoded text, of the first sequence that is not UTF-8: whole characters are decoded one by one, but only in the piece that fails. */
const firstInvalid = (bytes: Uint8Array): number => {
  const strict = new TextDecoder('utf-8', { fatal: true })
  let length = 0
  let pieceBytes = 65_536
  for (let from = 0; from < bytes.length; ) {
    let to = Math.min(from + pieceBytes, bytes.length)
    while (to < bytes.length && ((bytes[to] ?? 0) & 0xc0) === 0x80) to += 1
    try {
      length += strict.decode(bytes.subarray(from, to)).length
      from = to
    } catch {
      if (pieceBytes === 1) return length
      pieceBytes = 1
    }
  }
  return length
}

const readable = async <T>(name: string, action: () => Promise<T>): Promise<T> => {
  try {
    return await action()
  } catch (error) {
    throw new UnreadableError(reason(name, error), error)
  }
}

const reason = (name: string, error: unknown): string => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'ENOENT' || code === 'ENOTDIR') return `There is no ${name}.`
  if (code === 'EACCES' || code === 'EPERM') return `${name} may not be read (permission denied).`
  return `${name} cannot be read (${code === '' ? 'unknown error' : code}).`
}
