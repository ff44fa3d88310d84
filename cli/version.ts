import { existsSync, readFileSync } from 'node:fs'

/** Version of the package: `package.json` stands one folder up in the repository, two in the published package. */
export const version = (): string => {
  const near = new URL('../package.json', import.meta.url)
  const file = existsSync(near) ? near : new URL('../../package.json', import.meta.url)
  const described: unknown = JSON.parse(readFileSync(file, 'utf8'))
  const found = typeof described === 'object' && described !== null && 'version' in described ? described.version : undefined
  return typeof found === 'string' ? found : 'unknown'
}
