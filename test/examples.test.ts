import { describe, expect, test } from 'vitest'
import { root } from './architecture/files.ts'
import { errorsOf } from './configurations.ts'

describe('the examples load', () => {
  test.each([
    ['the design document as it stands', ['examples/integration-design']],
    ['the tables of the design document', ['examples/integration-design', 'examples/integration-tables']],
    ['User Registration', ['examples/user-registration']],
    ['Order Placement', ['examples/order-placement']],
    ['Password Reset', ['examples/password-reset']],
    ['the layer for one machine', ['examples/integration-design', 'examples/local']],
    ['the layer for compose.yaml', ['examples/integration-design', 'examples/local', 'examples/compose']],
  ])('%s', async (_name, layers) => {
    expect(await errorsOf(layers, root)).toEqual([])
  })
})
