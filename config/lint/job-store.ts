import type { RedisStoreInput } from '../../schemas/job-store.ts'
import { readDurationMs } from '../resolve/readers.ts'
import type { TlsTexts } from '../resolve/tls.ts'
import type { Steps } from '../source/tree.ts'
import { placeName, pointerOf } from '../source/value.ts'
import type { LintContext } from './context.ts'
import { hasCredentials, lintNeeds, lintUrlCredentials } from './credentials.ts'
import type { ReadFile } from './named-file.ts'
import { lintTls } from './tls.ts'

/** @returns Its PEM texts. */
export const lintJobStore = (context: LintContext, readFile: ReadFile, files: string[]): TlsTexts => {
  const store = context.section('messaging')?.store
  return store?.type === 'redis' ? lintRedisStore(context, ['messaging', 'store'], store, readFile, files) : {}
}

/** One store and no two, credentials in one place, TLS where it is used. @returns Its PEM texts. */
export const lintRedisStore = (context: LintContext, at: Steps, store: RedisStoreInput, readFile: ReadFile, files: string[]): TlsTexts => {
  lintCredentials(context, at, store)
  if (store.sentinel === undefined) lintOneServer(context, at, store)
  else lintSentinels(context, at, store.urls)
  lintWait(context, at, store)
  return lintStoreTls(context, at, store, readFile, files)
}

const lintCredentials = (context: LintContext, at: Steps, { username, password, sentinel, urls }: RedisStoreInput): void => {
  if (username !== undefined && password === undefined) lintNeeds(context, at, 'username', 'password')
  if (sentinel?.username !== undefined && sentinel.password === undefined) lintNeeds(context, [...at, 'sentinel'], 'username', 'password')
  if (password !== undefined && sentinel === undefined) lintUrlCredentials(context, at, urls, username === undefined ? 'password' : 'username')
}

/** Two servers that know nothing of each other would hold two sets of keys. */
const lintOneServer = ({ tree, findings }: LintContext, at: Steps, { urls }: RedisStoreInput): void => {
  if (urls.length === 1) return
  findings.report(
    'HG2017',
    tree.valueLocation([...at, 'urls', 1]),
    `${placeName(at)}.urls names several servers, and they would be several stores.`,
    {
      hint: 'Name one; or the Sentinels, with `sentinel` beside them.',
      pointer: pointerOf([...at, 'urls', 1]),
    },
  )
}

/** What is in the URL of a Sentinel would be taken for what belongs to the server. */
const lintSentinels = ({ tree, findings }: LintContext, at: Steps, urls: readonly string[]): void => {
  urls.forEach((url, index) => {
    const part = hasCredentials(url) ? 'a user' : new URL(url).pathname.length > 1 ? 'a database' : undefined
    if (part === undefined) return
    findings.report('HG2024', tree.valueLocation([...at, 'urls', index]), `The URL of a Sentinel holds ${part}.`, {
      hint: part === 'a user' ? 'Write it under `sentinel`.' : 'Write it as `sentinel.database`.',
      related: [{ message: '`sentinel` is here', location: tree.keyLocation([...at, 'sentinel']) }],
      pointer: pointerOf([...at, 'urls', index]),
    })
  })
}

const lintWait = ({ tree, findings }: LintContext, at: Steps, { wait, command_timeout: limit }: RedisStoreInput): void => {
  if (wait.replicas === 0 || readDurationMs(wait.timeout) < readDurationMs(limit)) return
  const steps = [...at, 'wait', 'timeout']
  const written = tree.isWritten([...at, 'command_timeout']) ? '' : ' (default)'
  findings.report('HG2016', tree.valueLocation(steps), `\`${wait.timeout}\` is not less than \`command_timeout\`, \`${limit}\`${written}.`, {
    hint: 'The wait for replicas is a part of one command.',
    pointer: pointerOf(steps),
  })
}

const lintStoreTls = (context: LintContext, at: Steps, { tls, urls }: RedisStoreInput, readFile: ReadFile, files: string[]): TlsTexts => {
  const { tree, findings } = context
  const secure = urls.filter((url) => url.startsWith('rediss:')).length
  if (secure > 0 && secure < urls.length)
    findings.report('HG2024', tree.valueLocation([...at, 'urls']), 'Some of the addresses begin with `redis://` and some with `rediss://`.', {
      hint: 'Sentinels and servers are all reached with TLS, or all without.',
      pointer: pointerOf([...at, 'urls']),
    })
  if (tls === undefined) return {}
  if (secure === 0) findings.report('HG4006', tree.keyLocation([...at, 'tls']), '`tls` has no effect: none of the addresses begins with `rediss://`.')
  return lintTls(context, [...at, 'tls'], tls, readFile, files)
}
