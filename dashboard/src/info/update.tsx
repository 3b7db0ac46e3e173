/** Whether the revision has moved on at the Hub, what that would change, and the way there and back. */
import { useQuery } from '@tanstack/react-query'
import { CircleCheck, History as Back, RefreshCw } from 'lucide-react'
import { useState } from 'react'
import { useMay } from '../api/auth'
import { asProblem } from '../api/client'
import type { Model } from '../api/models'
import { type FileChange, type Update as News, updateQuery } from '../api/updates'
import { bytes, plural } from '../lib/format'
import { Age } from '../models/age'
import { Button } from '../ui/button'
import { Bone } from '../ui/place'
import { Notice } from '../ui/status'
import { CutMiddle } from '../ui/tooltip'
import { Section } from './fact'
import styles from './info.module.css'
import type { Work } from './use-work'
import { WorkProgress } from './work-progress'

export function Update({ model, work }: { model: Model; work: Work }) {
  const may = useMay()
  const [isAsked, setAsked] = useState(false)
  const news = useQuery({ ...updateQuery(model.id, model.commitHash), enabled: isAsked && !work.now })
  const { now, ended } = work
  const check = () => {
    if (isAsked) void news.refetch()
    setAsked(true)
  }
  const mayChange = may('operator')
  const hasMore = now ? now.operation === 'update' : mayChange || model.formerCommit
  if (!hasMore) return null
  return (
    <Section title="Update">
      <div className={styles.care}>
        {now?.operation === 'update' && <WorkProgress model={model} work={now} />}
        {!now && ended?.operation === 'update' && <Outcome model={model} work={work} />}
        {!now && isAsked && news.isFetching && (
          <div className={styles.skeleton} role="status" aria-label="Asking the Hub">
            <Bone />
            <Bone width="60%" />
          </div>
        )}
        {!now && news.isError && !news.isFetching && (
          <Notice tone="bad" role="alert" title={asProblem(news.error).message}>
            {asProblem(news.error).remedy}
          </Notice>
        )}
        {!now && news.data && !news.isFetching && (
          <Told
            news={news.data}
            mayChange={mayChange}
            isBusy={work.isAsking}
            onUpdate={() => work.update()}
          />
        )}
        {!now && mayChange && !news.data?.hasMoved && (
          <div>
            <Button
              size="small"
              icon={<RefreshCw size={14} />}
              aria-disabled={news.isFetching}
              onClick={check}
            >
              {isAsked ? 'Check again' : 'Check for an update'}
            </Button>
          </div>
        )}
        {!now && (
          <Former model={model} former={news.data?.former ?? null} mayChange={mayChange} work={work} />
        )}
      </div>
    </Section>
  )
}

function Told({
  news,
  mayChange,
  isBusy,
  onUpdate,
}: {
  news: News
  mayChange: boolean
  isBusy: boolean
  onUpdate: () => void
}) {
  if (!news.hasMoved)
    return (
      <Notice tone="ok" role="status" icon={<CircleCheck size={16} />} title="Up to date">
        {news.revision} still means <code>{short(news.commitHash)}</code>.
      </Notice>
    )
  return (
    <div className={styles.news} role="status">
      <p>
        <strong>{news.revision} has moved on</strong> to <code>{short(news.latestCommit)}</code>:{' '}
        {news.files.length
          ? `${plural(news.files.length, 'file')} would change`
          : 'no file of this model would change'}
        .
      </p>
      {news.files.length > 0 && <Changes files={news.files} />}
      {mayChange && (
        <div>
          <Button look="primary" size="small" aria-disabled={isBusy} onClick={onUpdate}>
            {news.bytesToFetch ? `Update and fetch ${bytes(news.bytesToFetch)}` : 'Update, nothing to fetch'}
          </Button>
          <span className={styles.hint}>
            The model stays of use meanwhile, and the former commit is kept.
          </span>
        </div>
      )}
    </div>
  )
}

/** Files that are named; the rest are counted. */
const MOST_NAMED = 8

const CHANGE_WORDS = { added: 'new', changed: 'changed', removed: 'removed' }

function Changes({ files }: { files: readonly FileChange[] }) {
  return (
    <ul className={styles.changes} aria-label="Files that would change">
      {files.slice(0, MOST_NAMED).map(({ path, change, sizeBytes }) => (
        <li key={path}>
          <CutMiddle text={path} className={styles.path} />
          <span className={styles.quiet}>
            {CHANGE_WORDS[change]}
            {change !== 'removed' && `, ${bytes(sizeBytes)}`}
          </span>
        </li>
      ))}
      {files.length > MOST_NAMED && (
        <li className={styles.quiet}>and {plural(files.length - MOST_NAMED, 'other file')}</li>
      )}
    </ul>
  )
}

function Outcome({ model, work: { ended } }: { model: Model; work: Work }) {
  if (ended?.status === 'failed')
    return (
      <Notice tone="bad" role="alert" title={ended.error?.detail ?? 'The update has failed.'}>
        {ended.error?.remedy} The model is as it was before.
      </Notice>
    )
  if (ended?.status !== 'completed') return null
  const isNew = ended.result !== 'up_to_date'
  return (
    <Notice
      tone="ok"
      role="status"
      icon={<CircleCheck size={16} />}
      title={isNew ? 'Updated' : 'It was up to date already'}
    >
      {model.commitHash && (
        <>
          It stands for <code>{short(model.commitHash)}</code>.
        </>
      )}
    </Notice>
  )
}

/** What an update has replaced. */
function Former({
  model: { formerCommit },
  former,
  mayChange,
  work,
}: {
  model: Model
  former: News['former']
  mayChange: boolean
  work: Work
}) {
  if (!formerCommit) return null
  const known = former?.commitHash === formerCommit ? former : null
  return (
    <div className={styles.former}>
      <span>
        Before: <code>{short(formerCommit)}</code>
        {known && (
          <span className={styles.quiet}>
            , replaced <Age at={known.replacedAt} />, {bytes(known.sizeBytes)} kept
          </span>
        )}
      </span>
      {mayChange && (
        <Button
          size="small"
          icon={<Back size={14} />}
          aria-disabled={work.isAsking}
          onClick={() => work.update(formerCommit)}
        >
          Return to it
        </Button>
      )}
    </div>
  )
}

const short = (commit: string): string => commit.slice(0, 10)
