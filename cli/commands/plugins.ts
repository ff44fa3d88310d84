import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { nearest } from '../../config/diagnostics/nearest.ts'
import { commonKinds } from '../../gateway/plugin.ts'
import { CommandError, type ExitCode, exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import { type AvailableAdapter, availableAdapters } from '../plugins/available.ts'
import { builtInTypes } from '../plugins/built-in.ts'
import type { PluginListOptions, PluginNewOptions, PluginsRequest } from '../plugins/request.ts'
import { scaffold } from '../plugins/scaffold.ts'
import { listText, showText } from '../plugins/text.ts'
import { version } from '../version.ts'

export const plugins = (request: PluginsRequest, io: Io): Promise<ExitCode> => {
  switch (request.action) {
    case 'list':
      return list(request.options, io)
    case 'show':
      return show(request.type, request.options, io)
    case 'new':
      return create(request.folder, request.options, io)
  }
}

const list = async ({ config, format }: PluginListOptions, io: Io): Promise<ExitCode> => {
  const { adapters, exitCode } = await available(config, io)
  io.out.write(format === 'json' ? json(adapters.map(listed)) : listText(adapters, io.out))
  return exitCode
}

const show = async (type: string, { config, format }: PluginListOptions, io: Io): Promise<ExitCode> => {
  const { adapters, exitCode } = await available(config, io)
  const found = adapters.find(({ adapter }) => adapter.type === type)
  if (found === undefined) {
    const guess = nearest(
      type,
      adapters.map(({ adapter }) => adapter.type),
    )
    const hint =
      guess === undefined
        ? 'Run `headgate plugins list` for all of them; plugins of a configuration are known with `-c`.'
        : `Did you mean \`${guess}\`?`
    throw new CommandError(`There is no adapter of the type ${type}. ${hint}`)
  }
  io.out.write(format === 'json' ? json(described(found)) : showText(found, io.out))
  return exitCode
}

/** Plugins that cannot be used are said, and do not hide the others. */
const available = async (
  config: readonly string[] | undefined,
  io: Io,
): Promise<{ readonly adapters: readonly AvailableAdapter[]; readonly exitCode: ExitCode }> => {
  const { adapters, problems } = await availableAdapters(config, io)
  for (const { message, hint } of problems) io.err.write(`${io.err.style('red', 'error:')} ${message}${hint === undefined ? '' : ` ${hint}`}\n`)
  return { adapters, exitCode: problems.length === 0 ? exitCodes.ok : exitCodes.findings }
}

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`

const listed = ({ adapter, from }: AvailableAdapter): object => ({
  type: adapter.type,
  capability: adapter.capability,
  summary: adapter.summary,
  from: from ?? 'built-in',
  operations: Object.keys(adapter.operations),
  events: Object.keys(adapter.webhook?.events ?? {}),
})

const described = (found: AvailableAdapter): object => {
  const { adapter } = found
  return {
    ...listed(found),
    interface: adapter.interface,
    base_url: adapter.baseUrl ?? null,
    auth: adapter.auth,
    ...(adapter.tokenUrl === undefined ? {} : { token_url: adapter.tokenUrl }),
    settings: adapter.settings,
    operations: Object.fromEntries(
      Object.entries(adapter.operations).map(([name, { undo, kinds = [], keyTtlMs, ...operation }]) => [
        name,
        {
          ...operation,
          ...(keyTtlMs === undefined ? {} : { keyTtlMs: Number.isFinite(keyTtlMs) ? keyTtlMs : 'never' }),
          kinds: [...new Set([...commonKinds, ...kinds])],
          undo: Object.keys(undo ?? {}),
        },
      ]),
    ),
    ...(adapter.declared === undefined ? {} : { operation_settings: adapter.declared.settings }),
    ...(adapter.webhook === undefined ? {} : { webhook: adapter.webhook }),
  }
}

const create = async (folder: string, { capability, format }: PluginNewOptions, io: Io): Promise<ExitCode> => {
  const path = resolve(io.cwd, folder)
  const type = basename(path)
  for (const [what, word] of [
    ['The name of the folder', type],
    ['The capability', capability],
  ] as const)
    if (!/^[a-z][a-z0-9-]{0,63}$/.test(word)) throw new CommandError(`${what} has to be of lower case letters, digits and hyphens: ${word}`)
  if (builtInTypes.includes(type)) throw new CommandError(`There is a built-in adapter of the type ${type}: choose another name.`)
  if ((await entriesOf(path)).length > 0) throw new CommandError(`${folder} is there already, and not empty.`)
  const files = scaffold(type, capability, version())
  await mkdir(path, { recursive: true })
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text, { flag: 'wx' })
  const names = Object.keys(files)
  if (format === 'json') io.out.write(json({ folder: path, type, capability, files: names }))
  else
    io.out.write(`${names.map((name) => `  ${join(folder, name)}\n`).join('')}\nNext: cd ${folder} && npm install --save-dev headgate && npm test\n`)
  return exitCodes.ok
}

const entriesOf = async (path: string): Promise<readonly string[]> => {
  try {
    return await readdir(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw new CommandError(`${path} cannot be used as a folder.`)
  }
}
