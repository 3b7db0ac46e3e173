/** The volume, as a worker last saw it. */
import { type QueryClient, queryOptions } from '@tanstack/react-query'
import { body, client, type Schemas } from './client'

export type Storage = Schemas['Storage']
export type Volume = Schemas['Volume']

export const storageKey = ['storage'] as const

/** Sizes in bytes; null where no worker has told yet. */
export const storageQuery = queryOptions({
  queryKey: storageKey,
  queryFn: ({ signal }): Promise<Storage> => body(client.GET('/api/storage', { signal })),
  staleTime: Infinity,
})

/** Have a worker go through the cache now; the answer comes with what it saw, after 10 s at the latest. */
export async function rescan(queries: QueryClient): Promise<void> {
  const storage = await body(client.GET('/api/storage', { params: { query: { refresh: true } } }))
  // An answer that is on its way is older than this one.
  await queries.cancelQueries({ queryKey: storageKey })
  queries.setQueryData(storageKey, storage)
}

/** Give a volume up that is lost: its models are not downloaded any more, and what waits for it runs elsewhere. */
export const forgetVolume = (name: string) =>
  body(client.DELETE('/api/storage/volumes', { params: { query: { name } } }))
