import type { Diagnostic } from '../diagnostic.ts'

/** Findings for programs: `{ errors, warnings, diagnostics }`, indented. */
export const renderJson = (diagnostics: readonly Diagnostic[]): string => {
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length
  return `${JSON.stringify({ errors, warnings: diagnostics.length - errors, diagnostics }, undefined, 2)}\n`
}
