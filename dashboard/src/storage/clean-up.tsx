/** What could go, by kind, with what it would free; nothing goes before a person has said so twice. */
import { useQuery } from '@tanstack/react-query'
import { Sparkles } from 'lucide-react'
import { useEffect, useId, useRef, useState } from 'react'
import { useMay } from '../api/auth'
import { type CleanUpItem, type CleanUpPlan, cleanUpQuery } from '../api/cache'
import { asProblem } from '../api/client'
import { bytes } from '../lib/format'
import { useDialog } from '../settings/use-dialog'
import { Button } from '../ui/button'
import { Bone, Empty, Failed } from '../ui/place'
import { Select } from '../ui/select'
import { Notice } from '../ui/status'
import { ConfirmCleanUp } from './confirm-clean-up'
import { CleanUpGroup } from './clean-up-group'
import styles from './clean-up.module.css'
import { type Choices, chosenOf, FIRST_DAYS, groupsOf, removeWords, sumOf, UNUSED_DAYS } from './plan'
import { Progress, useCleanUp } from './progress'
import { Quota } from './quota'

/** `isSettled`: what stands above has its height, so that a link to this part can go there. */
export function CleanUp({ isSettled }: { isSettled: boolean }) {
  const heading = useId()
  const may = useMay()('admin')
  const [days, setDays] = useState(FIRST_DAYS)
  const plan = useQuery(cleanUpQuery(days))
  const run = useCleanUp()
  const place = usePlace(isSettled && !plan.isPending)
  return (
    <section
      ref={place}
      id="clean-up"
      tabIndex={-1}
      aria-labelledby={heading}
      aria-busy={plan.isFetching}
      className={styles.card}
    >
      <div className={styles.head}>
        <div className={styles.titles}>
          <h2 id={heading}>Clean up</h2>
          <p className={styles.note}>
            {may
              ? 'What could go. Pinned models and what is in use is never listed.'
              : 'What could go. Administrators decide.'}
          </p>
        </div>
        <Days value={days} onChange={setDays} />
      </div>
      <Progress run={run} />
      {plan.data ? (
        <Planned
          key={days}
          plan={plan.data}
          unusedDays={days}
          onStart={run.start}
          isRunning={run.isRunning}
          onReload={plan.refetch}
        />
      ) : plan.isError ? (
        <Failed
          title="The plan could not be made"
          problem={asProblem(plan.error)}
          onRetry={() => void plan.refetch()}
        />
      ) : (
        <Bones />
      )}
    </section>
  )
}

/** `/storage#clean-up` leads here, once it is known where that is. */
function usePlace(isReady: boolean) {
  const place = useRef<HTMLElement>(null)
  useEffect(() => {
    if (!isReady || location.hash !== '#clean-up') return
    place.current?.scrollIntoView?.()
    place.current?.focus({ preventScroll: true })
  }, [isReady])
  return place
}

function Days({ value, onChange }: { value: number; onChange: (days: number) => void }) {
  const id = useId()
  return (
    <div className={styles.days}>
      <label htmlFor={id}>Not used for</label>
      <Select
        id={id}
        value={String(value)}
        options={UNUSED_DAYS.map((days) => ({
          value: String(days),
          label: days === 365 ? '1 year' : `${days} days`,
        }))}
        onChange={(event) => onChange(Number(event.target.value))}
      />
    </div>
  )
}

function Planned({
  plan,
  unusedDays,
  isRunning,
  onStart,
  onReload,
}: {
  plan: CleanUpPlan
  unusedDays: number
  isRunning: boolean
  onStart: (taskId: string | null) => void
  onReload: () => Promise<unknown>
}) {
  const may = useMay()('admin')
  const [choices, setChoices] = useState<Choices>(new Map())
  const [missing, setMissing] = useState<number | null>(null)
  const dialog = useDialog<CleanUpItem[]>()
  const chosen = chosenOf(plan, choices)
  const choose = (items: readonly CleanUpItem[], isWanted: boolean) =>
    setChoices(new Map([...choices, ...items.map(({ id }) => [id, isWanted] as const)]))
  const changed = (gone: number) => {
    setMissing(gone)
    dialog.close()
    void onReload()
  }
  const start = (taskId: string | null) => {
    setMissing(null)
    dialog.close()
    onStart(taskId)
  }
  const canRemove = chosen.length > 0 && !isRunning
  return (
    <>
      <Quota plan={plan} />
      {missing !== null && (
        <Notice tone="warn" role="alert" title="The plan has changed meanwhile. Nothing was removed.">
          {missing === 1 ? 'One item is' : `${missing} items are`} no longer there or in use now. This is how
          it stands now.
        </Notice>
      )}
      {plan.items.length ? (
        groupsOf(plan).map((group) => (
          <CleanUpGroup key={group.kind} group={group} choices={choices} onChoose={may ? choose : null} />
        ))
      ) : (
        <Empty icon={<Sparkles size={22} />} title="Nothing to clean up">
          Everything in the cache is of use, or younger than that.
        </Empty>
      )}
      {may && plan.items.length > 0 && (
        <div className={styles.foot}>
          <span className={styles.sum}>
            {bytes(sumOf(chosen))} of {bytes(plan.totalBytes)} chosen
          </span>
          <Button look="primary" aria-disabled={!canRemove} onClick={() => canRemove && dialog.open(chosen)}>
            {removeWords(chosen)}
            {chosen.length > 0 && '…'}
          </Button>
        </div>
      )}
      {dialog.about && (
        <ConfirmCleanUp
          key={dialog.key}
          open={dialog.isOpen}
          items={dialog.about}
          unusedDays={unusedDays}
          onClose={dialog.close}
          onStarted={start}
          onChanged={changed}
        />
      )}
    </>
  )
}

function Bones() {
  return (
    <div className={styles.bones} role="status" aria-label="Making a plan">
      {['34%', '62%', '48%', '56%'].map((width) => (
        <Bone key={width} width={width} height={13} />
      ))}
    </div>
  )
}
