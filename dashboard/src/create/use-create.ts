/** Registering a model once, and what follows it. */
import { useQueryClient } from '@tanstack/react-query'
import { asProblem } from '../api/client'
import { queueKey } from '../api/downloads'
import { createModel, type Model, type ModelCreate, putModel, readModel, testConnection } from '../api/models'
import { storageKey } from '../api/storage'
import { progress } from '../live/progress'
import { isFinal, useIntent } from './saving'

/** The reply is news as good as an event, and sooner. */
export function useCreate(): (body: ModelCreate) => Promise<Model> {
  const queries = useQueryClient()
  const intent = useIntent()
  return async (body) => {
    try {
      const model = await createModel(body, intent.keyFor(body))
      intent.isAnswered()
      putModel(queries, model)
      if (model.activeOperation) progress.update([model.activeOperation])
      for (const queryKey of [queueKey, storageKey]) void queries.invalidateQueries({ queryKey, exact: true })
      // What is registered is marked in the lists of files that are opened next.
      void queries.invalidateQueries({ queryKey: ['hub', 'repo'], refetchType: 'none' })
      return model
    } catch (error) {
      if (isFinal(asProblem(error))) intent.isAnswered()
      throw error
    }
  }
}

/** The test that has just succeeded, of the stored model: so the register knows its outcome. Nobody waits for it. */
export function useTestStored(): (id: number) => void {
  const queries = useQueryClient()
  return (id) => {
    testConnection({ modelId: id })
      .then(() => readModel(queries, id))
      .catch(() => {
        // Then the model stands as not tested, which is true.
      })
  }
}
