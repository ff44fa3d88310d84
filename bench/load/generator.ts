/** The load generator as a process of its own, so that it can be put on a core of its own: options as JSON in, result as JSON out. */
import { load, type LoadOptions } from './load.ts'

const [options] = process.argv.slice(2)
if (options === undefined) throw new Error('usage: generator.ts OPTIONS_AS_JSON')
process.stdout.write(JSON.stringify(await load(JSON.parse(options) as LoadOptions)))
