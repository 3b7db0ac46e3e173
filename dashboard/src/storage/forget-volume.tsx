/** Giving up a volume whose workers will never come back. */
import { useQueryClient } from '@tanstack/react-query'
import { cacheKey } from '../api/cache'
import { asProblem } from '../api/client'
import { modelsKey } from '../api/models'
import { forgetVolume, storageKey, type Volume } from '../api/storage'
import { plural } from '../lib/format'
import { Question } from '../settings/question'
import { toast } from '../ui/toasts'

export function ForgetVolume({
  volume: { name, models },
  open,
  onClose,
}: {
  volume: Volume
  open: boolean
  onClose: () => void
}) {
  const queries = useQueryClient()
  const forget = async () => {
    await forgetVolume(name).catch((error: unknown) => {
      // Forgotten already: as it should be.
      if (asProblem(error).status !== 404) throw error
    })
    toast(`${name} forgotten`)
    for (const queryKey of [storageKey, cacheKey, modelsKey]) void queries.invalidateQueries({ queryKey })
  }
  return (
    <Question
      open={open}
      onClose={onClose}
      title={`Forget the volume ${name}?`}
      no="Keep waiting"
      yes="Forget volume"
      busyYes="Forgetting…"
      onYes={forget}
    >
      No worker serves it. {models > 0 && `${plural(models, 'model')} will have to be downloaded again. `}
      What waits for it may run on another volume. No file is touched: if its workers come back, so does the
      volume.
    </Question>
  )
}
