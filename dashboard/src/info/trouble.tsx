/** Why a download or a connection failed, or a secret can't be read, and what to do about it. */
import { RotateCcw } from 'lucide-react'
import { useState } from 'react'
import { useMay } from '../api/auth'
import type { DamagedFile, Failure, Model } from '../api/models'
import { plural } from '../lib/format'
import { AccessNotice, isOfGate, tokenWord, useAccess } from '../models/access'
import { useActions } from '../models/actions'
import { unreadableSecret, useDownloadStatus } from '../models/states'
import { Button, ButtonLink } from '../ui/button'
import { Bone } from '../ui/place'
import { Notice } from '../ui/status'
import { CutMiddle } from '../ui/tooltip'
import styles from './info.module.css'

export function Trouble({ model }: { model: Model }) {
  const isFailed = useDownloadStatus(model) === 'Failed'
  const failure = failureOf(model, isFailed)
  if (!failure) return null
  if (isFailed && model.hfRepo && isOfGate(failure.code))
    return <Gate model={model} repo={model.hfRepo} failure={failure} />
  const damaged = isFailed ? (model.damagedFiles ?? []) : []
  return (
    <Notice
      tone="bad"
      title={failure.detail}
      actions={isFailed && <Again model={model} word={damaged.length ? 'Repair' : 'Retry'} />}
    >
      {failure.remedy}
      {damaged.length > 0 && <Damage files={damaged} />}
    </Notice>
  )
}

function Again({ model, word }: { model: Model; word: string }) {
  const may = useMay()
  const actions = useActions()
  const [isBusy, setBusy] = useState(false)
  const retry = async () => {
    setBusy(true)
    await actions.start(model)
    setBusy(false)
  }
  if (!may('operator')) return null
  return (
    <Button size="small" icon={<RotateCcw size={14} />} disabled={isBusy} onClick={() => void retry()}>
      {word}
    </Button>
  )
}

/** How the gate stands now, and not as it stood when the download failed; unless the Hub can't be asked. */
function Gate({ model, repo, failure }: { model: Model; repo: string; failure: Failure }) {
  const may = useMay()
  const access = useAccess(repo, model.hasHfToken ? model.id : undefined, true)
  const again = <Again model={model} word="Retry" />
  if (access.isPending) return <Bone height={62} />
  if (!access.data)
    return (
      <Notice tone="bad" title={failure.detail} actions={again}>
        {failure.remedy}
      </Notice>
    )
  if (access.data.status === 'ok')
    return (
      <Notice tone="ok" role="status" title="Access granted since" actions={again}>
        The download failed because of the gate. It may go on now.
      </Notice>
    )
  return (
    <AccessNotice
      access={access.data}
      onCheck={access.refetch}
      token={
        may('admin') && (
          <ButtonLink href={`/models/${model.id}/edit`} size="small">
            {tokenWord(access.data)}
          </ButtonLink>
        )
      }
      actions={again}
    />
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
