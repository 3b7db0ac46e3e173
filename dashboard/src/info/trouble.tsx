/** Why a download or a connection failed, or a secret can't be read, and what to do about it. */
import { RotateCcw } from 'lucide-react'
import { useState } from 'react'
import { useMay } from '../api/auth'
import type { Failure, Model } from '../api/models'
import { useActions } from '../models/actions'
import { unreadableSecret, useDownloadStatus } from '../models/states'
import { Button } from '../ui/button'
import { Notice } from '../ui/status'

export function Trouble({ model }: { model: Model }) {
  const may = useMay()
  const actions = useActions()
  const [isBusy, setBusy] = useState(false)
  const isFailed = useDownloadStatus(model) === 'Failed'
  const failure = failureOf(model, isFailed)
  if (!failure) return null
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
        isFailed &&
        may('operator') && (
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

/** What a download failed of is over once another one runs; a secret that can't be read is not. */
function failureOf(model: Model, isFailed: boolean): Failure | null {
  if (model.type === 'hosted-llm') return model.error ?? model.connection?.error ?? null
  return isFailed ? model.error : unreadableSecret(model)
}
