/** Downloads and their queue. */
import { queryOptions } from '@tanstack/react-query'
import { body, client, type Schemas } from './client'

export type Operation = Schemas['Operation']
/** What an operation does; a clean-up belongs to no model. */
export type OperationKind = Operation['operation']
/** Only what belongs to a model stands in the queue. */
export type QueueItem = Omit<Schemas['QueueItem'], 'modelId'> & { modelId: number }
export type Queue = Record<keyof Schemas['Queue'], QueueItem[]>

export const queueKey = ['downloads', 'queue'] as const

/** What runs, waits, failed, and what finished within a day. */
export const queueQuery = queryOptions({
  queryKey: queueKey,
  queryFn: ({ signal }) => body(client.GET('/api/downloads/queue', { signal })) as Promise<Queue>,
  staleTime: Infinity,
})

export const canceledKey = ['downloads', 'canceled'] as const

/** The latest canceled downloads, the newest first; the queue does not list them. */
export const canceledQuery = queryOptions({
  queryKey: canceledKey,
  queryFn: ({ signal }) =>
    body(
      client.GET('/api/downloads', { params: { query: { status: 'canceled', pageSize: 500 } }, signal }),
    ) as Promise<QueueItem[]>,
  staleTime: 10_000,
})

/** Fetch a file of a repository; the model is registered if need be. */
export const requestDownload = (what: Schemas['DownloadRequest']): Promise<Operation> =>
  body(client.POST('/api/downloads', { body: what }))

/** Ask again for what failed or was canceled. */
export const retryDownload = (taskId: string): Promise<Operation> =>
  body(client.POST('/api/downloads/{operation_id}/retry', { params: { path: { operation_id: taskId } } }))

/** Change what has not ended; `maxBytesPerSecond: null` takes its limit away. */
export const changeDownload = (taskId: string, change: Schemas['DownloadChange']): Promise<Operation> =>
  body(
    client.PATCH('/api/downloads/{operation_id}', {
      params: { path: { operation_id: taskId } },
      body: change,
    }),
  )

/** Cancel what has not ended, and clear it from the queue's view. */
export async function clearDownload(taskId: string): Promise<void> {
  await body(client.DELETE('/api/downloads/{operation_id}', { params: { path: { operation_id: taskId } } }))
}
