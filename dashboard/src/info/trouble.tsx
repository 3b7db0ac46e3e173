/** Why a download or a connection failed, or a secret can't be read, and what to do about it. */
import { RotateCcw } from 'lucide-react'
import { useState } from 'react'
import { useMay } from '../api/auth'
import type { DamagedFile, Failure, Model } from '../api/models'
import { plural } from '../lib/format'
import { useActions } from '../models/actions'
import { unreadableSecret, useDownloadStatus } from '../models/states'
import { Button } from '../ui/button'
import { Notice } from '../ui/status'
import { CutMiddle } from '../ui/tooltip'
import styles from './info.module.css'

export function Trouble({ model }: { model: Model }) {
  const may = useMay()
  const actions = useActions()
  const [isBusy, setBusy] = useState(false)
  const isFailed = useDownloadStatus(model) === 'Failed'
  const failure = failureOf(model, isFailed)
  if (!failure) return null
  const damaged = isFailed ? (model.damagedFiles ?? []) : []
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
            {damaged.length ? 'Repair' : 'Retry'}
          </Button>
        )
      }
    >
      {failure.remedy}
      {damaged.length > 0 && <Damage files={damaged} />}
    </Notice>
  )
}

/** Files that are named; the rest are counted. */
const MOST_NAMED = 8

function Damage({ files }: { files: readonly DamagedFile[] }) {
  const more = files.length - MOST_NAMED
  return (
    <ul className={styles.damaged} aria-label="Damaged files">
      {files.slice(0, MOST_NAMED).map(({ path, problem }) => (
        <li key={path}>
          <CutMiddle text={path} className={styles.path} />
          <span>{problem === 'missing' ? 'missing' : 'damaged'}</span>
        </li>
      ))}
      {more > 0 && <li>and {plural(more, 'other file')}</li>}
    </ul>
  )
}

/** What a download failed of is over once another one runs; a secret that can't be read is not. */
function failureOf(model: Model, isFailed: boolean): Failure | null {
  if (model.type === 'hosted-llm') return model.error ?? model.connection?.error ?? null
  return isFailed ? model.error : unreadableSecret(model)
}
