import type { RewriteConfig, RouteMatch } from '../../config/model.ts'
import { pathParams, pathRest } from './route-table.ts'

/** Compiles what happens to the canonical path on its way upstream; undefined where it stays as it is. */
export function pathRewrite(rewrite: RewriteConfig | undefined, match: RouteMatch): ((path: string) => string) | undefined {
  if (rewrite === undefined) return undefined
  if ('template' in rewrite) return pathTemplate(rewrite.template, match)
  const { stripPrefix } = rewrite
  const prefix = stripPrefix.endsWith('/') ? stripPrefix.slice(0, -1) : stripPrefix
  return (path) => {
    if (path !== prefix && !path.startsWith(`${prefix}/`)) return path
    const rest = path.slice(prefix.length)
    return rest === '' ? '/' : rest
  }
}

/** Fills `{param}` and `{rest}` from a path that matched. Two slashes that meet become one. */
export function pathTemplate(template: string, match: RouteMatch): (path: string) => string {
  const parts = template.split(/\{([^{}]+)\}/)
  if (parts.length === 1) return () => template
  return (path) => {
    const params = pathParams(match, path)
    let result = parts[0] as string
    for (let i = 1; i < parts.length; i += 2) {
      const name = parts[i] as string
      const value = name === 'rest' ? pathRest(match, path) : (params[name] ?? '')
      result = joined(joined(result, value), parts[i + 1] as string)
    }
    return result
  }
}

const joined = (before: string, after: string): string => before + (before.endsWith('/') && after.startsWith('/') ? after.slice(1) : after)
