/** What is going on with the files of a model that is here, in words. */
import type { Operation } from '../api/downloads'
import type { Model } from '../api/models'
import { percent } from '../lib/format'
import { isRunning } from '../live/progress'

/** A verification or an update is under way; the model stays of use meanwhile. */
export const isWorking = ({ activeOperation }: Model): boolean =>
  activeOperation?.operation === 'verify' || activeOperation?.operation === 'update'

/** `Verifying 43%`, `Updating…`, `Waiting to update`. */
export function workWords(work: Operation): string {
  const verb = work.operation === 'verify' ? 'verify' : 'update'
  if (!isRunning(work)) return `Waiting to ${verb}`
  const doing = verb === 'verify' ? 'Verifying' : 'Updating'
  return work.bytesTotal && work.percent ? `${doing} ${percent(work.percent)}` : `${doing}…`
}
