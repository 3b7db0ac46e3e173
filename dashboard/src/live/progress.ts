/** What moves: the progress of every unfinished download, update and verification, one subscription a model, so that a
 * tick draws one row. */
import { useCallback, useSyncExternalStore } from 'react'
import type { Operation } from '../api/downloads'

/** A download that has not ended. */
const UNFINISHED = new Set(['Pending', 'Downloading', 'Paused', 'pending', 'running', 'paused'])
const RUNNING = new Set(['Downloading', 'running'])
/** Samples of the sparkline, and the milliseconds between two of them. */
export const SAMPLES = 60
export const SAMPLE_EVERY = 500
/** Seconds without a byte after which a download is shown as stalled and never as alive. */
export const STALLED_AFTER = 10

export const isUnfinished = (operation: Operation): boolean => UNFINISHED.has(operation.status)
export const isRunning = (operation: Operation): boolean => RUNNING.has(operation.status)
export const isStalled = (operation: Operation): boolean =>
  isRunning(operation) && operation.stalledSeconds >= STALLED_AFTER
/** It brings bytes from the Hub, and stands in the queue. */
const isFetch = ({ operation }: Operation): boolean => operation === 'download' || operation === 'update'

export type Totals = { running: number; unfinished: number; speed: number; percents: readonly number[] }

type Listener = () => void

/** A download as it was heard of last; times are this page's own clock. */
type Heard = {
  operation: Operation
  at: number
  first: number
  samples: readonly number[]
  sampledAt: number
}

/** Milliseconds for which a download that was just asked for may be missing from an answer that was on its way. */
const TOLERATED = 5000
/** Ended downloads that are remembered, so that a late word can't bring one back. */
const MOST_ENDED = 200

export class ProgressStore {
  #byModel = new Map<number, Heard>()
  /** What was heard last of downloads that have left, one a model. */
  #left = new Map<number, Operation>()
  #ended = new Set<string>()
  #listeners = new Map<number, Set<Listener>>()
  #totalListeners = new Set<Listener>()
  #totals: Totals = { running: 0, unfinished: 0, speed: 0, percents: [] }
  readonly #now: () => number

  constructor(now: () => number = () => Date.now()) {
    this.#now = now
  }

  /** What is going on with the files of a model, if anything: a model has one unfinished operation at most. */
  of = (modelId: number): Operation | null => this.#byModel.get(modelId)?.operation ?? null

  /** What stood there last of a download that has ended; null: nothing was heard of it. */
  lastOf = (modelId: number): Operation | null => this.#left.get(modelId) ?? null

  /** Its last speeds in bytes per second, the newest last. */
  samplesOf = (modelId: number): readonly number[] => this.#byModel.get(modelId)?.samples ?? NO_SAMPLES

  totals = (): Totals => this.#totals

  /** Every unfinished download; what is not among them has ended. Returns the models whose downloads ended.
   *
   * `tolerant`: the answer may have been on its way while a download was asked for here. */
  replace(operations: readonly Operation[], { tolerant = false } = {}): number[] {
    const next = new Set(operations.filter(isUnfinished).map((operation) => operation.modelId))
    const since = tolerant ? this.#now() - TOLERATED : Infinity
    const ended = [...this.#byModel].flatMap(([modelId, { first, operation }]) =>
      !next.has(modelId) && first <= since && isFetch(operation) ? [modelId] : [],
    )
    for (const modelId of ended) this.#remove(modelId)
    for (const operation of operations) this.#put(operation)
    this.#changed()
    return ended
  }

  /** News of some downloads; one that ended leaves the store. */
  update(operations: readonly Operation[]): void {
    for (const operation of operations) this.#put(operation)
    this.#changed()
  }

  /** A model says itself what is going on: an update or a verification that it does not name any more has ended. */
  settle(modelId: number, taskId: string | null): void {
    const known = this.of(modelId)
    if (!known || known.operation === 'download' || known.taskId === taskId) return
    this.#end(known)
    this.#changed()
  }

  /** The model is gone. */
  drop(modelId: number): void {
    this.#remove(modelId)
    this.#left.delete(modelId)
    this.#changed()
  }

