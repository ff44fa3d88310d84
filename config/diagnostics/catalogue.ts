import type { CatalogueEntry } from './catalogue/entry.ts'
import { formatErrors } from './catalogue/formats.ts'
import { failureModeErrors, failureModeKeys } from './catalogue/failure-modes.ts'
import { flowErrors, integrationErrors, integrationValues, integrationWarnings } from './catalogue/integrations.ts'
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
  ...integrationValues,
  ...routes,
  ...messaging,
  ...integrationErrors,
  ...failureModeErrors,
  ...flowErrors,
  ...failureModeKeys,
  ...warnings,
  ...messagingWarnings,
  ...integrationWarnings,
}

export type DiagnosticCode =
  | keyof typeof shape
  | keyof typeof formatErrors
  | keyof typeof values
  | keyof typeof integrationValues
  | keyof typeof routes
  | keyof typeof messaging
  | keyof typeof integrationErrors
  | keyof typeof failureModeErrors
  | keyof typeof flowErrors
  | keyof typeof failureModeKeys
  | keyof typeof warnings
  | keyof typeof messagingWarnings
  | keyof typeof integrationWarnings

export type { CatalogueEntry }
