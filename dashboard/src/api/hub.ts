/** The Hub, as the API sees it. */
import { queryOptions } from '@tanstack/react-query'
import { answered, body, client, type Schemas } from './client'

export type RepoRef = Schemas['RepoRef']
export type RepoPreview = Schemas['RepoPreview']
export type Variant = Schemas['Variant']
export type FoundRepo = Schemas['FoundRepo']
export type Access = Schemas['Access']

const MINUTES = 60_000

/** `isStale`: the Hub can't be asked now, and this is what it said before. */
export type Found = { repos: readonly FoundRepo[]; isStale: boolean }

/** How many repositories are suggested. */
const MOST_FOUND = 8

/** Repositories by a part of their name. */
export const searchQuery = (text: string) =>
  queryOptions({
    queryKey: ['hub', 'search', text.toLowerCase()],
    queryFn: async ({ signal }): Promise<Found> => {
      const asked = client.GET('/api/hub/search', {
        params: { query: { q: text, limit: MOST_FOUND } },
        signal,
      })
      const { data = [], response } = await answered(asked)
      return { repos: data, isStale: response.headers.get('X-Hub-Stale') === 'true' }
    },
    staleTime: 5 * MINUTES,
    retry: false,
  })

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
    // What was kept from before is asked for again as soon as somebody looks.
    staleTime: ({ state }) => (state.data?.stale ? 0 : 10 * MINUTES),
    retry: false,
  })

/** Whether the files could be fetched now; `modelId`: with that model's own token. */
export const accessQuery = (repo: string, modelId?: number) =>
  queryOptions({
    queryKey: ['hub', 'access', repo, modelId ?? null],
    queryFn: ({ signal }): Promise<Access> =>
      body(client.GET('/api/hub/access', { params: { query: { repo, modelId } }, signal })),
    staleTime: 10_000,
    // The license is accepted in another tab: whoever comes back finds the answer.
    refetchOnWindowFocus: ({ state }) => state.data !== undefined && state.data.status !== 'ok',
    retry: false,
  })
