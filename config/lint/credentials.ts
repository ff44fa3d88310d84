import type { Steps } from '../source/tree.ts'
import { placeName, pointerOf } from '../source/value.ts'
import type { LintContext } from './context.ts'

/** `key` is nothing without `needs`. */
export const lintNeeds = ({ tree, findings }: LintContext, at: Steps, key: string, needs: string): void =>
  findings.report('HG1005', tree.keyLocation([...at, key]), `${placeName(at)} has no \`${needs}\`.`, {
    hint: `\`${key}\` needs it beside it.`,
    pointer: pointerOf([...at, key]),
  })

/** Credentials stand beside the URLs or in them, not both. @param key The credential that stands beside them. */
export const lintUrlCredentials = ({ tree, findings }: LintContext, at: Steps, urls: readonly string[], key: string): void => {
  const index = urls.findIndex(hasCredentials)
  if (index === -1) return
  findings.report('HG2024', tree.valueLocation([...at, 'urls', index]), `The URL holds a user, and \`${key}\` stands beside it.`, {
    hint: 'Take it out of the URL.',
    related: [{ message: `\`${key}\` is here`, location: tree.keyLocation([...at, key]) }],
    pointer: pointerOf([...at, 'urls', index]),
  })
}

export const hasCredentials = (text: string): boolean => {
  const { username, password } = new URL(text)
  return username !== '' || password !== ''
}
