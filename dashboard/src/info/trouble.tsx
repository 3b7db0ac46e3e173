/** Why a download or a connection failed, and what to do about it. */
import { RotateCcw } from 'lucide-react'
import { useState } from 'react'
import type { Model } from '../api/models'
import { useActions } from '../models/actions'
import { useDownloadStatus } from '../models/states'
import { Button } from '../ui/button'
import { Notice } from '../ui/status'

export function Trouble({ model }: { model: Model }) {
  const status = useDownloadStatus(model)
  const actions = useActions()
  const [isBusy, setBusy] = useState(false)
  const isFailed = status === 'Failed'
  const failure = model.error ?? model.connection?.error
  if (!failure || (model.type === 'local' && !isFailed)) return null
  const retry = async () => {
    setBusy(true)
    await actions.start(model)
    setBusy(false)
  }
  return (
    <Notice
      tone="bad"
      title={failure.detail}
      actions={
        isFailed && (
          <Button size="small" icon={<RotateCcw size={14} />} disabled={isBusy} onClick={() => void retry()}>
            Retry
          </Button>
        )
      }
    >
      {failure.remedy}
    </Notice>
  )
}
