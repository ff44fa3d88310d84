import type { Scenario } from '../scenario.ts'
import { brokerFreeze } from './broker-freeze.ts'
import { brokerKill } from './broker-kill.ts'
import { flowKill } from './flow-kill.ts'
import { gatewayKill } from './gateway-kill.ts'
import { leaderKill } from './leader-kill.ts'
import { linkCut } from './link-cut.ts'
import { payments } from './payments.ts'
import { poison } from './poison.ts'

export const scenarios: readonly Scenario[] = [gatewayKill, poison, brokerKill, brokerFreeze, linkCut, leaderKill, payments, flowKill]