  /** Forget everything: what was known was known for somebody who has left. */
  reset(): void {
    this.#ended.clear()
    for (const modelId of this.#byModel.keys()) this.#remove(modelId)
    this.#left.clear()
    this.#changed()
  }

  /** A running download of which nothing was heard for long has stalled, whatever its last word said. */
  age(): void {
    const now = this.#now()
    for (const [modelId, heard] of this.#byModel) {
      const silent = Math.floor((now - heard.at) / 1000)
      if (silent < STALLED_AFTER || !isRunning(heard.operation) || isStalled(heard.operation)) continue
      const operation = {
        ...heard.operation,
        stalledSeconds: silent,
        speedBytesPerSecond: 0,
        etaSeconds: null,
      }
      this.#byModel.set(modelId, { ...heard, operation })
      this.#tell(modelId)
    }
    this.#changed()
  }

  subscribe = (modelId: number, listener: Listener): (() => void) => {
    const known = this.#listeners.get(modelId) ?? new Set()
    this.#listeners.set(modelId, known.add(listener))
    return () => {
      known.delete(listener)
      if (!known.size && this.#listeners.get(modelId) === known) this.#listeners.delete(modelId)
    }
  }

  subscribeTotals = (listener: Listener): (() => void) => {
    this.#totalListeners.add(listener)
    return () => this.#totalListeners.delete(listener)
  }

  #put(operation: Operation): void {
    const { modelId, taskId } = operation
    // A clean-up is of no model, and a delete has no bytes to show.
    if (modelId === null || operation.operation === 'delete') return
    if (!isUnfinished(operation)) return this.#end(operation)
    const known = this.#byModel.get(modelId)
    if (taskId && this.#ended.has(taskId)) return
    if (known && isOlder(operation, known.operation)) return
    const now = this.#now()
    const before = known?.operation.taskId === taskId ? known : undefined
    this.#byModel.set(modelId, {
      operation,
      at: now,
      first: before?.first ?? now,
      ...sampled(operation, before, now),
    })
    this.#tell(modelId)
  }

  #end({ modelId, taskId }: Operation): void {
    if (taskId) this.#ended.add(taskId)
    for (const oldest of this.#ended) {
      if (this.#ended.size <= MOST_ENDED) break
      this.#ended.delete(oldest)
    }
    // A late word of an earlier download says nothing about the one that runs.
    if (modelId !== null && this.of(modelId)?.taskId === taskId) this.#remove(modelId)
  }

  #remove(modelId: number): void {
    const known = this.#byModel.get(modelId)
    if (!known) return
    this.#left.set(modelId, known.operation)
    this.#byModel.delete(modelId)
    this.#tell(modelId)
  }

  #tell(modelId: number): void {
    for (const listener of this.#listeners.get(modelId) ?? []) listener()
  }

  #changed(): void {
    const all = [...this.#byModel.values()].map(({ operation }) => operation).filter(isFetch)
    const running = all.filter(isRunning)
    const totals = {
      running: running.length,
      unfinished: all.length,
      speed: running.reduce((sum, one) => sum + (isStalled(one) ? 0 : one.speedBytesPerSecond), 0),
      percents: running.slice(0, 6).map((one) => Math.floor(one.percent)),
    }
    if (JSON.stringify(totals) === JSON.stringify(this.#totals)) return
    this.#totals = totals
    for (const listener of this.#totalListeners) listener()
  }
}

const NO_SAMPLES: readonly number[] = []

/** The speeds of a download with this one added, unless the last is too young. */
function sampled(
  operation: Operation,
  before: Heard | undefined,
  now: number,
): Pick<Heard, 'samples' | 'sampledAt'> {
  const { samples = NO_SAMPLES, sampledAt = -Infinity } = before ?? {}
  if (!isRunning(operation) || now - sampledAt < SAMPLE_EVERY) return { samples, sampledAt }
  const speed = isStalled(operation) ? 0 : operation.speedBytesPerSecond
  return { samples: [...samples, speed].slice(-SAMPLES), sampledAt: now }
}

/** Whether news of a download were overtaken: the stream, a poll and a reply may cross. */
function isOlder(news: Operation, known: Operation): boolean {
  if (news.taskId !== known.taskId)
    return Date.parse(news.updatedAt ?? '') < Date.parse(known.startedAt ?? '')
  if (news.attempt !== known.attempt) return news.attempt < known.attempt
  return (
    isRunning(news) &&
    isRunning(known) &&
    Date.parse(news.updatedAt ?? '') < Date.parse(known.updatedAt ?? '')
  )
}

export const progress = new ProgressStore()

/** What is going on with the files of a model; drawn anew only when it moves. */
export function useProgress(modelId: number): Operation | null {
  return useSyncExternalStore(useSubscription(modelId), () => progress.of(modelId))
}

/** Its last speeds; moves with it. */
export function useSamples(modelId: number): readonly number[] {
  return useSyncExternalStore(useSubscription(modelId), () => progress.samplesOf(modelId))
}

/** How many run and how fast, over all. */
export function useTotals(): Totals {
  return useSyncExternalStore(progress.subscribeTotals, progress.totals)
}

function useSubscription(modelId: number): (listener: Listener) => () => void {
  return useCallback((listener: Listener) => progress.subscribe(modelId, listener), [modelId])
}
