/**
 * Waits until `condition` holds, looking every few milliseconds.
 * @throws Error with `what` after `waitMs` (5 s by default).
 */
export async function until(what: string, condition: () => boolean | Promise<boolean>, waitMs = 5000): Promise<void> {
  const end = Date.now() + waitMs
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited ${waitMs} ms in vain until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
