/** Removing a repository that no model uses. */
import { useQueryClient } from '@tanstack/react-query'
import { cacheKey, type CachedRepo, deleteRepo } from '../api/cache'
import { storageKey } from '../api/storage'
import { hasEnded } from '../api/tasks'
import { bytes, plural } from '../lib/format'
import { Question } from '../settings/question'
import { toast } from '../ui/toasts'

export function DeleteRepo({
  repo: cached,
  open,
  onClose,
  onStarted,
}: {
  repo: CachedRepo
  open: boolean
  onClose: () => void
  onStarted: (taskId: string) => void
}) {
  const { repo, sizeBytes, fileCount } = cached
  const queries = useQueryClient()
  const remove = async () => {
    const operation = await deleteRepo(cached)
    if (operation.taskId && !hasEnded(operation)) return onStarted(operation.taskId)
    toast(`${repo} was gone already`)
    for (const queryKey of [cacheKey, storageKey]) void queries.invalidateQueries({ queryKey })
  }
  return (
    <Question
      open={open}
      onClose={onClose}
      title={`Delete ${repo} from disk?`}
      no="Keep files"
      yes={`Delete and free ${bytes(sizeBytes)}`}
      busyYes="Deleting…"
      onYes={remove}
    >
      Frees {bytes(sizeBytes)}, {plural(fileCount, 'file')}. No model in the register uses it; something else
      that shares this cache may have put it there and would have to fetch it again.
    </Question>
  )
}
