import type * as Pg from 'pg'
import { GatewayError } from '../errors.ts'

export type PgLibrary = Pick<typeof Pg, 'Pool'>

/**
 * The client is an optional package and is loaded when a PostgreSQL store is declared, not before.
 * @throws {GatewayError} STATE_UNAVAILABLE when it is not installed.
 */
export async function loadPgLibrary(): Promise<PgLibrary> {
  try {
    return await import('pg')
  } catch (error) {
    throw new GatewayError('STATE_UNAVAILABLE', { detail: 'The PostgreSQL client is not installed; run: npm install pg', cause: error })
  }
}
