// Loaded into prism's process before it starts. Prism takes a request for right when the schema of it cannot be compiled; here that is a
// violation, so that no suite passes because nothing was looked at.
import { createRequire } from 'node:module'

type Compile = (this: unknown, schema: unknown, ...rest: unknown[]) => { errors?: unknown }

const fromProgram = createRequire(process.argv[1] ?? '')
const fromValidator = createRequire(fromProgram.resolve('@stoplight/prism-http'))
const { prototype } = (fromValidator('ajv/dist/core') as { readonly default: { readonly prototype: { compile: Compile } } }).default
const { compile } = prototype

prototype.compile = function strict(schema, ...rest) {
  try {
    return compile.call(this, schema, ...rest)
  } catch (error) {
    const refused: { (): boolean; errors?: unknown } = () => false
    const why = error instanceof Error ? error.message.slice(0, 300) : String(error)
    refused.errors = [{ instancePath: '', keyword: 'compile', params: {}, message: `has a schema that cannot be compiled: ${why}` }]
    return refused
  }
}
