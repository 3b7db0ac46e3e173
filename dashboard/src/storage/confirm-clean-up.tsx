/** The last question before something goes: it names all of it. */
import { useRef, useState } from 'react'
import { type CleanUpItem, cleanUp } from '../api/cache'
import { asProblem, type Problem } from '../api/client'
import { bytes, plural } from '../lib/format'
import { Button } from '../ui/button'
import { Dialog } from '../ui/dialog'
import { Notice } from '../ui/status'
import styles from './clean-up.module.css'
import { nameOf, sumOf } from './plan'

/** `unusedDays` is that of the plan that was shown; `onChanged` hears how many of the items are not as they were planned. */
export function ConfirmCleanUp({
  open,
  items,
  unusedDays,
  onClose,
  onStarted,
  onChanged,
}: {
  open: boolean
  items: readonly CleanUpItem[]
  unusedDays: number
  onClose: () => void
  onStarted: (taskId: string | null) => void
  onChanged: (missing: number) => void
}) {
  const keep = useRef<HTMLButtonElement>(null)
  const [isBusy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | null>(null)
  const remove = async () => {
    if (isBusy) return
    setBusy(true)
    setProblem(null)
    try {
      const { taskId } = await cleanUp(items, unusedDays)
      onStarted(taskId)
    } catch (error) {
      const refusal = asProblem(error)
      if (refusal.code === 'PLAN_CHANGED') onChanged(missingIn(refusal))
      else setProblem(refusal)
    } finally {
      setBusy(false)
    }
  }
  const close = () => !isBusy && onClose()
  return (
    <Dialog
      open={open}
      onClose={close}
      initialFocus={keep}
      title={`Remove ${plural(items.length, 'item')} from disk?`}
      description={`Frees ${bytes(sumOf(items))}. ${meaningOf(items)}`}
      actions={
        <>
          <Button ref={keep} onClick={close} aria-disabled={isBusy}>
            Keep everything
          </Button>
          <Button look="danger" onClick={() => void remove()} aria-disabled={isBusy}>
            {isBusy ? 'Starting…' : `Remove and free ${bytes(sumOf(items))}`}
          </Button>
        </>
      }
    >
      {/* Scrolls where it is long, so the keyboard must reach it. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <ul className={styles.named} aria-label="What goes" tabIndex={0}>
        {items.map((item) => (
          <li key={item.id}>
            <span className={styles.what}>{nameOf(item)}</span>
            <span className={styles.bytes}>{bytes(item.bytes)}</span>
          </li>
        ))}
      </ul>
      {problem && (
        <Notice tone="bad" role="alert" title={problem.message}>
          {problem.remedy}
        </Notice>
      )}
    </Dialog>
  )
}

/** What it means, beyond the bytes. */
function meaningOf(items: readonly CleanUpItem[]): string {
  const models = items.filter(({ kind }) => kind === 'unused-model').length
  if (!models) return 'No model in the register loses a file.'
  return `${plural(models, 'model')} ${models === 1 ? 'loses its' : 'lose their'} files and can be downloaded again.`
}

function missingIn({ body }: Problem): number {
  return Array.isArray(body.missing) ? body.missing.length : 1
}
