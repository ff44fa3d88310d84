import type { Diagnostic, SourceLocation } from '../diagnostic.ts'
import { frame } from './frame.ts'

export type TextStyle = (name: 'bold' | 'dim' | 'red' | 'yellow' | 'cyan', text: string) => string

const unstyled: TextStyle = (_name, text) => text

/**
 * Findings for people, each with the lines that it is about, and a summary. Empty when there are none.
 * @param sources File names to texts. @param style Colours; none where absent.
 */
export const renderText = (diagnostics: readonly Diagnostic[], sources: ReadonlyMap<string, string>, style: TextStyle = unstyled): string =>
  diagnostics.length === 0 ? '' : `${diagnostics.map((diagnostic) => `${entry(diagnostic, sources, style)}\n`).join('\n')}\n${summary(diagnostics)}\n`

const place = ({ file, line, column }: SourceLocation): string => `${file}:${line}:${column}`

const colour = (severity: Diagnostic['severity']): 'red' | 'yellow' => (severity === 'error' ? 'red' : 'yellow')

const entry = (diagnostic: Diagnostic, sources: ReadonlyMap<string, string>, style: TextStyle): string => {
  const { location, severity, code, title, notes = [], related = [] } = diagnostic
  return [
    `${style('bold', place(location))} ${style(colour(severity), `${severity} ${code}`)} ${style('bold', title)}`,
    ...frameLines(diagnostic, sources.get(location.file), style),
    ...related.map(({ message, location: other }) => `  ${message}: ${style('cyan', place(other))}`),
    ...notes.map((note) => `  ${note}`),
  ].join('\n')
}

const frameLines = (diagnostic: Diagnostic, source: string | undefined, style: TextStyle): string[] => {
  const { message, hint, location, severity } = diagnostic
  const text = hint === undefined ? message : `${message} ${hint}`
  const found = source === undefined || source === '' ? undefined : frame(source, location)
  if (found === undefined) return [`  ${text}`]
  const gutter = ' '.repeat(found.lines[0]?.number.length ?? 1)
  return [
    ...found.lines.map((line) => `  ${style('dim', `${line.number} |`)} ${line.text}`.trimEnd()),
    `  ${style('dim', `${gutter} |`)} ${' '.repeat(found.indent)}${style(colour(severity), `${found.mark} ${text}`)}`,
  ]
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

const summary = (diagnostics: readonly Diagnostic[]): string => {
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length
  const warnings = diagnostics.length - errors
  const files = new Set(diagnostics.map(({ location }) => location.file))
  const counts = [...(errors > 0 ? [counted(errors, 'error')] : []), ...(warnings > 0 ? [counted(warnings, 'warning')] : [])]
  return `${counts.join(', ')} in ${files.size === 1 ? [...files][0] : counted(files.size, 'file')}`
}
