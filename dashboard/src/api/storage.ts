/** The volume, as a worker last saw it. */
import { queryOptions } from '@tanstack/react-query'
import { body, client, type Schemas } from './client'

export type Storage = Schemas['Storage']

export const storageKey = ['storage'] as const

/** Sizes in bytes; null where no worker has told yet. */
export const storageQuery = queryOptions({
  queryKey: storageKey,
  queryFn: ({ signal }): Promise<Storage> => body(client.GET('/api/storage', { signal })),
  staleTime: Infinity,
})
