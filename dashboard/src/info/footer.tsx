/** What can be done with the model that is shown. */
import { useQuery } from '@tanstack/react-query'
import { ExternalLink, Pencil, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { useMay } from '../api/auth'
import { healthQuery } from '../api/health'
import type { Model } from '../api/models'
import { openDelete } from '../lib/overlay'
import { ACTION_WORDS, type ActionName, isDeleting, useActions, useMainAction } from '../models/actions'
import { hubLink } from '../models/facts'
import { isWorking } from '../models/work'
import { Button, ButtonLink, IconButton } from '../ui/button'
import styles from './info.module.css'

export function Footer({ model }: { model: Model }) {
  const { data: health } = useQuery(healthQuery)
  const action = useMainAction(model)
  const mayChange = useMay()('admin')
  return (
    <>
      {model.hfRepo && (
        <a
          href={hubLink(model.hfRepo, health?.hub.endpoint)}
          target="_blank"
          rel="noreferrer"
          className={styles.out}
        >
          <ExternalLink size={15} aria-hidden="true" />
          Hugging Face
        </a>
      )}
      {mayChange && (
        <ButtonLink href={`/models/${model.id}/edit`} icon={<Pencil size={15} />}>
          Edit
        </ButtonLink>
      )}
      <span className={styles.gap} />
      {mayChange && (
        <IconButton
          label={`Delete ${model.name}…`}
          tip="Delete…"
          disabled={isDeleting(model)}
          onClick={() => openDelete(model.id)}
        >
          <Trash2 size={16} />
        </IconButton>
      )}
      {/* What mends a failure stands beside its cause, and what goes on beside its progress. */}
      {action && action !== 'retry' && action !== 'repair' && !isWorking(model) && (
        <Action key={action} name={action} model={model} />
      )}
    </>
  )
}

function Action({ name, model }: { name: ActionName; model: Model }) {
  const actions = useActions()
  const [isBusy, setBusy] = useState(false)
  const run = async () => {
    setBusy(true)
    await actions.run(name, model)
    setBusy(false)
  }
  const isStart = name === 'download' || name === 'resume'
  return (
    <Button look={isStart ? 'primary' : 'default'} disabled={isBusy} onClick={() => void run()}>
      {isBusy ? BUSY_WORDS[name] : ACTION_WORDS[name]}
    </Button>
  )
}

const BUSY_WORDS: Record<ActionName, string> = {
  download: 'Starting…',
  resume: 'Starting…',
  retry: 'Starting…',
  repair: 'Starting…',
  cancel: 'Canceling…',
  test: 'Testing…',
}
