import { describe, expect, test } from 'vitest'
import { importCycles, importsOf } from './architecture/imports.ts'
import { productFiles, roomOf, sourceFiles, textFiles } from './architecture/files.ts'
import type { SourceFile } from './architecture/files.ts'

const sources = sourceFiles()
const product = productFiles()

const offences = (files: readonly SourceFile[], broken: (file: SourceFile) => readonly string[]): readonly string[] =>
  files.flatMap((file) => broken(file).map((what) => `${file.path}: ${what}`))

const matches =
  (pattern: RegExp) =>
  (file: SourceFile): readonly string[] =>
    file.code.match(pattern) ?? []

describe('rooms', () => {
  const mayImport: Readonly<Record<string, readonly string[]>> = {
    schemas: ['schemas'],
    config: ['schemas', 'config'],
    gateway: ['schemas', 'config', 'gateway'],
    cli: ['schemas', 'config', 'gateway', 'plugins', 'cli'],
  }

  test('imports point one way: schemas <- config <- gateway <- cli', () => {
    const wrongWay = (file: SourceFile): readonly string[] => {
      const allowed = mayImport[roomOf(file.path)]
      return allowed === undefined ? [] : importsOf(file).local.filter((target) => !allowed.includes(roomOf(target)))
    }
    expect(offences(product, wrongWay)).toEqual([])
  })

  test('a plugin imports schemas, gateway/plugin.ts and the folder of its capability, nothing else of ours', () => {
    const foreign = (file: SourceFile): readonly string[] => {
      const own = file.path.split('/').slice(0, 2).join('/')
      return importsOf(file).local.filter((to) => !(to.startsWith(`${own}/`) || roomOf(to) === 'schemas' || to === 'gateway/plugin.ts'))
    }
    expect(
      offences(
        product.filter((file) => roomOf(file.path) === 'plugins'),
        foreign,
      ),
    ).toEqual([])
  })

  test('policies know neither HTTP nor messaging', () => {
    const policies = product.filter((file) => file.path.startsWith('gateway/policies/'))
    expect(policies.length).toBeGreaterThan(0)
    const transport = (file: SourceFile): readonly string[] => {
      const { local, packages } = importsOf(file)
      const ours = local.filter((target) => /^gateway\/(?:http|messaging)\//.test(target))
      return [...ours, ...packages.filter((name) => /^(?:node:https?2?|undici|amqplib|ioredis)$/.test(name))]
    }
    expect(offences(policies, transport)).toEqual([])
  })

  test('only the command line, tests, the bench and the examples touch the process', () => {
    const rooms = product.filter((file) => roomOf(file.path) !== 'cli')
    expect(offences(rooms, matches(/\bprocess\.\w+|['"](?:node:)?process['"]/g))).toEqual([])
  })

  test('product code imports no test code', () => {
    const testing = (file: SourceFile): readonly string[] =>
      importsOf(file).local.filter((target) => /\.test\.ts$|(?:^|\/)test\/|^(?:bench|examples)\//.test(target))
    expect(offences(product, testing)).toEqual([])
  })

  test('no import cycles, types included', () => {
    expect(importCycles(sources)).toEqual([])
  })
})

describe('source files', () => {
  test('are at most 400 lines long', () => {
    const long = sources.filter((file) => file.text.split('\n').length > 401)
    expect(long.map((file) => file.path)).toEqual([])
  })

  test('are named in kebab-case', () => {
    const odd = sources.filter((file) => !/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.(?:test|config|d))?\.ts$/.test(file.path.split('/').at(-1) ?? ''))
    expect(odd.map((file) => file.path)).toEqual([])
  })

  test('switch no check off and use no escape from the types', () => {
    const escapes = /(?::|<|\bas)\s*any\b|\bany\[\]/g
    const switches = /@ts-(?:ignore|expect-error|nocheck)|(?:ox|es)lint-(?:disable)|biome-(?:ignore)/g
    expect(offences(sources, matches(escapes))).toEqual([])
    expect(offences(sources, (file) => file.text.match(switches) ?? [])).toEqual([])
  })

  test('skip no test and run none alone', () => {
    const pattern = /\b(?:it|test|describe)\.(?:only|skip|fails)\b/g
    expect(offences(sources, matches(pattern))).toEqual([])
  })
})

describe('every text of the repository', () => {
  const texts = textFiles()

  test('is read', () => {
    expect(texts.map((file) => file.path)).toEqual(expect.arrayContaining(['README.md', 'Dockerfile', '.ci/run', 'cli/headgate.js']))
  })

  test('leaves nothing marked as still to do', () => {
    expect(offences(texts, (file) => file.text.match(/\b(?:TO-?DO|FIX-?ME|X{3}|HAC[K])\b/g) ?? [])).toEqual([])
  })

  test('names no folder of the machine it was written on', () => {
    expect(offences(texts, (file) => file.text.match(/(?<![\w.])\/(?:root|home\/\w+|work\/(?:main|shared))\b[^\s]*/g) ?? [])).toEqual([])
  })
})
