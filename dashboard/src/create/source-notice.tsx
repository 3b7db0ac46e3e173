/** Why a repository shows no files, or can't be downloaded yet, and what to do about it. */
import { type ReactNode, useEffect, useEffectEvent } from 'react'
import { useCatalogOnly } from '../api/catalog'
import { asProblem, type Problem } from '../api/client'
import { AccessNotice, isOfGate, tokenWord, useAccess } from '../models/access'
import { Button } from '../ui/button'
import { Notice, Status } from '../ui/status'
import { hasFiles } from './choice'
import styles from './form.module.css'
import { LeaveLink } from './leave'
import type { Source } from './source'

/** Where only what is curated can be had, the catalog is the better place to look. */
export function CuratedOnly() {
  if (!useCatalogOnly()) return null
  return (
    <Notice
      tone="info"
      role="status"
      title="Only curated models can be downloaded here"
      actions={
        <LeaveLink to="/discover" className={styles.away}>
          Choose in Discover
        </LeaveLink>
      }
    >
      Any other repository is refused. Hosted models and what lies on the server already can be added.
    </Notice>
  )
}

type NoticeProps = {
  source: Source
  /** The model whose own token the Hub is asked with. */
  modelId: number | undefined
  hasTypedToken: boolean
  /** Take the keyboard to where a token is typed. */
  onToken: () => void
  /** Save the token that was typed, then list the files with it; null: there is nothing to save for that. */
  onSaveAndList: (() => void) | null
}

export function SourceNotice(props: NoticeProps) {
  const { preview, isListed, problem } = props.source
  if (preview && isListed && !hasFiles(preview))
    return (
      <Notice tone="warn" role="alert" title="No files">
        This repository holds no files to download.
      </Notice>
    )
  if (preview?.gated || (preview && !isListed) || isOfGate(problem?.code))
    return props.hasTypedToken ? <TypedToken {...props} /> : <Gate {...props} />
  return problem && <Failure {...props} problem={problem} />
}

/** The Hub can be asked with it once it is stored; what is listed already needs no asking. */
function TypedToken({ source, onSaveAndList }: NoticeProps) {
  if (source.isListed) return null
  return (
    <Notice
      tone="info"
      role="status"
      title="The files are listed with your token"
      actions={onSaveAndList && <SaveAndList onSave={onSaveAndList} />}
    >
      It is stored first, with the model. Nothing is downloaded by that.
    </Notice>
  )
}

function Gate({ source, modelId, onToken }: NoticeProps) {
  const { ref, preview, isListed, problem, retry } = source
  const access = useAccess(ref?.repo ?? '', modelId, ref !== null)
  const isOpen = access.data?.status === 'ok'
  // The door has opened since the files were asked for.
  const enter = useEffectEvent(() => !isListed && retry())
  useEffect(() => {
    if (isOpen) enter()
  }, [isOpen])
  if (access.data && !isOpen)
    return (
      <AccessNotice
        key={ref?.repo}
        access={access.data}
        onCheck={access.refetch}
        token={
          <Button size="small" onClick={onToken}>
            {tokenWord(access.data)}
          </Button>
        }
      />
    )
  if (isOpen && isListed)
    return (
      <p className={styles.hint}>
        <Status tone="ok">Access granted</Status>{' '}
        {access.data?.tokenSource === 'model' ? 'to this model’s token' : 'to the token of this server'}
      </p>
    )
  if (access.isPending || isListed) return null
  const failure = access.error ? asProblem(access.error) : problem
  return (
    <Notice
      tone="bad"
      role="alert"
      title={failure?.message ?? 'Its files are not listed'}
      actions={<TryAgain onRetry={access.error ? () => void access.refetch() : retry} />}
    >
      {failure?.remedy ?? `${preview?.repo} keeps them to itself for now.`}
    </Notice>
  )
}

function Failure({
  source,
  problem,
  hasTypedToken,
  onToken,
  onSaveAndList,
}: NoticeProps & { problem: Problem }) {
  const { tone, title, text, action } = wordsOf(problem)
  return (
    <Notice
      tone={tone}
      role="alert"
      title={title}
      actions={
        action === 'retry' ? (
          <TryAgain onRetry={source.retry} />
        ) : action === 'token' && hasTypedToken ? (
          onSaveAndList && <SaveAndList onSave={onSaveAndList} />
        ) : (
          action === 'token' && (
            <Button size="small" onClick={onToken}>
              Enter a token
            </Button>
          )
        )
      }
    >
      {text}
    </Notice>
  )
}

type Words = { tone: 'warn' | 'bad'; title: string; text: ReactNode; action?: 'token' | 'retry' }

function wordsOf(problem: Problem): Words {
  switch (problem.code) {
    case 'REPO_NOT_FOUND':
      return {
        tone: 'bad',
        title: 'No such repository',
        text: 'Check owner/name. If it is private, enter a token that may read it: its files are listed after saving.',
        action: 'token',
      }
    case 'REVISION_NOT_FOUND':
      return {
        tone: 'bad',
        title: 'No such revision',
        text: 'Name a branch, a tag or a commit of this repository.',
      }
    case 'HUB_OFFLINE':
      return {
        tone: 'warn',
        title: 'Hugging Face is switched off here',
        text: 'You can register the model by its file name. It can be downloaded once HF_HUB_OFFLINE is unset.',
      }
    default:
      return { tone: 'bad', title: problem.message, text: problem.remedy, action: 'retry' }
  }
}

const SaveAndList = ({ onSave }: { onSave: () => void }) => (
  <Button size="small" onClick={onSave}>
    Save and list files
  </Button>
)

const TryAgain = ({ onRetry }: { onRetry: () => void }) => (
  <Button size="small" onClick={onRetry}>
    Try again
  </Button>
)
