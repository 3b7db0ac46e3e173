/** What deleting a model would mean, in words. */
import type { OperationKind } from '../api/downloads'
import type { Model, Usage } from '../api/models'
import { bytes } from '../lib/format'
import { PROVIDER_NAMES } from '../models/facts'

export type Known = { usage: Usage; model: Model; wantsFiles: boolean }

/** Files of ours are on the disk, so that there is a choice. */
export const hasFiles = ({ usage, model }: Known): boolean =>
  usage.isInstalled && model.source === 'huggingface' && !usage.filesStay

const goesOn = (usage: Usage, kind: OperationKind): boolean => usage.activeOperation?.operation === kind

export const isDownloading = (usage: Usage): boolean => goesOn(usage, 'download')
export const isBeingDeleted = (usage: Usage): boolean => goesOn(usage, 'delete')

/** Something works with its files that must stop first: a download, an update or a verification. */
export const isBusy = (usage: Usage): boolean =>
  isDownloading(usage) || goesOn(usage, 'update') || goesOn(usage, 'verify')

/** There is something to read that the person has to agree to. */
export const wantsConsent = ({ usage }: Known): boolean =>
  usage.requiresConfirmation || usage.warnings.length > 0

/** Whether the worker has something to remove. */
export const takesFiles = (known: Known): boolean =>
  hasFiles(known) ? known.wantsFiles : isHalf(known.usage, known.model)

/** Bytes of an unfinished download may lie on the disk. */
const isHalf = (usage: Usage, model: Model): boolean =>
  model.source === 'huggingface' && (isDownloading(usage) || model.downloadStatus !== 'NotDownloaded')

/** The sentence below the question. */
export function meaningOf(known: Known): string {
  const { usage, model } = known
  if (!usage.canDelete) return 'These use it. Let them give it up first, then delete it here.'
  if (isBeingDeleted(usage)) return 'Its files go first, then its entry.'
  if (model.provider)
    return `Its address and key are forgotten here. Nothing changes at ${PROVIDER_NAMES[model.provider]}.`
  if (model.source === 'path' || usage.filesStay)
    return 'Only the entry goes. Its files stay where they are on the disk.'
  if (!usage.isInstalled) return meaningOfHalf(known)
  if (!known.wantsFiles) return 'Only the entry goes. The file stays on the disk.'
  if (!usage.estimatedFreedBytes) return 'Nothing is freed: other models use the same files.'
  return `Frees ${bytes(usage.estimatedFreedBytes)} on disk${former(usage)}. You can download it again later.`
}

function meaningOfHalf(known: Known): string {
  if (!takesFiles(known)) return 'Nothing of it is on the disk.'
  const { estimatedFreedBytes: freed } = known.usage
  return `What was downloaded so far goes too${freed ? `, and frees ${bytes(freed)}` : ''}.`
}

/** What an update has replaced and kept goes as well. */
const former = ({ formerBytes }: Usage): string =>
  formerBytes ? `, ${bytes(formerBytes)} of it of the commit before the last update` : ''

/** The words on the button. */
export function deleteWords(known: Known): string {
  if (isBusy(known.usage)) return 'Cancel and delete'
  const { estimatedFreedBytes } = known.usage
  if (!hasFiles(known) || !known.wantsFiles || !estimatedFreedBytes) return 'Delete model'
  return `Delete and free ${bytes(estimatedFreedBytes)}`
}
