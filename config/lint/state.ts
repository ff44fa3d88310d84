import type { PostgresqlStoreInput } from '../../schemas/state.ts'
import type { TlsTexts } from '../resolve/tls.ts'
import { pointerOf } from '../source/value.ts'
import type { LintContext } from './context.ts'
import { lintRedisStore } from './job-store.ts'
import type { ReadFile } from './named-file.ts'
import { lintTls } from './tls.ts'

const at = ['state']

/** @returns Its PEM texts. */
export const lintState = (context: LintContext, readFile: ReadFile, files: string[]): TlsTexts => {
  const state = context.section('state')
  if (state?.type === 'redis') return lintRedisStore(context, at, state, readFile, files)
  if (state?.type !== 'postgresql') return {}
  lintUrl(context, state)
  return state.tls === undefined ? {} : lintTls(context, [...at, 'tls'], state.tls, readFile, files)
}

const lintUrl = ({ tree, findings }: LintContext, { url, password }: PostgresqlStoreInput): void => {
  const steps = [...at, 'url']
  if (tree.refersToSecret(steps)) return
  const parsed = /^postgres(?:ql)?:\/\/[^\s/]/.test(url) && URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined)
    findings.report('HG2032', tree.valueLocation(steps), 'state.url is no address of a PostgreSQL server.', {
      hint: 'Write one such as `postgresql://db.internal:5432/headgate`.',
      pointer: pointerOf(steps),
    })
  else if (parsed.password !== '' && password !== undefined)
    findings.report('HG2024', tree.valueLocation(steps), 'The URL holds a password, and `password` stands beside it.', {
      hint: 'Take it out of the URL.',
      related: [{ message: '`password` is here', location: tree.keyLocation([...at, 'password']) }],
      pointer: pointerOf(steps),
    })
}
