import { nearest } from '../../config/diagnostics/nearest.ts'

/** ` Did you mean ...?`, or nothing where no name is near. */
export const didYouMean = (name: string, names: readonly string[]): string => {
  const meant = nearest(name, names)
  return meant === undefined ? '' : ` Did you mean \`${meant}\`?`
}
