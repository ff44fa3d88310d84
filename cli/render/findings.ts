import { renderText } from '../../config/diagnostics/render/text.ts'
import type { LoadResult } from '../../config/load.ts'
import type { TextStream } from '../io.ts'

/** All findings for a person, with code frames; empty where there are none. */
export const findingsText = ({ diagnostics, sources }: LoadResult, stream: TextStream): string =>
  diagnostics.length === 0 ? '' : renderText(diagnostics, sources, stream.style)
