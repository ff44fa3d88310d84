import type { LoadResult } from '../../config/load.ts'
import { originText } from './origins.ts'
import type { Policy } from './policies.ts'
import { writtenText } from './written.ts'

/** A policy and where its value comes from: `gateway.yaml:5:7`, `default`, `command line`. */
export interface OriginatedPolicy extends Policy {
  readonly origin: string
}

export const originated = (policies: readonly Policy[], result: LoadResult): OriginatedPolicy[] =>
  policies.map((policy) => ({ ...policy, value: writtenText(result, policy), origin: originText(result.effective?.originOf(policy.pointer)) }))
