import { enableCompileCache } from 'node:module'
import { processIo } from './io.ts'
import type { Commands } from './program.ts'

// Type stripping and compiling are most of a start; the second start does not pay for them again.
enableCompileCache()

const io = processIo()

const commands: Commands = {
  run: async (options) => (await import('./commands/run.ts')).run(options, io),
  validate: async (paths, options) => (await import('./commands/validate.ts')).validate(paths, options, io),
  explain: async (method, target, options) => (await import('./commands/explain.ts')).explain(method, target, options, io),
  config: async (options) => (await import('./commands/config.ts')).config(options, io),
  schema: async () => (await import('./commands/schema.ts')).schema(io),
  dlq: async (request) => (await import('./commands/dlq.ts')).dlq(request, io),
  plugins: async (request) => (await import('./commands/plugins.ts')).plugins(request, io),
  flows: async (request) => (await import('./commands/flows.ts')).flows(request, io),
  intents: async (request) => (await import('./commands/intents.ts')).intents(request, io),
}

const { runProgram } = await import('./program.ts')
process.exitCode = await runProgram(process.argv.slice(2), io, commands)
// A plugin that was loaded may have left timers or sockets behind, for which the process would stay.
await Promise.all([process.stdout, process.stderr].map((stream) => new Promise<void>((resolve) => void stream.write('', () => resolve()))))
process.exit()
