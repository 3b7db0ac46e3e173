/** Whether the files of a model are right, and whether there are newer ones. */
import { queryOptions } from '@tanstack/react-query'
import { body, client, type Schemas } from './client'

export type FileChange = Schemas['FileChange']
export type Update = Schemas['Update']

/** Asks the Hub, so only when a person wants to know. `commitHash`: what the model stands for; another one asks anew. */
export const updateQuery = (modelId: number, commitHash: string | null) =>
  queryOptions({
    queryKey: ['models', modelId, 'update', commitHash],
    queryFn: ({ signal }) =>
      body(client.GET('/api/models/{model_id}/update', { params: { path: { model_id: modelId } }, signal })),
    staleTime: 0,
    gcTime: 0,
    retry: false,
  })

/** Fetch what the revision means now, or return to a commit. */
export const updateFiles = (modelId: number, commitHash?: string) =>
  body(
    client.POST('/api/models/{model_id}/update', {
      params: { path: { model_id: modelId } },
      body: commitHash ? { commitHash } : {},
    }),
  )

/** Hold every byte against its checksum. */
export const verifyFiles = (modelId: number) =>
  body(client.POST('/api/models/{model_id}/verify', { params: { path: { model_id: modelId } } }))
