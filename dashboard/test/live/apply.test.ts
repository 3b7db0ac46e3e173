import { QueryObserver } from '@tanstack/react-query'
import { waitFor } from '@testing-library/react'
import { http, HttpResponse } from 'msw'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { queueQuery } from '../../src/api/downloads'
import { type Model, modelsKey, modelsQuery } from '../../src/api/models'
import { storageQuery } from '../../src/api/storage'
import { newQueryClient } from '../../src/app'
import { announceInto } from '../../src/live/announcer'
import { LiveModels } from '../../src/live/apply'
import { ProgressStore } from '../../src/live/progress'
import { aDownload, aModel } from '../make'
import { server } from '../server'

const NO_QUEUE = { active: [], queued: [], paused: [], failed: [], completed: [] }
const SNAPSHOT = { downloads: [], complete: true }
const settled = (milliseconds = 400) => new Promise((done) => setTimeout(done, milliseconds))

let queries: ReturnType<typeof newQueryClient>
let progress: ProgressStore
let live: LiveModels
let unsubscribe: (() => void)[]
let asked: Record<'models' | 'model' | 'queue' | 'storage', number>
/** What the server has. */
let models: Model[]
let queue: object

beforeEach(async () => {
  asked = { models: 0, model: 0, queue: 0, storage: 0 }
  models = [aModel({ downloadStatus: 'Downloading' }), aModel({ id: 9, name: 'Gemma 3' })]
  queue = NO_QUEUE
  server.use(
    http.get('*/api/models', () => {
      asked.models += 1
      return HttpResponse.json(models)
    }),
    http.get('*/api/models/:id', ({ params }) => {
      asked.model += 1
      const model = models.find(({ id }) => id === Number(params.id))
      return model
        ? HttpResponse.json(model)
        : HttpResponse.json({ code: 'MODEL_NOT_FOUND' }, { status: 404 })
    }),
    http.get('*/api/downloads/queue', () => {
      asked.queue += 1
      return HttpResponse.json(queue)
    }),
    http.get('*/api/storage', () => {
      asked.storage += 1
      return HttpResponse.json({})
    }),
  )
  queries = newQueryClient()
  progress = new ProgressStore()
  live = new LiveModels(queries, progress)
  unsubscribe = [modelsQuery, queueQuery, storageQuery].map((query) =>
    new QueryObserver(queries, query as typeof modelsQuery).subscribe(() => {}),
  )
  await waitFor(() => expect(asked).toEqual({ models: 1, model: 0, queue: 1, storage: 1 }))
  await waitFor(() => expect(queries.isFetching()).toBe(0))
  live.apply('snapshot', SNAPSHOT)
})

afterEach(() => {
  live.stop()
  for (const stop of unsubscribe) stop()
})

const known = (id: number) => queries.getQueryData<Model[]>(modelsKey)?.find((model) => model.id === id)

describe('the snapshot', () => {
  it('that comes with the first page load asks for nothing anew', async () => {
    await settled()
    expect(asked).toEqual({ models: 1, model: 0, queue: 1, storage: 1 })
  })

  it('after a gap without a hole, in which nothing ended, asks for nothing either', async () => {
    live.apply('snapshot', SNAPSHOT)
    await settled()
    expect(asked.models).toBe(1)
  })

  it('with a hole before it has every list read anew, once', async () => {
    live.apply('snapshot', { downloads: [], complete: false })
    live.apply('snapshot', { downloads: [], complete: false })
    await waitFor(() => expect(asked).toEqual({ models: 2, model: 0, queue: 2, storage: 2 }))
  })

  it('ends the downloads that it lacks and has the lists read anew', async () => {
    progress.update([aDownload()])
    live.apply('snapshot', SNAPSHOT)
    expect(progress.of(7)).toBeNull()
    await waitFor(() => expect(asked.models).toBe(2))
  })

  it('of a second session does not trust the list of the first', async () => {
    await settled(800)
    const later = new LiveModels(queries, progress)
    later.apply('snapshot', SNAPSHOT)
    await waitFor(() => expect(asked.models).toBe(2))
    later.stop()
  })
})

