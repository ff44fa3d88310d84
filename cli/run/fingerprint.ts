import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'

const isSource = (name: string): boolean => /\.ya?ml$/i.test(name) && !name.startsWith('.')

/** Files that a watched path stands for: itself, or the YAML files of a folder. Paths that are gone stand for themselves. */
const filesOf = async (path: string): Promise<readonly string[]> => {
  try {
    if (!(await stat(path)).isDirectory()) return [path]
    const names = await readdir(path)
    return names.filter(isSource).map((name) => join(path, name))
  } catch {
    return [path]
  }
}

const allFiles = async (paths: readonly string[]): Promise<readonly string[]> => {
  const files = await Promise.all(paths.map(filesOf))
  return [...new Set(files.flat())].sort()
}

/** Hash of each watched file; a file that is absent has none. Touching a file leaves its hash as it is. */
export const contentHashes = async (paths: readonly string[]): Promise<ReadonlyMap<string, string>> => {
  const hashes = new Map<string, string>()
  for (const file of await allFiles(paths)) {
    const content = await readFile(file).catch(() => undefined)
    if (content !== undefined) hashes.set(file, createHash('sha256').update(content).digest('hex'))
  }
  return hashes
}

export const sameHashes = (left: ReadonlyMap<string, string>, right: ReadonlyMap<string, string>): boolean =>
  left.size === right.size && [...left].every(([file, hash]) => right.get(file) === hash)

/** Cheap to take often: size, time and identity of each file. Differs whenever the content may. */
export const statFingerprint = async (paths: readonly string[]): Promise<string> => {
  const facts: string[] = []
  for (const file of await allFiles(paths)) {
    const found = await stat(file, { bigint: true }).catch(() => undefined)
    facts.push(found === undefined ? `${file} absent` : `${file} ${found.dev} ${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`)
  }
  return facts.join('\n')
}
