/** Registered models. */
import { type QueryClient, queryOptions } from '@tanstack/react-query'
import { allPages, body, client, type Schemas } from './client'
import type { Operation } from './downloads'

/** A file of a downloaded model that is not as it was recorded. */
export type DamagedFile = Schemas['DamagedFile']
export type Model = Schemas['Model']
export type ModelCreate = Schemas['ModelCreate']
export type ModelPatch = Schemas['ModelPatch']
export type Usage = Schemas['Usage']
export type Failure = Schemas['Failure']
export type ConnectionTest = Schemas['TestConnection']
export type ConnectionResult = Schemas['TestConnectionResult']

const PAGE_SIZE = 500

export const modelsKey = ['models'] as const

/** Every model, sorted by name. Filters and other orders are the page's own business, so that they are immediate. */
export const modelsQuery = queryOptions({
  queryKey: modelsKey,
  queryFn: ({ signal }) => allModels(signal),
  // The stream keeps it true; only a lost stream makes it stale (live/apply.ts).
  staleTime: Infinity,
})

const allModels = (signal: AbortSignal): Promise<Model[]> =>
  allPages((page) => client.GET('/api/models', { params: { query: { page, pageSize: PAGE_SIZE } }, signal }))

/** One model. */
export const getModel = (id: number): Promise<Model> =>
  body(client.GET('/api/models/{model_id}', { params: { path: { model_id: id } } }))

/** Register a model; with `downloadNow` its download starts too. The same `key` again gets the first answer again. */
export const createModel = (fields: ModelCreate, key: string): Promise<Model> =>
  body(client.POST('/api/models', { body: fields, headers: { 'Idempotency-Key': key } }))

/** Change fields; an absent secret stays, null removes it. */
export const updateModel = (id: number, fields: ModelPatch): Promise<Model> =>
  body(client.PATCH('/api/models/{model_id}', { params: { path: { model_id: id } }, body: fields }))

export const usageKey = (id: number) => ['models', id, 'usage'] as const

/** What deleting would mean. */
export const usageQuery = (id: number) =>
  queryOptions({
    queryKey: usageKey(id),
    queryFn: ({ signal }): Promise<Usage> =>
      body(client.GET('/api/models/{model_id}/usage', { params: { path: { model_id: id } }, signal })),
    staleTime: 0,
    gcTime: 0,
  })

/** Delete; with its files the worker does it, and the row goes last: then its operation is the answer, else null. */
export async function deleteModel(
  id: number,
  options: { deleteLocalFile: boolean; confirm: boolean },
): Promise<Operation | null> {
  const asked = client.DELETE('/api/models/{model_id}', {
    params: { path: { model_id: id }, query: options },
  })
  return (await body<Operation | undefined>(asked)) ?? null
}

/** Start or resume. */
export const startDownload = (id: number) =>
  body(client.POST('/api/models/{model_id}/download', { params: { path: { model_id: id } } }))

/** Stop what goes on with its files (a download, an update, a verification), and keep the bytes. */
export const cancelDownload = (id: number): Promise<Operation> =>
  body(
    client.POST('/api/models/{model_id}/cancel-download', {
      params: { path: { model_id: id } },
      body: { purge: false },
    }),
  )

/** The last download of a model, in the model's words. */
export const getDownload = (id: number): Promise<Operation> =>
  body(client.GET('/api/models/{model_id}/download-status', { params: { path: { model_id: id } } }))

/** Ask the provider of a hosted model. */
export const testConnection = (fields: ConnectionTest, signal?: AbortSignal): Promise<ConnectionResult> =>
  body(client.POST('/api/models/test-connection', { body: fields, signal }))

/** How often each model was read or changed here: of two answers that cross, the later question's counts. */
const turns = new Map<number, number>()

function nextTurn(id: number): number {
  const turn = (turns.get(id) ?? 0) + 1
  turns.set(id, turn)
  return turn
}

/** Ask for a model anew and put it into the list, unless newer word of it came while the answer was on its way. */
export async function readModel(queries: QueryClient, id: number): Promise<Model> {
  const turn = nextTurn(id)
  const model = await getModel(id)
  if (turns.get(id) === turn) putModel(queries, model)
  return model
}

/** Put a model's new state into the list. */
export function putModel(queries: QueryClient, model: Model): void {
  nextTurn(model.id)
  queries.setQueryData<Model[]>(modelsKey, (known) => {
    if (!known) return known
    const place = known.findIndex((other) => other.id === model.id)
    return place < 0 ? [...known, model] : known.with(place, model)
  })
}

/** Take a model out of the list. */
export function dropModel(queries: QueryClient, id: number): void {
  nextTurn(id)
  queries.setQueryData<Model[]>(modelsKey, (known) => known?.filter((model) => model.id !== id))
}