describe('a download', () => {
  it('that moves changes the progress and asks for nothing', async () => {
    live.apply('download.progress', { downloads: [aDownload({ percent: 50 })] })
    expect(progress.of(7)?.percent).toBe(50)
    await settled()
    expect(asked).toEqual({ models: 1, model: 0, queue: 1, storage: 1 })
  })

  it('that is queued or started changes its row at once, and the queue is read anew', async () => {
    live.apply('download.queued', aDownload({ modelId: 9, status: 'Pending' }))
    expect(known(9)).toMatchObject({ downloadStatus: 'Pending', error: null })
    live.apply('download.started', aDownload({ modelId: 9, status: 'Downloading' }))
    expect(known(9)?.downloadStatus).toBe('Downloading')
    expect(progress.of(9)).not.toBeNull()
    await waitFor(() => expect(asked.queue).toBe(2))
    expect(asked.models).toBe(1)
  })

  it.each(['completed', 'failed', 'canceled'])('that is %s has its model read anew', async (word) => {
    const status = { completed: 'Downloaded', failed: 'Failed', canceled: 'Canceled' }[word] as 'Downloaded'
    progress.update([aDownload()])
    models = [aModel({ downloadStatus: status, fileSizeBytes: 381 })]
    live.apply(`download.${word}`, aDownload({ status }))
    expect(progress.of(7)).toBeNull()
    await waitFor(() => expect(known(7)).toMatchObject({ downloadStatus: status, fileSizeBytes: 381 }))
    await waitFor(() => expect(asked).toMatchObject({ queue: 2, storage: 2, models: 1 }))
  })

  it('that is completed shows so in its row before its model is read anew', async () => {
    live.apply('download.started', aDownload({ status: 'Downloading', phase: 'resolving', bytesTotal: null }))
    live.apply('download.completed', aDownload({ status: 'Downloaded', bytesTotal: 381 }))
    expect(known(7)).toMatchObject({ downloadStatus: 'Downloaded', downloaded: true, fileSizeBytes: 381 })
    expect(known(7)?.activeOperation).toBeNull()
    await settled()
  })

  it('that ended with its model has the list read anew', async () => {
    models = []
    live.apply('download.canceled', aDownload({ status: 'Canceled' }))
    await waitFor(() => expect(known(7)).toBeUndefined())
  })

  it('that starts again is not overwritten by an answer about its end', async () => {
    let answer: (() => void) | undefined
    const wait = new Promise<void>((done) => (answer = done))
    server.use(
      http.get('*/api/models/7', async () => {
        await wait
        return HttpResponse.json(aModel({ downloadStatus: 'Failed' }))
      }),
    )
    live.apply('download.failed', aDownload({ status: 'Failed' }))
    await settled(50)
    live.apply('download.queued', aDownload({ taskId: 'again', status: 'Pending' }))
    answer?.()
    await settled()
    expect(known(7)?.downloadStatus).toBe('Pending')
  })

  it('is told to screen readers by the name of its model', async () => {
    const region = document.createElement('div')
    announceInto(region)
    live.apply('download.completed', aDownload({ taskId: 'told', status: 'Downloaded' }))
    await waitFor(() => expect(region).toHaveTextContent('Qwen3 0.6B: downloaded'))
  })
})

describe('a model', () => {
  it('that is new or changed stands in the list at once', async () => {
    live.apply('model.created', aModel({ id: 12, name: 'New' }))
    live.apply('model.updated', aModel({ id: 9, name: 'Renamed' }))
    expect(queries.getQueryData<Model[]>(modelsKey)?.map(({ name }) => name)).toEqual([
      'Qwen3 0.6B',
      'Renamed',
      'New',
    ])
    await waitFor(() => expect(asked.storage).toBe(2))
    expect(asked.models).toBe(1)
  })

  it('that is deleted leaves the list and the progress', async () => {
    progress.update([aDownload()])
    live.apply('model.deleted', { id: 7 })
    expect(known(7)).toBeUndefined()
    expect(progress.of(7)).toBeNull()
    await waitFor(() => expect(asked).toMatchObject({ queue: 2, storage: 2 }))
  })

  it('of which a late note has the id alone changes nothing', () => {
    live.apply('model.updated', { id: 9 })
    expect(known(9)?.name).toBe('Gemma 3')
  })

  it('that changes while the list is on its way has the list read once more', async () => {
    const wait = vi.fn()
    server.use(
      http.get(
        '*/api/models',
        async () => {
          wait()
          await settled(100)
          return HttpResponse.json(models) // as it was before the change
        },
        { once: true },
      ),
    )
    void queries.invalidateQueries({ queryKey: modelsKey, exact: true })
    await waitFor(() => expect(wait).toHaveBeenCalled())
    models = [aModel({ name: 'Changed' })]
    live.apply('model.updated', aModel({ name: 'Changed' }))
    await settled(600)
    expect(known(7)?.name).toBe('Changed')
    expect(asked.models).toBe(2)
  })
})

