import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ProviderFailure } from '../../../gateway/plugin.ts'
import type { Json } from '../../../gateway/plugin.ts'
import type { StoredTemplate } from '../stored-templates.ts'

/** Templates in files: `ID.subject.txt`, `ID.txt`, `ID.html`; of the last two, at least one. */
export interface FolderTemplates {
  /** As it stands in the files. @throws {ProviderFailure} `template_error` */
  read(id: string): Promise<StoredTemplate>
  /** @throws {ProviderFailure} `template_error` for a template that there is not, and for a placeholder without a value. */
  filled(id: string, data: Readonly<Record<string, Json>>): Promise<Omit<StoredTemplate, 'id'>>
}

const parts = { subject: '.subject.txt', text: '.txt', html: '.html' } as const
const maxFileBytes = 1024 * 1024
const maxTemplates = 500

interface Copy {
  readonly stamp: string
  readonly template: StoredTemplate
}

/** @param folder Undefined: there are no templates. */
export function folderTemplates(folder: string | undefined): FolderTemplates {
  const copies = new Map<string, Copy>()

  async function read(id: string): Promise<StoredTemplate> {
    if (folder === undefined) throw templateError('settings.templates.folder is not configured', 'template_missing')
    // No dots and no slashes: a name cannot leave the folder, nor be the subject of another one.
    if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/.test(id)) throw templateError('no file can have the name of this template', 'template_missing')
    const files = Object.fromEntries(Object.entries(parts).map(([part, ending]) => [part, join(folder, `${id}${ending}`)]))
    const copy = copies.get(id)
    try {
      const stamps = await Promise.all(Object.values(files).map(stampOf))
      const stamp = stamps.join()
      if (copy?.stamp === stamp) return copy.template
      const texts = await Promise.all(
        Object.entries(files).map(async ([part, file], index) => [part, stamps[index] === '' ? undefined : await readFile(file, 'utf8')]),
      )
      const template: StoredTemplate = { id, ...(Object.fromEntries(texts.filter(([, text]) => text !== undefined)) as Partial<StoredTemplate>) }
      if (template.text === undefined && template.html === undefined) {
        copies.delete(id)
        throw templateError('there are no files of this template', 'template_missing')
      }
      copies.delete(id)
      copies.set(id, { stamp, template })
      const [oldest] = copies.keys()
      if (copies.size > maxTemplates && oldest !== undefined) copies.delete(oldest)
      return template
    } catch (error) {
      if (error instanceof ProviderFailure) throw error
      // The disk has trouble, or the files are being replaced at this moment.
      if (copy !== undefined) return copy.template
      throw templateError('the files of this template cannot be read', 'template_unreadable', error)
    }
  }

  return {
    read,
    async filled(id, data) {
      const { subject, text, html } = await read(id)
      return {
        // A file ends with a line break, a subject does not.
        ...(subject === undefined ? {} : { subject: fill(subject.trim(), data, String) }),
        ...(text === undefined ? {} : { text: fill(text, data, String) }),
        ...(html === undefined ? {} : { html: fill(html, data, escaped) }),
      }
    },
  }
}

/** Changes whenever the file does; empty where there is none. */
async function stampOf(file: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(file)
    if (size > maxFileBytes) throw templateError('a file of this template is larger than 1 MiB', 'template_unreadable')
    return `${mtimeMs} ${size} ${ino}`
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return ''
    throw error
  }
}

/** In one pass: what the data holds is never looked through for placeholders. */
const fill = (source: string, data: Readonly<Record<string, Json>>, shown: (text: string) => string): string =>
  source.replaceAll(/\{\{([^{}]*)\}\}/g, (_whole, path: string) => shown(valueAt(data, path.trim())))

function valueAt(data: Readonly<Record<string, Json>>, path: string): string {
  let value: Json | undefined = data
  for (const step of path.split('.')) {
    value =
      typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, step)
        ? (value as Record<string, Json>)[step]
        : undefined
  }
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw templateError(`the data has no text for {{ ${path.slice(0, 100)} }}`, 'template_data')
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (letter) => entities[letter] ?? letter)

const templateError = (message: string, code: string, cause?: unknown): ProviderFailure =>
  new ProviderFailure('template_error', message, { executed: 'no', code, cause })
