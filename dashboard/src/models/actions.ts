/** What a person can do with a model in each of its states, and doing it. */
import { type QueryClient, useQueryClient } from '@tanstack/react-query'
import { useMemo } from 'react'
import { type Role, useMay } from '../api/auth'
import { asProblem } from '../api/client'
import { type Operation, queueKey } from '../api/downloads'
import { cancelDownload, type Model, readModel, startDownload, testConnection } from '../api/models'
import { isUnfinished, progress } from '../live/progress'
import { complain, toast } from '../ui/toasts'
import { useDownloadStatus } from './states'
import { isWorking } from './work'

export type ActionName = 'download' | 'resume' | 'retry' | 'repair' | 'cancel' | 'test'

/** The main action of each state; null: there is none (it is here, or on its way out). */
export function mainAction(model: Model, status = model.downloadStatus): ActionName | null {
  if (model.type === 'hosted-llm') return 'test'
  if (isDeleting(model) || model.source === 'path') return null
  if (isWorking(model)) return 'cancel'
  switch (status) {
    case 'NotDownloaded':
      return 'download'
    case 'Pending':
    case 'Downloading':
      return 'cancel'
    case 'Paused':
    case 'Canceled':
      return 'resume'
    case 'Failed':
      return model.damagedFiles?.length ? 'repair' : 'retry'
    default:
      return null
  }
}

/** The role that each action wants. */
const NEEDS: Record<ActionName, Role> = {
  download: 'operator',
  resume: 'operator',
  retry: 'operator',
  repair: 'operator',
  cancel: 'operator',
  test: 'admin',
}

/** The main action of a model as it stands now, if whoever is signed in may do it. */
export function useMainAction(model: Model): ActionName | null {
  const name = mainAction(model, useDownloadStatus(model))
  const may = useMay()
  return name && may(NEEDS[name]) ? name : null
}

/** A delete is under way: its files go, then its row. */
export const isDeleting = (model: Model): boolean => model.activeOperation?.operation === 'delete'

/** The words on the button of an action. */
export const ACTION_WORDS: Record<ActionName, string> = {
  download: 'Download',
  resume: 'Resume',
  retry: 'Retry',
  repair: 'Repair',
  cancel: 'Cancel',
  test: 'Test connection',
}

const busy = new Set<string>()

/** Do something once, however often it is clicked meanwhile; a refusal is told where no place on the page shows it.
 *
 * Whether it was done. */
async function once(key: string, title: string, run: () => Promise<void>): Promise<boolean> {
  if (busy.has(key)) return false
  busy.add(key)
  try {
    await run()
    return true
  } catch (error) {
    const problem = asProblem(error)
    complain(title, `${problem.message} ${problem.remedy}`.trim())
    return false
  } finally {
    busy.delete(key)
  }
}

/** What an action needs to know of a model. */
type Named = Pick<Model, 'id' | 'name'>

export type Actions = ReturnType<typeof actionsOn>

function actionsOn(queries: QueryClient) {
  /** The reply of an action is news as good as an event, and sooner. */
  const takeUp = async (modelId: number) => {
    const model = await readModel(queries, modelId)
    if (model.activeOperation) progress.update([model.activeOperation])
    void queries.invalidateQueries({ queryKey: queueKey })
  }
  const start = (model: Named) =>
    once(`start ${model.id}`, `${model.name} could not be started`, async () => {
      const operation = await startDownload(model.id)
      if (isUnfinished(operation)) progress.update([operation])
      await takeUp(model.id)
    })
  const cancel = (model: Named) =>
    once(`cancel ${model.id}`, `${model.name} could not be canceled`, async () => {
      const { operation } = await cancelDownload(model.id)
      await takeUp(model.id)
      if (operation === 'update') return toast(`Update of ${model.name} canceled, its files are as before`)
      if (operation === 'verify') return toast(`Verification of ${model.name} canceled`)
      toast(`Download of ${model.name} canceled, its bytes are kept`, {
        label: 'Resume',
        run: () => void start(model),
      })
    })
  const test = (model: Named) =>
    once(`test ${model.id}`, `${model.name} could not be tested`, async () => {
      const result = await testConnection({ modelId: model.id })
      await readModel(queries, model.id)
      if (result.ok) toast(`${model.name} answers in ${result.latencyMs} ms`)
      else
        complain(
          `${model.name} does not answer`,
          `${result.error?.detail ?? ''} ${result.error?.remedy ?? ''}`,
        )
    })
  /** Fetch what may not be registered yet; `request` asks for it. */
  const get = (what: string, request: () => Promise<Operation>) =>
    once(`get ${what}`, `${what} could not be started`, async () => {
      const operation = await request()
      progress.update([operation])
      if (operation.modelId !== null) await takeUp(operation.modelId)
    })
  return {
    start,
    cancel,
    test,
    get,
    run: (name: ActionName, model: Named) =>
      name === 'cancel' ? cancel(model) : name === 'test' ? test(model) : start(model),
  }
}

/** The actions on models; never a new object, so that a row is not drawn anew for it. */
export function useActions(): Actions {
  const queries = useQueryClient()
  return useMemo(() => actionsOn(queries), [queries])
}
