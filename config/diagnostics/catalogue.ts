import type { CatalogueEntry } from './catalogue/entry.ts'
import { formatErrors } from './catalogue/formats.ts'
import { messaging, messagingWarnings } from './catalogue/messaging.ts'
import { routes } from './catalogue/routes.ts'
import { shape } from './catalogue/shape.ts'
import { values } from './catalogue/values.ts'
import { warnings } from './catalogue/warnings.ts'

/** HG1xxx syntax and shape, HG2xxx single values, HG3xxx references and routes, HG4xxx warnings. Codes are never reused. */
export const catalogue: Readonly<Record<DiagnosticCode, CatalogueEntry>> = {
  ...shape,
  ...formatErrors,
  ...values,
  ...routes,
  ...messaging,
  ...warnings,
  ...messagingWarnings,
}

export type DiagnosticCode =
  | keyof typeof shape
  | keyof typeof formatErrors
  | keyof typeof values
  | keyof typeof routes
  | keyof typeof messaging
  | keyof typeof warnings
  | keyof typeof messagingWarnings

export type { CatalogueEntry }
