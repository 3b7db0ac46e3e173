/** The Hub, as the API sees it. */
import { queryOptions } from '@tanstack/react-query'
import { body, client, type Schemas } from './client'

export type RepoRef = Schemas['RepoRef']
export type RepoPreview = Schemas['RepoPreview']
export type Variant = Schemas['Variant']

const MINUTES = 60_000

/** What a person meant by `owner/name`, a link of a page or a link of a file. */
export const resolveQuery = (input: string) =>
  queryOptions({
    queryKey: ['hub', 'resolve', input],
    queryFn: ({ signal }): Promise<RepoRef> =>
      body(client.GET('/api/hub/resolve', { params: { query: { input } }, signal })),
    staleTime: Infinity,
    retry: false,
  })

/** A repository with its variants; `modelId`: ask with that model's own token. */
export const repoQuery = (repo: string, revision: string, modelId?: number) =>
  queryOptions({
    queryKey: ['hub', 'repo', repo, revision, modelId ?? null],
    queryFn: ({ signal }): Promise<RepoPreview> =>
      body(client.GET('/api/hub/repo', { params: { query: { repo, revision, modelId } }, signal })),
    staleTime: 10 * MINUTES,
    retry: false,
  })
