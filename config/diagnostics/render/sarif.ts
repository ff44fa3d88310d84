import { catalogue, type DiagnosticCode } from '../catalogue.ts'
import type { Diagnostic, SourceLocation } from '../diagnostic.ts'

/** Findings as SARIF 2.1.0 (OASIS), with a rule for every code that occurs. */
export const renderSarif = (diagnostics: readonly Diagnostic[]): string => {
  const codes = [...new Set(diagnostics.map(({ code }) => code))].sort()
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'Headgate', rules: codes.map(rule) } },
        columnKind: 'utf16CodeUnits',
        results: diagnostics.map((diagnostic) => result(diagnostic, codes.indexOf(diagnostic.code))),
      },
    ],
  }
  return `${JSON.stringify(log, undefined, 2)}\n`
}

const isKnown = (code: string): code is DiagnosticCode => Object.hasOwn(catalogue, code)

const rule = (code: string): object => {
  if (!isKnown(code)) return { id: code }
  const { title, explanation, severity } = catalogue[code]
  return {
    id: code,
    name: title.replace(/(?:^|[^A-Za-z0-9]+)([A-Za-z0-9])/g, (_, letter: string) => letter.toUpperCase()),
    shortDescription: { text: title },
    fullDescription: { text: explanation },
    defaultConfiguration: { level: severity },
  }
}

const result = ({ code, severity, message, hint, notes = [], location, related = [] }: Diagnostic, ruleIndex: number): object => ({
  ruleId: code,
  ruleIndex,
  level: severity,
  message: { text: [hint === undefined ? message : `${message} ${hint}`, ...notes].join('\n') },
  locations: [{ physicalLocation: physical(location) }],
  ...(related.length > 0 && {
    relatedLocations: related.map((other, id) => ({ id, message: { text: other.message }, physicalLocation: physical(other.location) })),
  }),
})

const physical = ({ file, line, column, endLine, endColumn }: SourceLocation): object => ({
  artifactLocation: { uri: uri(file) },
  region: { startLine: line, startColumn: column, endLine, endColumn },
})

/** Relative names stay relative references; absolute ones become file URIs. */
const uri = (file: string): string => {
  const path = file.replaceAll('\\', '/').split('/').map(encodeURIComponent).join('/')
  return path.startsWith('/') ? `file://${path}` : path
}
