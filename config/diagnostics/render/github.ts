import type { Diagnostic } from '../diagnostic.ts'

/** Findings as GitHub Actions workflow commands, one line each. Source: GitHub Docs, "Workflow commands for GitHub Actions". */
export const renderGithub = (diagnostics: readonly Diagnostic[]): string => diagnostics.map(command).join('')

const command = ({ severity, code, title, message, hint, notes = [], location }: Diagnostic): string => {
  const properties = [
    `file=${property(location.file)}`,
    `line=${location.line}`,
    `endLine=${location.endLine}`,
    // GitHub accepts columns only for a range within one line.
    ...(location.endLine === location.line ? [`col=${location.column}`, `endColumn=${location.endColumn}`] : []),
    `title=${property(`${code} ${title}`)}`,
  ]
  const text = [hint === undefined ? message : `${message} ${hint}`, ...notes].join('\n')
  return `::${severity} ${properties.join(',')}::${data(text)}\n`
}

const data = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')

const property = (text: string): string => data(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
