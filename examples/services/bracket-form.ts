/** A form whose names have brackets, as a tree: `metadata[order]=1` is `{ metadata: { order: '1' } }`, `expand[]=a` is `{ expand: { 0: 'a' } }`. */
export interface FormTree {
  readonly [name: string]: string | FormTree | undefined
}

interface Growing {
  [name: string]: string | Growing
}

const tree = (): Growing => Object.create(null) as Growing

export const formTree = (pairs: URLSearchParams): FormTree => {
  const root = tree()
  for (const [name, value] of pairs) {
    const steps = name.split('[').map((step, index) => (index > 0 && step.endsWith(']') ? step.slice(0, -1) : step))
    let place = root
    for (const step of steps.slice(0, -1)) {
      const found = place[step]
      const next = typeof found === 'object' ? found : tree()
      place[step] = next
      place = next
    }
    const last = steps.at(-1) ?? ''
    place[last === '' ? String(Object.keys(place).length) : last] = value
  }
  return root
}

export const textIn = (form: FormTree, ...steps: readonly string[]): string | undefined => {
  let found: string | FormTree | undefined = form
  for (const step of steps) found = typeof found === 'object' ? found[step] : undefined
  return typeof found === 'string' ? found : undefined
}

export const textsIn = (form: FormTree, name: string): Readonly<Record<string, string>> => {
  const found = form[name]
  if (typeof found !== 'object') return {}
  return Object.fromEntries(Object.entries(found).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}