it('takes no notice of what it does not know', () => {
  live.apply('heartbeat', {})
  live.apply('runtime.loaded', { id: 7 })
  expect(known(7)?.downloadStatus).toBe('Downloading')
})

describe('a poll', () => {
  it('takes over what runs', async () => {
    queue = { ...NO_QUEUE, active: [aDownload({ status: 'running', percent: 61 })] }
    await live.poll()
    expect(progress.of(7)?.percent).toBe(61)
  })

  it('reads the models anew at first, then only when a download has changed its state', async () => {
    await live.poll()
    await waitFor(() => expect(asked.models).toBe(2))
    await live.poll()
    await live.poll()
    await settled()
    expect(asked.models).toBe(2)
    queue = { ...NO_QUEUE, failed: [aDownload({ status: 'failed' })] }
    await live.poll()
    await waitFor(() => expect(asked.models).toBe(3))
  })

  it('reads them anew now and then, for what the queue does not tell', async () => {
    for (let poll = 0; poll < 21; poll += 1) await live.poll() // oxlint-disable-line no-await-in-loop
    await waitFor(() => expect(asked.models).toBeGreaterThanOrEqual(2))
    await settled()
    expect(asked.models).toBeLessThanOrEqual(3)
  })

  it('fails at once when the server does not answer', async () => {
    server.use(http.get('*/api/downloads/queue', () => HttpResponse.error()))
    const start = Date.now()
    await expect(live.poll()).rejects.toMatchObject({ code: 'NETWORK' })
    expect(Date.now() - start).toBeLessThan(400)
  })
})

it('asks for nothing more once it is stopped', async () => {
  live.apply('snapshot', { downloads: [], complete: false })
  live.stop()
  await settled()
  expect(asked.models).toBe(1)
})

describe('an update or a verification', () => {
  const update = aDownload({ operation: 'update', status: 'running' })

  it('leaves the model downloaded, while it moves and when it has failed', async () => {
    models = [aModel({ downloadStatus: 'Downloaded', downloaded: true })]
    live.apply('model.updated', models[0])
    live.apply('download.started', update)
    expect(known(7)).toMatchObject({ downloadStatus: 'Downloaded', activeOperation: { operation: 'update' } })
    expect(progress.totals().running).toBe(1)
    live.apply('download.failed', { ...update, status: 'failed' })
    expect(known(7)).toMatchObject({ downloadStatus: 'Downloaded', activeOperation: null, error: null })
    expect(progress.of(7)).toBeNull()
  })

  it('ends with the word of its model', () => {
    const verify = aDownload({ operation: 'verify', status: 'running' })
    live.apply('model.updated', aModel({ downloadStatus: 'Downloaded', activeOperation: verify }))
    expect(progress.of(7)).toMatchObject({ operation: 'verify' })
    expect(progress.totals().running).toBe(0)
    live.apply('snapshot', SNAPSHOT)
    expect(progress.of(7)).not.toBeNull()
    live.apply('model.updated', aModel({ downloadStatus: 'Downloaded' }))
    expect(progress.of(7)).toBeNull()
  })

  it('a clean-up is of no model', () => {
    live.apply('download.progress', {
      downloads: [{ ...aDownload({ operation: 'clean-up' }), modelId: null }],
    })
    expect(progress.totals().unfinished).toBe(0)
  })

  it('a change of the volume has it read anew', async () => {
    live.apply('storage.changed', {})
    await waitFor(() => expect(asked.storage).toBe(2))
  })
})
