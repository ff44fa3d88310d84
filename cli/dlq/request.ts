import type { Selection } from '../../gateway/admin/dead-letters/selection.ts'

interface DlqOptions {
  readonly config?: readonly string[]
  readonly format: 'text' | 'json'
}

type FilterOptions = Pick<Selection, 'reason' | 'error' | 'since' | 'until'>

export interface ListOptions extends DlqOptions, FilterOptions {
  /** Default: 50 as text, everything as JSON Lines, which nobody reads by eye. */
  readonly limit?: number
}

export interface ShowOptions extends DlqOptions {
  readonly body: boolean
}

export interface ChangeOptions extends DlqOptions, FilterOptions {
  readonly all: boolean
  readonly dryRun: boolean
  /** Only `drop` knows it: do not ask. */
  readonly yes?: boolean
}

/** What the command line asks of dead letters. */
export type DlqRequest =
  | { readonly action: 'list'; readonly queue: string | undefined; readonly options: ListOptions }
  | { readonly action: 'show'; readonly queue: string; readonly id: string; readonly options: ShowOptions }
  | { readonly action: 'replay' | 'drop'; readonly queue: string; readonly ids: readonly string[]; readonly options: ChangeOptions }
