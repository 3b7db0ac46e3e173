/** Is there room? The volume as a worker saw it last, and what this download would leave. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { Operation } from '../api/downloads'
import type { Model } from '../api/models'
import { type Storage, storageKey, storageQuery } from '../api/storage'

export type Room = {
  /** Bytes; null: no worker has told. */
  freeNow: number | null
  /** Once the queue and this file are here; below zero: they don't fit. */
  freeAfter: number | null
  /** What is needed of what is free after the queue; null: it fits, or nobody knows. */
  missing: { needed: number; free: number } | null
  /** Shares of the volume, 0 to 1; null: nobody knows. */
  bar: { used: number; reserved: number; own: number } | null
}

/** How a file stands: nothing of it yet, its download asked for, its size counted by the queue (`left` of it), or here. */
export type Stage = { at: 'nothing' | 'asked' | 'here' } | { at: 'queued'; left: number }

/** The room that a file of `size` bytes takes. */
export function roomFor(storage: Storage | undefined, size: number, stage: Stage): Room {
  if (!storage) return { freeNow: null, freeAfter: null, missing: null, bar: null }
  const afterQueue = storage.availableAfterQueueBytes
  const isCounted = stage.at === 'queued' || stage.at === 'here'
  const freeAfter = afterQueue === null || isCounted ? afterQueue : afterQueue - size
  const isMissing = stage.at === 'nothing' && freeAfter !== null && freeAfter < 0
  return {
    freeNow: storage.availableBytes,
    freeAfter: stage.at === 'here' ? null : freeAfter,
    missing: isMissing ? { needed: size, free: Math.max(0, afterQueue ?? 0) } : null,
    bar: barOf(storage, size, stage),
  }
}

function barOf(storage: Storage, size: number, stage: Stage): Room['bar'] {
  const { totalBytes, usedBytes, reservedBytes } = storage
  if (!totalBytes || usedBytes === null) return null
  const own = stage.at === 'here' ? Math.min(size, usedBytes) : stage.at === 'queued' ? stage.left : size
  return {
    used: (usedBytes - (stage.at === 'here' ? own : 0)) / totalBytes,
    reserved: Math.max(0, reservedBytes - (stage.at === 'queued' ? own : 0)) / totalBytes,
    own: own / totalBytes,
  }
}

const NOTHING: Stage = { at: 'nothing' }

/** The room for what is only planned. */
export const useRoomFor = (size: number | null): Room => roomFor(useStorage(), size ?? 0, NOTHING)

/** The room that a model's file takes, before, during and after its download. */
export function useRoomOf(model: Model, size: number | null, operation: Operation | null): Room {
  const storage = useStorage()
  const queries = useQueryClient()
  const total = operation?.bytesTotal ?? null
  const [last, setLast] = useState({ storage, left: 0 })
  // What is left as of the moment when the volume was seen: the two have to speak of the same time.
  if (last.storage !== storage)
    setLast({ storage, left: operation ? (total ?? 0) - operation.bytesDownloaded : 0 })
  useEffect(() => {
    // From now on the queue counts it.
    if (total !== null) void queries.invalidateQueries({ queryKey: storageKey })
  }, [queries, total])
  return roomFor(storage, size ?? 0, stageOf(model, operation, Math.max(0, last.left)))
}

function stageOf(model: Model, operation: Operation | null, left: number): Stage {
  if (model.downloaded) return { at: 'here' }
  if (!operation) return NOTHING
  return operation.bytesTotal === null ? { at: 'asked' } : { at: 'queued', left }
}

/** The volume; asked once, then kept true by the stream. */
function useStorage(): Storage | undefined {
  return useQuery(storageQuery).data
}
