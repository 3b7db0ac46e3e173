/** Who uses a model, as those who use it say themselves. */
import { queryOptions } from '@tanstack/react-query'
import { body, client, type Schemas } from './client'

export type Reference = Schemas['Reference']

export const referencesKey = (modelId: number) => ['models', modelId, 'references'] as const

/** Also those that have expired. */
export const referencesQuery = (modelId: number) =>
  queryOptions({
    queryKey: referencesKey(modelId),
    queryFn: ({ signal }) =>
      body(
        client.GET('/api/models/{model_id}/references', { params: { path: { model_id: modelId } }, signal }),
      ),
    staleTime: 0,
  })
