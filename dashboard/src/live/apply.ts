/** What an event of the stream changes on the page. */
import type { QueryClient } from '@tanstack/react-query'
import { canceledKey, type Operation, type Queue, queueKey, queueQuery } from '../api/downloads'
import { dropModel, type Model, modelsKey, putModel, readModel, usageKey } from '../api/models'
import { historyKey } from '../api/operations'
import { referencesKey } from '../api/references'
import { storageKey } from '../api/storage'
import { announceDownload, knowDownload } from './announcer'
import { isUnfinished, type ProgressStore } from './progress'

type Snapshot = { downloads: Operation[]; complete: boolean }

/** Milliseconds: several changes at once (a queue that drains) ask for the lists once. */
const GATHER = 250
/** Milliseconds: a list this young was asked for together with the stream, and lacks nothing that it tells of. */
const YOUNG = 700
/** Polls from one reading of all models to the next: about 15 s. */
const POLLS_PER_LIST = 20

export class LiveModels {
  readonly #queries: QueryClient
  readonly #progress: ProgressStore
  #wanted = new Map<string, ReturnType<typeof setTimeout>>()
  #seesAll = false
  #polls = 0
  #queueState = ''

  constructor(queries: QueryClient, progress: ProgressStore) {
    this.#queries = queries
    this.#progress = progress
  }

  /** Take up one event. */
  apply = (type: string, data: unknown): void => {
    if (type === 'snapshot') this.#snapshot(data as Snapshot)
    else if (type === 'download.progress') this.#moved((data as { downloads: Operation[] }).downloads)
    else if (type.startsWith('download.')) this.#changed(data as Operation)
    else if (type === 'model.deleted') this.#deleted((data as { id: number }).id)
    else if (type.startsWith('model.')) this.#model(data as Model)
    else if (type === 'storage.changed') this.#readAnew(storageKey)
  }

  /** No more news; what was still to be asked for is not. */
  stop(): void {
    for (const timer of this.#wanted.values()) clearTimeout(timer)
    this.#wanted.clear()
  }

  /** The stream is away: ask for what it would have told. */
  poll = async (): Promise<void> => {
    this.#seesAll = false
    const queue = await this.#queries.fetchQuery({ ...queueQuery, staleTime: 0, retry: false })
    const state = stateOf(queue)
    // The queue says nothing of models that were registered or edited elsewhere.
    if (state !== this.#queueState || this.#polls % POLLS_PER_LIST === 0)
      this.#readAnew(modelsKey, storageKey)
    this.#polls += 1
    this.#queueState = state
    this.#progress.replace([...queue.active, ...queue.queued, ...queue.paused], { tolerant: true })
  }

  #snapshot({ downloads, complete }: Snapshot): void {
    for (const operation of downloads) knowDownload(operation)
    const ended = this.#progress.replace(downloads)
    const isFirst = !this.#seesAll && this.#isYoung()
    if (!isFirst && (!complete || !this.#seesAll || ended.length)) {
      this.#readAnew(modelsKey, queueKey, storageKey)
    }
    this.#seesAll = true
    this.#polls = 0
  }

  /** Whether the list of models came, or is to come, with the page that this stream serves. */
  #isYoung(): boolean {
    const state = this.#queries.getQueryState(modelsKey)
    return state?.status !== 'success' || Date.now() - state.dataUpdatedAt < YOUNG
  }

  #moved(downloads: Operation[]): void {
    for (const operation of downloads) this.#announce(operation)
    this.#progress.update(downloads)
  }

  #changed(operation: Operation): void {
    const { modelId } = operation
    if (modelId === null) return
    this.#announce(operation)
    this.#progress.update([operation])
    this.#readAnew(queueKey, historyKey(modelId))
    this.#patch(operation, modelId)
    if (!isUnfinished(operation)) void this.#ended(modelId)
  }

  /** The row's own words until the model itself is read again: it must not fall back to older ones meanwhile. */
  #patch(operation: Operation, modelId: number): void {
    const model = this.#known(modelId)
    if (!model) return
    // What is here stays of use while a newer commit comes, and when that does not come.
    if (operation.operation !== 'download')
      return this.#put({ ...model, activeOperation: isUnfinished(operation) ? operation : null })
    const downloadStatus = operation.status as Model['downloadStatus']
    const changed = isUnfinished(operation)
      ? { activeOperation: operation, error: null }
      : { activeOperation: null, error: operation.error }
    const isHere = downloadStatus === 'Downloaded' && {
      downloaded: true,
      fileSizeBytes: operation.bytesTotal,
    }
    this.#put({ ...model, downloadStatus, ...changed, ...isHere })
  }

  /** An ended download has changed its model: size, path, commit, error. */
  async #ended(modelId: number): Promise<void> {
    this.#readAnew(storageKey, canceledKey)
    try {
      await readModel(this.#queries, modelId)
      this.#checkList()
    } catch {
      // Gone meanwhile, or the server is: the next list tells.
      this.#readAnew(modelsKey)
    }
  }

  #model(model: Model): void {
    // A note of a model that has gone since carries its id alone; `model.deleted` follows.
    if (!model.name) return
    this.#put(model)
    if (model.activeOperation) this.#progress.update([model.activeOperation])
    this.#progress.settle(model.id, model.activeOperation?.taskId ?? null)
    this.#readAnew(storageKey, historyKey(model.id), usageKey(model.id), referencesKey(model.id))
  }

  #deleted(id: number): void {
    dropModel(this.#queries, id)
    this.#checkList()
    this.#progress.drop(id)
    this.#readAnew(queueKey, storageKey)
  }

  #put(model: Model): void {
    putModel(this.#queries, model)
    this.#checkList()
  }

  /** A list that is on its way now may be older than what was just put into the one that is here. */
  #checkList(): void {
    if (this.#queries.isFetching({ queryKey: modelsKey, exact: true })) this.#readAnew(modelsKey)
  }

  #known(id: number): Model | undefined {
    return this.#queries.getQueryData<Model[]>(modelsKey)?.find((model) => model.id === id)
  }

  /** Before the list is here the page knows no names, and what it hears of is news to nobody. */
  #announce(operation: Operation): void {
    if (operation.modelId === null || operation.operation !== 'download') return
    const model = this.#known(operation.modelId)
    if (model) announceDownload(operation, model.name)
    else knowDownload(operation)
  }

  #readAnew(...keys: (readonly (string | number)[])[]): void {
    for (const key of keys) {
      const name = key.join()
      if (!this.#wanted.has(name))
        this.#wanted.set(
          name,
          setTimeout(() => this.#read(key), GATHER),
        )
    }
  }

  #read(key: readonly (string | number)[]): void {
    this.#wanted.delete(key.join())
    const state = this.#queries.getQueryState(key)
    // A first answer can't be asked for twice; what it may lack is asked for once it is here.
    if (state?.status === 'pending' && state.fetchStatus === 'fetching') this.#readAnew(key)
    else void this.#queries.invalidateQueries({ queryKey: key, exact: true })
  }
}

/** Which downloads stand where, and not how far they are. */
function stateOf(queue: Queue): string {
  const items = [queue.active, queue.queued, queue.paused, queue.failed, queue.completed].flat()
  return items.map((item) => `${item.taskId} ${item.status}`).join()
}
