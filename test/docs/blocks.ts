import { readdirSync, readFileSync } from 'node:fs'
import { root } from '../architecture/files.ts'

/** A fenced block of a document. */
export interface Block {
  /** `README.md:54`: where its text begins. */
  readonly place: string
  readonly file: string
  readonly language: string
  /** What stands after the language: `wrong`, `ignore` or nothing. */
  readonly mark: string
  readonly text: string
}

const fence = /^(`{3,})([^\n`]*)\n([\s\S]*?)^\1[ \t]*$/gm

export const blocksOf = (file: string, document: string): readonly Block[] =>
  [...document.matchAll(fence)].map((match) => {
    const [language = '', mark = ''] = (match[2] ?? '').trim().split(/\s+/)
    const line = document.slice(0, match.index).split('\n').length + 1
    return { place: `${file}:${line}`, file, language, mark, text: match[3] ?? '' }
  })

const documents = (): readonly string[] => {
  const inDocs = readdirSync(`${root}/docs`, { recursive: true, encoding: 'utf8' })
  return ['README.md', ...inDocs.filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)]
}

export const allBlocks = (): readonly Block[] => documents().flatMap((file) => blocksOf(file, readFileSync(`${root}/${file}`, 'utf8')))

/** How a `yaml` block is read. */
export type YamlKind = 'complete' | 'partial' | 'wrong' | 'ignored'

export const kindOf = (block: Block): YamlKind => {
  if (block.mark === 'ignore') return 'ignored'
  if (block.mark === 'wrong') return 'wrong'
  return block.text.startsWith('# partial\n') ? 'partial' : 'complete'
}

/** A line of a `sh` block that runs headgate, and how it must end. */
export interface Command {
  readonly place: string
  readonly line: string
  readonly exitCode: number
  /** The nearest complete configuration above, in the same document. */
  readonly config: string | undefined
}

const commandLine = /^(?:\$ )?(?:npx )?(headgate\b.*?)(?:\s+#\s*exit (\d+))?$/

// `run` does not end: its configuration is validated instead.
const ending = (line: string): string => {
  if (!/^headgate run\b/.test(line)) return line
  const paths = [...line.matchAll(/\s(?:-c|--config)[ =](\S+)/g)].map((match) => match[1] ?? '')
  return ['headgate validate', ...paths].join(' ')
}

export const commandsOf = (blocks: readonly Block[]): readonly Command[] =>
  blocks.flatMap((block, index) => {
    if (block.language !== 'sh') return []
    const above = blocks.slice(0, index).filter((other) => other.file === block.file && other.language === 'yaml' && kindOf(other) === 'complete')
    return block.text.split('\n').flatMap((text) => {
      const match = commandLine.exec(text.trim())
      if (match === null) return []
      return [{ place: block.place, line: ending(match[1] ?? ''), exitCode: Number(match[2] ?? 0), config: above.at(-1)?.text }]
    })
  })
