import type { LoadResult } from '../../config/load.ts'
import type { TextStream } from '../io.ts'

/** All findings for a person, with code frames; empty where there are none. The renderer is loaded only when there is something to show. */
export const findingsText = async ({ diagnostics, sources }: LoadResult, stream: TextStream): Promise<string> => {
  if (diagnostics.length === 0) return ''
  const { renderText } = await import('../../config/diagnostics/render/text.ts')
  return renderText(diagnostics, sources, stream.style)
}
