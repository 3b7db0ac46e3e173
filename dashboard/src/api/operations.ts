/** What was ever done with a model's files. */
import { queryOptions } from '@tanstack/react-query'
import { body, client } from './client'
import type { Operation } from './downloads'

/** How much of the history is shown. */
const LATEST = 8

export const historyKey = (modelId: number) => ['operations', modelId] as const

/** The latest downloads and deletes of a model, the newest first. */
export const historyQuery = (modelId: number) =>
  queryOptions({
    queryKey: historyKey(modelId),
    queryFn: ({ signal }): Promise<Operation[]> =>
      body(client.GET('/api/operations', { params: { query: { modelId, pageSize: LATEST } }, signal })),
    staleTime: 0,
  })
