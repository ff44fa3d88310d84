import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { folderTemplates } from './folder-templates.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-templates-'))
})
afterEach(() => rm(folder, { recursive: true }))

const write = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text)
const missing = { name: 'ProviderFailure', kind: 'template_error', executed: 'no', code: 'template_missing' }

describe('reading', () => {
  test('gives what there is', async () => {
    await write('note.txt', 'Text')
    expect(await folderTemplates(folder).read('note')).toEqual({ id: 'note', text: 'Text' })
    await write('note.html', '<p>')
    await write('note.subject.txt', 'Subject\n')
    expect(await folderTemplates(folder).read('note')).toEqual({ id: 'note', subject: 'Subject\n', text: 'Text', html: '<p>' })
  })

  test('sees that a file has changed, has come or has gone', async () => {
    const templates = folderTemplates(folder)
    await write('note.txt', 'one')
    expect(await templates.read('note')).toMatchObject({ text: 'one' })
    await write('note.txt', 'other')
    expect(await templates.read('note')).toMatchObject({ text: 'other' })
    await write('note.html', '<p>')
    expect(await templates.read('note')).toMatchObject({ text: 'other', html: '<p>' })
    await rm(join(folder, 'note.txt'))
    expect(await templates.read('note')).toEqual({ id: 'note', html: '<p>' })
    await rm(join(folder, 'note.html'))
    await expect(templates.read('note')).rejects.toMatchObject(missing)
  })

  test.each(['none', '../secret', '..', 'a/b', 'a\\b', 'note.subject', '', 'x'.repeat(101), 'nul\0'])('finds nothing for %j', async (id) => {
    await write('note.subject.txt', 'Subject')
    await expect(folderTemplates(folder).read(id)).rejects.toMatchObject(missing)
  })

  test('needs a folder', async () => {
    await expect(folderTemplates(undefined).read('note')).rejects.toMatchObject(missing)
  })

  test('refuses a file of more than 1 MiB', async () => {
    await write('note.txt', 'x'.repeat(1024 * 1024 + 1))
    await expect(folderTemplates(folder).read('note')).rejects.toMatchObject({ kind: 'template_error', code: 'template_unreadable' })
  })
})

describe('filling', () => {
  const filled = async (text: string, data: Parameters<ReturnType<typeof folderTemplates>['filled']>[1]): Promise<string | undefined> => {
    await write('note.txt', text)
    return (await folderTemplates(folder).filled('note', data)).text
  }

  test('takes texts, numbers and truth values, by paths', async () => {
    expect(await filled('{{a}} {{ b.c }} {{b.d}}', { a: 'x', b: { c: 1.5, d: true } })).toBe('x 1.5 true')
  })

  test('never looks for placeholders in what it fills in', async () => {
    expect(await filled('{{a}}', { a: '{{b}} $& $1', b: 'no' })).toBe('{{b}} $& $1')
  })

  test.each([
    ['a name without a value', '{{ b }}'],
    ['an object', '{{ a }}'],
    ['a list', '{{ list }}'],
    ['nothing', '{{ none }}'],
    ['what every object has', '{{ a.constructor }}'],
    ['an expression', '{{ 1 + 1 }}'],
  ])('refuses %s', async (_what, text) => {
    await expect(filled(text, { a: {}, list: [1], none: null })).rejects.toMatchObject({
      kind: 'template_error',
      executed: 'no',
      code: 'template_data',
    })
  })

  test('makes values harmless in HTML only', async () => {
    await write('note.html', '<p title="{{a}}">')
    await write('note.txt', '{{a}}')
    const { html, text } = await folderTemplates(folder).filled('note', { a: `<b>"'&` })
    expect(html).toBe('<p title="&lt;b&gt;&quot;&#39;&amp;">')
    expect(text).toBe(`<b>"'&`)
  })
})
