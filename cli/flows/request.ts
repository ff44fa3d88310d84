import type { AdminOptions } from './admin-client.ts'

export interface ListFlowsOptions extends AdminOptions {
  readonly state?: string
  /** Default: 50 as text, everything as JSON Lines. */
  readonly limit?: number
}

/** What the command line asks of flows. */
export type FlowsRequest =
  | { readonly action: 'list'; readonly flow: string | undefined; readonly options: ListFlowsOptions }
  | { readonly action: 'show' | 'retry'; readonly id: string; readonly options: AdminOptions }
