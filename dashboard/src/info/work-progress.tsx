/** How far a verification or an update is. */
import { useState } from 'react'
import { useMay } from '../api/auth'
import type { Operation } from '../api/downloads'
import type { Model } from '../api/models'
import { arrived, bytes, speed } from '../lib/format'
import { isRunning } from '../live/progress'
import { useActions } from '../models/actions'
import { workWords } from '../models/work'
import { Bar } from '../ui/bar'
import { Button } from '../ui/button'
import styles from './info.module.css'

export function WorkProgress({ model, work }: { model: Model; work: Operation }) {
  const may = useMay()
  const { cancel } = useActions()
  const [isBusy, setBusy] = useState(false)
  const { bytesDownloaded, bytesTotal, speedBytesPerSecond } = work
  const isMoving = isRunning(work) && bytesTotal !== null
  const stop = async () => {
    setBusy(true)
    await cancel(model)
    setBusy(false)
  }
  return (
    <div className={styles.work}>
      <div className={styles.workLine}>
        <strong>{isBusy ? 'Canceling…' : workWords(work)}</strong>
        {isMoving && (
          <span>
            {arrived(bytesDownloaded)} of {bytes(bytesTotal)}
            {speedBytesPerSecond > 0 && `, ${speed(speedBytesPerSecond)}`}
          </span>
        )}
      </div>
      <Bar
        value={isMoving ? work.percent : null}
        label={`${work.operation === 'verify' ? 'Verification' : 'Update'} of ${model.name}`}
      />
      {may('operator') && (
        <div>
          <Button size="small" disabled={isBusy} onClick={() => void stop()}>
            Cancel {work.operation === 'verify' ? 'verification' : 'update'}
          </Button>
        </div>
      )}
    </div>
  )
}
