import { readFile, realpath, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { isMap, isScalar, parseDocument } from 'yaml'

const maxBytes = 1024 * 1024
const maxTries = 5

/** A text, or why there is none; the reason holds no value. */
export type FieldContent = { readonly value: string } | { readonly problem: string }

/** Values of one secret by field, and what tells whether they may have changed. */
export interface SecretContent {
  readonly fields: ReadonlyMap<string, FieldContent>
  readonly fingerprint: string
  /** When it was last written, milliseconds since the epoch: the newest of its files. */
  readonly writtenAtMs: number
}

interface Place {
  /** Where symbolic links lead to. */
  readonly real: string
  readonly folder: boolean
  readonly identity: string
  readonly writtenAtMs: number
  readonly bytes: number
}

/**
 * Reads fields of the secret at `path` under `root`: of the map in a JSON or YAML file (with or without its ending), or the files of a folder,
 * whose last line end is cut off. Symbolic links may lead anywhere under `root`, as those of Kubernetes volumes do, and nowhere else.
 * @throws Error whose message names the file, never a value.
 */
export const secretContent = async (root: string, path: string, fields: readonly string[]): Promise<SecretContent> => {
  for (let tries = 1; tries <= maxTries; tries += 1) {
    const content = await contentNow(root, path, fields)
    // Fields of a secret that was replaced meanwhile may be of two versions.
    if ((await secretFingerprint(root, path, fields)) === content.fingerprint) return content
  }
  throw new Error(`${path} changes all the time`)
}

const contentNow = async (root: string, path: string, fields: readonly string[]): Promise<SecretContent> => {
  const place = await placeOf(root, path)
  if (place.folder) return folderContent(root, place, fields)
  const values = mapOf(await textOf(place), relative(root, place.real))
  return {
    fields: new Map(fields.map((field) => [field, values.get(field) ?? { problem: `${shown(root, place)} has no field ${field}` }])),
    fingerprint: place.identity,
    writtenAtMs: place.writtenAtMs,
  }
}

/** The fingerprint alone. @throws Error as `secretContent` */
export const secretFingerprint = async (root: string, path: string, fields: readonly string[]): Promise<string> => {
  const place = await placeOf(root, path)
  if (!place.folder) return place.identity
  const files = await Promise.all(fields.map((field) => fieldPlace(root, place, field)))
  return [place.real, ...files.map((file) => ('identity' in file ? file.identity : file.problem))].join('\n')
}

const folderContent = async (root: string, folder: Place, fields: readonly string[]): Promise<SecretContent> => {
  const files = await Promise.all(fields.map(async (field) => [field, await fieldPlace(root, folder, field)] as const))
  const read = files.map(async ([field, file]): Promise<[string, FieldContent]> => {
    if (!('identity' in file)) return [field, file]
    try {
      const value = (await textOf(file)).replace(/\r?\n$/, '')
      return [field, value === '' ? { problem: `${shown(root, file)} is empty` } : { value }]
    } catch (error) {
      return [field, { problem: messageOf(error) }]
    }
  })
  const places = files.flatMap(([, file]) => ('identity' in file ? [file] : []))
  return {
    fields: new Map(await Promise.all(read)),
    fingerprint: [folder.real, ...files.map(([, file]) => ('identity' in file ? file.identity : file.problem))].join('\n'),
    writtenAtMs: Math.max(0, ...places.map(({ writtenAtMs }) => writtenAtMs)),
  }
}

const fieldPlace = async (root: string, folder: Place, field: string): Promise<Place | { readonly problem: string }> => {
  const named = `${shown(root, folder)}/${field}`
  // The hidden files of such folders are the machinery behind the symbolic links.
  if (field.startsWith('..') || field === '.') return { problem: `${named} is no field` }
  try {
    const place = await placeAt(root, join(folder.real, field))
    return place === undefined ? { problem: `there is no file ${named}` } : place.folder ? { problem: `${named} is a folder` } : place
  } catch (error) {
    return { problem: messageOf(error) }
  }
}

const endings = ['', '.json', '.yaml', '.yml']

const placeOf = async (root: string, path: string): Promise<Place> => {
  const steps = path.split('/').filter((step) => step !== '')
  if (steps.length === 0 || steps.some((step) => step === '..' || step === '.' || /[\\\0]/.test(step)))
    throw new Error(`${path} is no path of a secret`)
  for (const ending of endings) {
    const place = await placeAt(root, `${join(root, ...steps)}${ending}`)
    if (place !== undefined && (ending === '' || !place.folder)) return place
  }
  throw new Error(`there is no file or folder ${steps.join('/')} under ${root}, nor one that ends in .json, .yaml or .yml`)
}

/** Undefined where nothing is there. */
const placeAt = async (root: string, path: string): Promise<Place | undefined> => {
  try {
    const [inside, real] = await Promise.all([realpath(root), realpath(path)])
    if (real !== inside && !real.startsWith(inside.endsWith(sep) ? inside : `${inside}${sep}`)) throw new Error(`${path} leads out of ${root}`)
    const found = await stat(real, { bigint: true })
    const folder = found.isDirectory()
    if (!folder && !found.isFile()) throw new Error(`${path} is neither file nor folder`)
    const identity = [real, found.dev, found.ino, found.mtimeNs, found.ctimeNs, found.size].join(':')
    return { real, folder, identity, writtenAtMs: Number(found.mtimeMs), bytes: Number(found.size) }
  } catch (error) {
    if (isMissing(error)) return undefined
    throw isSystemError(error) ? new Error(`${path} cannot be looked at (${error.code})`, { cause: error }) : error
  }
}

const textOf = async ({ real, bytes }: Place): Promise<string> => {
  if (bytes > maxBytes) throw new Error(`${real} has more than ${maxBytes} bytes`)
  const content = await readFile(real).catch((error: unknown) => {
    throw new Error(`${real} cannot be read${isSystemError(error) ? ` (${error.code})` : ''}`, { cause: error })
  })
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content)
  } catch {
    throw new Error(`${real} is not text (UTF-8)`)
  }
}

/**
 * Scalars are taken as written: `password: 0123` is no number. Messages of parsers would quote the file, so that they are left out.
 * @throws Error
 */
const mapOf = (text: string, file: string): ReadonlyMap<string, FieldContent> => {
  const document = parseDocument(text, { schema: 'failsafe', uniqueKeys: true, prettyErrors: false })
  const [wrong] = document.errors
  if (wrong !== undefined) throw new Error(`${file} cannot be read as JSON or YAML (${wrong.code} at character ${wrong.pos[0]})`)
  if (!isMap(document.contents)) throw new Error(`${file} is no map of fields`)
  const fields = new Map<string, FieldContent>()
  for (const { key, value } of document.contents.items) {
    if (!isScalar(key)) continue
    const plain = isScalar(value) && (value.type === 'PLAIN' || value.type === undefined)
    if (!isScalar(value) || typeof value.value !== 'string')
      fields.set(String(key.value), { problem: `field ${String(key.value)} of ${file} is no text` })
    else if (value.value === '' || (plain && /^(?:~|null|Null|NULL)$/.test(value.value)))
      fields.set(String(key.value), { problem: `field ${String(key.value)} of ${file} is empty` })
    else fields.set(String(key.value), { value: value.value })
  }
  return fields
}

const shown = (root: string, { real }: Place): string => {
  const path = relative(root, real)
  return path.startsWith('..') ? real : path
}

const isSystemError = (error: unknown): error is NodeJS.ErrnoException & { readonly code: string } =>
  error instanceof Error && 'code' in error && typeof error.code === 'string'

const isMissing = (error: unknown): boolean => isSystemError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR')

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
