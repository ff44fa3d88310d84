import { existsSync, readFileSync, rmSync } from 'node:fs'
import { open as openBroker } from '../program.ts'

/**
 * The program of the broker on a bad day, as files beside the database say: `.pages` holds the most pages that fit on the disk;
 * once `.die` is there the thread ends with an error.
 */
export const open: typeof openBroker = (database, data, emit, again) => {
  const program = openBroker(database, data, emit, again)
  if (existsSync(`${data.path}.pages`)) database.exec(`PRAGMA max_page_count = ${Number(readFileSync(`${data.path}.pages`, 'utf8'))}`)
  return {
    ...program,
    tick: () => {
      if (existsSync(`${data.path}.die`)) {
        rmSync(`${data.path}.die`)
        throw new Error('a bad day')
      }
      return program.tick?.() ?? { againMs: Infinity }
    },
  }
}
