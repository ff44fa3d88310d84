import type { AdminOptions } from '../flows/admin-client.ts'

export interface ListIntentsOptions extends AdminOptions {
  readonly state?: string
  /** Default: 50 as text, everything as JSON Lines. */
  readonly limit?: number
}

export interface SettleOptions extends AdminOptions {
  readonly as: string
}

/** What the command line asks of intents. */
export type IntentsRequest =
  | { readonly action: 'list'; readonly operation: string | undefined; readonly options: ListIntentsOptions }
  | { readonly action: 'show'; readonly id: string; readonly options: AdminOptions }
  | { readonly action: 'settle'; readonly id: string; readonly options: SettleOptions }
