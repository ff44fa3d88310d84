const isNumeric = (text: string): boolean => /^[\d<≤-]/.test(text)

/** A Markdown table, padded so that it also reads well on a terminal. Columns of figures are aligned right. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const widths = head.map((cell, column) => Math.max(3, cell.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const right = head.map((_, column) => column > 0 && rows.every((row) => isNumeric(row[column] ?? '-')))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => (right[column] === true ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0))).join(' | ')} |`
  const rule = `| ${widths.map((width, column) => (right[column] === true ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width))).join(' | ')} |`
  return [line(head), rule, ...rows.map(line)].join('\n')
}
