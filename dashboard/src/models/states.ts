/** The words for how a model stands, the same in the table, the filters and the order. */
import { useCallback, useSyncExternalStore } from 'react'
import type { Operation } from '../api/downloads'
import type { Failure, Model } from '../api/models'
import { progress, useProgress } from '../live/progress'

export type DownloadStatus = NonNullable<Model['downloadStatus']>

/** Every state with its word, in the order in which the filter lists them. */
export const STATES = [
  'Downloaded',
  'Downloading',
  'Pending',
  'Paused',
  'Failed',
  'Canceled',
  'Available',
  'Connected',
  'Failing',
  'Not tested',
] as const

export type State = (typeof STATES)[number]

/** The state of a model. */
export function stateOf(model: Model): State {
  if (model.type === 'hosted-llm') {
    // Its key can't be read: it answers nobody, however its last test went.
    if (model.error) return 'Failing'
    if (!model.connection) return 'Not tested'
    return model.connection.ok ? 'Connected' : 'Failing'
  }
  const status = model.downloadStatus ?? 'NotDownloaded'
  return status === 'NotDownloaded' ? 'Available' : status
}

/** Why the secret of a model can't be used; null: it can, or there is none. */
export const unreadableSecret = (model: Model): Failure | null =>
  model.error?.code === 'UNDECRYPTABLE_SECRET' ? model.error : null

/** Task and model call the same states differently; the page uses the words of models. */
const MODEL_WORDS: Record<string, DownloadStatus> = {
  pending: 'Pending',
  running: 'Downloading',
  paused: 'Paused',
}

/** The status of an unfinished download in the words of models. */
export const wordOf = (operation: Operation): DownloadStatus =>
  MODEL_WORDS[operation.status] ?? (operation.status as DownloadStatus)

/** A model's download as it moves; before the stream has spoken, as the list knew it; when it has just ended, as it
 * was last, until the model says so too. */
export function useDownload(model: Model): Operation | null {
  const moving = useProgress(model.id)
  const known = model.activeOperation
  if (moving?.operation === 'download') return moving
  if (known?.operation !== 'download') return null
  const last = progress.lastOf(model.id)
  return last?.taskId === known.taskId ? last : known
}

/** The verification or the update of a model that is here, as it moves; null: there is none. */
export function useWork(model: Model): Operation | null {
  const moving = useProgress(model.id)
  const known = model.activeOperation
  if (known?.operation !== 'verify' && known?.operation !== 'update') return null
  return moving?.taskId === known.taskId ? moving : known
}

/** The word alone: unlike `useDownload` it draws nothing anew for a tick. */
export function useDownloadStatus(model: Model): Model['downloadStatus'] {
  return useMoving(model.id, wordOf) ?? model.downloadStatus
}

/** The size on disk, or what it will be once a download knows; null: unknown. */
export function useSize(model: Model): number | null {
  return useMoving(model.id, (operation) => operation.bytesTotal) ?? sizeOf(model)
}

/** The same for those who order a list. */
export const sizeOf = (model: Model): number | null =>
  model.fileSizeBytes ?? totalOf(progress.of(model.id)) ?? totalOf(model.activeOperation)

const totalOf = (operation: Operation | null): number | null =>
  operation?.operation === 'download' ? operation.bytesTotal : null

function useMoving<T>(modelId: number, read: (operation: Operation) => T): T | null {
  const subscribe = useCallback((listener: () => void) => progress.subscribe(modelId, listener), [modelId])
  return useSyncExternalStore(subscribe, () => {
    const operation = progress.of(modelId)
    return operation?.operation === 'download' ? read(operation) : null
  })
}
