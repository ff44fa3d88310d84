import type { JsonValue } from '../../config/model.ts'

/** More fields, or deeper ones, are no form but an attack. */
const maxFields = 1000
const maxDepth = 8

/**
 * The fields of `application/x-www-form-urlencoded` as JSON: `a[b]=1` becomes `{ a: { b: "1" } }`, `a[]=1&a[]=2` and `a[0]=1&a[1]=2` become lists.
 * All values are texts. Of plain fields that stand several times, the first one counts.
 * @returns Undefined where it is not such a form: fields that contradict each other, or too many of them.
 */
export function formBody(text: string): JsonValue | undefined {
  const root: Branch = new Map()
  let fields = 0
  for (const [name, value] of new URLSearchParams(text)) {
    fields += 1
    const steps = stepsOf(name)
    if (fields > maxFields || steps === undefined || !set(root, steps, value)) return undefined
  }
  return jsonOf(root)
}

type Branch = Map<string, Branch | string>

/** `items[0][price]` to its three steps. */
function stepsOf(name: string): readonly string[] | undefined {
  const open = name.indexOf('[')
  if (open <= 0) return open === 0 || name.includes(']') ? undefined : [name]
  const rest = name.slice(open)
  if (!/^(?:\[[^[\]]*\])+$/.test(rest)) return undefined
  const steps = [name.slice(0, open), ...rest.slice(1, -1).split('][')]
  return steps.length > maxDepth || steps.slice(1, -1).includes('') ? undefined : steps
}

function set(root: Branch, steps: readonly string[], value: string): boolean {
  let branch = root
  for (const step of steps.slice(0, -1)) {
    const next = branch.get(step) ?? new Map<string, Branch | string>()
    if (typeof next === 'string') return false
    branch.set(step, next)
    branch = next
  }
  const last = steps.at(-1) as string
  const name = last === '' ? String(branch.size) : last
  const before = branch.get(name)
  if (before === undefined) branch.set(name, value)
  return before === undefined || typeof before === 'string'
}

function jsonOf(branch: Branch): JsonValue {
  const entries = [...branch].map(([name, value]): [string, JsonValue] => [name, typeof value === 'string' ? value : jsonOf(value)])
  const isList = entries.length > 0 && entries.every(([name], index) => name === String(index))
  return isList ? entries.map(([, value]) => value) : Object.fromEntries(entries.filter(([name]) => name !== '__proto__'))
}
