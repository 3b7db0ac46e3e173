/** The download queue: what runs, waits, needs attention, and what finished within a day. */
import { useQuery } from '@tanstack/react-query'
import { ArrowDownToLine, Plus } from 'lucide-react'
import { type ReactNode, useId } from 'react'
import { useMay } from '../api/auth'
import { asProblem } from '../api/client'
import { type Queue, type QueueItem, queueQuery } from '../api/downloads'
import { speed } from '../lib/format'
import { useTotals } from '../live/progress'
import { Button, ButtonLink } from '../ui/button'
import { Drawer } from '../ui/drawer'
import { Bone, Empty, Failed } from '../ui/place'
import { Count } from '../ui/status'
import { FailedItem, FinishedItem, WaitingItem } from './items'
import { RunningItem } from './running-item'
import { useRemove } from './queue-actions'
import styles from './queue.module.css'

export default function QueueDrawer({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Drawer open={open} onClose={onClose} title="Downloads" subtitle={<Totals />}>
      <Content />
    </Drawer>
  )
}

/** How many run and how fast; apart, so that a tick does not draw the lists anew. */
function Totals() {
  const { running, unfinished, speed: total } = useTotals()
  if (running) return `${running} running, ${speed(total)}`
  return unfinished ? `${unfinished} waiting` : 'None running'
}

function Content() {
  const queue = useQuery({ ...queueQuery, select: ofModels })
  if (queue.data) return isEmpty(queue.data) ? <Nothing /> : <Sections queue={queue.data} />
  if (queue.isError)
    return (
      <Failed
        title="The queue can't be shown"
        problem={asProblem(queue.error)}
        onRetry={() => void queue.refetch()}
      />
    )
  return <Skeleton />
}

/** What ended with a model that has gone since can neither be retried nor looked at. */
function ofModels(queue: Queue): Queue {
  return { ...queue, failed: known(queue.failed), completed: known(queue.completed) }
}

const known = (items: QueueItem[]) => items.filter((item) => item.modelName !== null)

const isEmpty = (queue: Queue) => Object.values(queue).every((items) => !items.length)

function Sections({ queue }: { queue: Queue }) {
  const may = useMay()
  const remove = useRemove()
  const waiting = [...queue.queued, ...queue.paused]
  return (
    <>
      <Section title="Running" count={queue.active.length}>
        {queue.active.map((item) => (
          <RunningItem key={item.taskId} item={item} />
        ))}
      </Section>
      <Section title="Waiting" count={waiting.length}>
        {waiting.map((item) => (
          <WaitingItem key={item.taskId} item={item} />
        ))}
      </Section>
      <Section title="Needs attention" count={queue.failed.length}>
        {queue.failed.map((item) => (
          <FailedItem key={item.taskId} item={item} onRemove={remove} />
        ))}
      </Section>
      <Section
        title="Finished today"
        count={queue.completed.length}
        action={
          may('operator') && (
            <Button look="ghost" size="small" onClick={() => void remove(queue.completed)}>
              Clear finished
            </Button>
          )
        }
      >
        {queue.completed.map((item) => (
          <FinishedItem key={item.taskId} item={item} onRemove={remove} />
        ))}
      </Section>
    </>
  )
}

function Section({
  title,
  count,
  action,
  children,
}: {
  title: string
  count: number
  action?: ReactNode
  children: ReactNode
}) {
  const id = useId()
  if (!count) return null
  return (
    <section aria-labelledby={id} className={styles.section}>
      <div className={styles.sectionHead}>
        <h3 id={id} className={styles.sectionTitle}>
          {title} <Count value={count} />
        </h3>
        {action}
      </div>
      <ul className={styles.items}>{children}</ul>
    </section>
  )
}

function Nothing() {
  const may = useMay()
  return (
    <Empty
      icon={<ArrowDownToLine size={22} />}
      title="Nothing is downloading"
      actions={
        may('admin') && (
          <ButtonLink href="/models/new" look="primary" icon={<Plus size={15} />}>
            New model
          </ButtonLink>
        )
      }
    >
      Downloads appear here with their progress. They run in the worker, so this page may be closed.
    </Empty>
  )
}

function Skeleton() {
  return (
    <div className={styles.items} role="status" aria-label="Loading the queue">
      {[0, 1].map((key) => (
        <div key={key} className={styles.card}>
          <Bone width="46%" height={13} />
          <Bone width="64%" />
          <Bone height={6} />
        </div>
      ))}
    </div>
  )
}
