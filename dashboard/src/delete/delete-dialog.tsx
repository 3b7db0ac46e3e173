/** Deleting a model: first what it would mean, then the question. */
import { useQuery } from '@tanstack/react-query'
import { useCallback, useEffect, useEffectEvent, useRef, useState } from 'react'
import { useMay } from '../api/auth'
import { asProblem } from '../api/client'
import { type Model, modelsQuery, type Usage, usageQuery } from '../api/models'
import { Button } from '../ui/button'
import { Checkbox } from '../ui/checkbox'
import { Dialog } from '../ui/dialog'
import { Bone } from '../ui/place'
import { Notice } from '../ui/status'
import { type Deleting, useDeleting } from './deleting'
import { Consequences, Users } from './consequences'
import styles from './delete.module.css'
import { deleteWords, hasFiles, isBeingDeleted, meaningOf, wantsConsent } from './words'

type Props = { id: number; open: boolean; onClose: () => void }

export default function DeleteDialog(props: Props) {
  const may = useMay()
  return may('admin') ? <Question {...props} /> : <NotAllowed {...props} />
}

/** For whoever follows somebody else's link. */
function NotAllowed({ open, onClose }: Props) {
  const close = useRef<HTMLButtonElement>(null)
  return (
    <Dialog
      open={open}
      onClose={onClose}
      initialFocus={close}
      title="Only administrators delete models"
      description="Ask one to do it, or to give you that role."
      actions={
        <Button ref={close} onClick={onClose}>
          Close
        </Button>
      }
    />
  )
}

function Question({ id, open, onClose }: Props) {
  const model = useModel(id)
  const name = model?.name ?? 'This model'
  const usage = useQuery({ ...usageQuery(id), enabled: open })
  const [wantsFiles, setWantsFiles] = useState(true)
  const [agreed, setAgreed] = useState<string | null>(null)
  const deleting = useDeleting({ id, name, open, onClose, readUsage: usage.refetch })
  const keep = useRef<HTMLButtonElement>(null)

  const problem = usage.isError ? asProblem(usage.error) : null
  const isGone = problem?.status === 404
  useWhen(open && isGone, deleting.isGone)

  const close = () => deleting.stop() && onClose()
  const known = usage.data && model ? { usage: usage.data, model, wantsFiles } : null
  // What comes up meanwhile was not agreed to.
  const warnings = usage.data?.warnings.join('\n') ?? ''
  const lacksConsent = known !== null && wantsConsent(known) && agreed !== warnings
  const isFinal = usage.data && (!usage.data.canDelete || isBeingDeleted(usage.data))
  return (
    <Dialog
      open={open}
      onClose={close}
      initialFocus={keep}
      title={titleOf(name, usage.data)}
      description={known && meaningOf(known)}
      actions={
        <>
          <Button ref={keep} onClick={close} aria-disabled={deleting.stage === 'deleting'}>
            {isFinal ? 'Close' : 'Keep model'}
          </Button>
          {!isFinal && (
            <Button
              look={problem ? 'default' : 'danger'}
              aria-disabled={deleting.stage !== 'idle' || (!known && !problem) || lacksConsent}
              onClick={() => {
                if (problem) void usage.refetch()
                else if (known && !lacksConsent) void deleting.run(known)
              }}
            >
              {problem ? 'Try again' : labelOf(deleting, known && deleteWords(known))}
            </Button>
          )}
        </>
      }
    >
      {usage.isPending && <Skeleton />}
      {problem && !isGone && (
        <Notice tone="bad" role="alert" title={problem.message}>
          {problem.remedy}
        </Notice>
      )}
      {usage.data && <Users usage={usage.data} />}
      {usage.data && !isFinal && <Consequences usage={usage.data} />}
      {known && !isFinal && hasFiles(known) && (
        <Checkbox checked={wantsFiles} onChange={setWantsFiles} hint={<FileName model={known.model} />}>
          {known.model.modelFile ? 'Also delete the file from disk' : 'Also delete the files from disk'}
        </Checkbox>
      )}
      {known && !isFinal && wantsConsent(known) && (
        <Checkbox checked={!lacksConsent} onChange={(isTicked) => setAgreed(isTicked ? warnings : null)}>
          Delete it all the same
        </Checkbox>
      )}
      {deleting.problem && (
        <Notice tone="bad" role="alert" title={deleting.problem.message}>
          {deleting.problem.remedy}
        </Notice>
      )}
    </Dialog>
  )
}

/** The model as it was last in the list: its name stays on the dialog while that closes. */
function useModel(id: number): Model | null {
  const select = useCallback((models: Model[]) => models.find((model) => model.id === id) ?? null, [id])
  const { data } = useQuery({ ...modelsQuery, select })
  const [last, setLast] = useState<Model | null>(null)
  if (data && data !== last) setLast(data)
  return data ?? last
}

/** Do something once a condition has come true. */
function useWhen(isTrue: boolean, run: () => void): void {
  const event = useEffectEvent(run)
  useEffect(() => {
    if (isTrue) event()
  }, [isTrue])
}

function titleOf(name: string, usage: Usage | undefined): string {
  if (usage && !usage.canDelete) return `${name} is in use`
  return usage && isBeingDeleted(usage)
    ? `${name} is being deleted`
    : `Delete ${name.replace(/^This model$/, 'this model')}?`
}

function labelOf({ stage }: Deleting, words: string | null): string {
  if (stage === 'canceling') return 'Canceling…'
  return stage === 'deleting' ? 'Deleting…' : (words ?? 'Delete model')
}

function FileName({ model }: { model: Model }) {
  return <span className={styles.file}>{model.modelFile ?? model.hfRepo}</span>
}

function Skeleton() {
  return (
    <div className={styles.skeleton} role="status" aria-label="Looking up who uses it">
      <Bone width="86%" height={13} />
      <Bone width="52%" height={13} />
    </div>
  )
}
