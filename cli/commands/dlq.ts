import { change } from '../dlq/change.ts'
import { list } from '../dlq/list.ts'
import type { DlqRequest } from '../dlq/request.ts'
import { show } from '../dlq/show.ts'
import type { ExitCode } from '../exit-codes.ts'
import type { Io } from '../io.ts'

/** Opens the broker itself, from the configuration, so that it needs no running gateway and disturbs none. */
export const dlq = (request: DlqRequest, io: Io): Promise<ExitCode> => {
  switch (request.action) {
    case 'list':
      return list(request.queue, request.options, io)
    case 'show':
      return show(request.queue, request.id, request.options, io)
    case 'replay':
    case 'drop':
      return change(request.action, request.queue, request.ids, request.options, io)
  }
}
