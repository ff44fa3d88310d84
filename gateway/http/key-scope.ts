import type { RouteMatch } from '../../config/model.ts'

/**
 * What keeps equal idempotency keys of different rules apart: where the rule stands, and for which hosts. An edit of its methods, headers or
 * query must not turn a repeated request into a new intent.
 */
export const keyScope = ({ path, hosts }: RouteMatch): string => JSON.stringify([path, hosts.toSorted()])
