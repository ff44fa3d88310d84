import { expect, test } from 'vitest'
import type { Adapter } from '../../gateway/plugin.ts'
import { adapter as sendgrid } from '../../plugins/email/sendgrid/sendgrid.ts'
import { adapter as ses } from '../../plugins/email/ses/ses.ts'
import { adapter as smtp } from '../../plugins/email/smtp/smtp.ts'

test('adapters of mail have the same operations, inputs, outputs and events, so that one can stand in for another', () => {
  const shape = ({ capability, operations }: Adapter): object => ({
    capability,
    operations: Object.entries(operations).map(([name, { input, output, idempotency, duplicates, kinds, templateField }]) => {
      return { name, input, output, idempotency, duplicates, kinds, templateField }
    }),
  })
  expect(shape(ses)).toEqual(shape(sendgrid))
  expect(shape(smtp)).toEqual(shape(sendgrid))
  expect(ses.webhook?.events).toEqual(sendgrid.webhook?.events)
})
