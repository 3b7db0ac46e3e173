/** Everything that is known of one model. */
import { useQuery } from '@tanstack/react-query'
import { SearchX } from 'lucide-react'
import { useCallback } from 'react'
import { useMay } from '../api/auth'
import { asProblem } from '../api/client'
import { type Model, modelsQuery } from '../api/models'
import { CuratedFactsOf } from '../discover/curated-facts'
import { factsOf, PROVIDER_NAMES } from '../models/facts'
import { stateOf, useDownloadStatus } from '../models/states'
import { StatusCell } from '../models/status-cell'
import { Button } from '../ui/button'
import { Drawer } from '../ui/drawer'
import { Glyph } from '../ui/glyph'
import { Bone, Empty, Failed } from '../ui/place'
import { Status } from '../ui/status'
import { Cut } from '../ui/tooltip'
import { Badges } from './badges'
import { Caution } from './caution'
import { Footer } from './footer'
import { History } from './history'
import { HubFacts } from './hub-facts'
import { Integrity } from './integrity'
import { Keep } from './keep'
import { ConnectionFacts, FileFacts, ModelFacts } from './model-facts'
import { Trouble } from './trouble'
import { Update } from './update'
import { UsedBy } from './used-by'
import { useWork } from './use-work'
import styles from './info.module.css'

export default function InfoDrawer({
  id,
  open,
  onClose,
}: {
  id: number
  open: boolean
  onClose: () => void
}) {
  const model = useModel(id)
  if (!model.data)
    return (
      <Drawer open={open} onClose={onClose} title="Model" full>
        {model.isPending && <Skeleton />}
        {model.isSuccess && <Unknown onClose={onClose} />}
        {model.isError && (
          <Failed
            title="The model can't be shown"
            problem={asProblem(model.error)}
            onRetry={() => void model.refetch()}
          />
        )}
      </Drawer>
    )
  return <Known model={model.data} open={open} onClose={onClose} />
}

/** One model of the list, which the stream keeps true; null when the list has no such model. */
function useModel(id: number) {
  const select = useCallback((models: Model[]) => models.find((model) => model.id === id) ?? null, [id])
  return useQuery({ ...modelsQuery, select })
}

function Known({ model, open, onClose }: { model: Model; open: boolean; onClose: () => void }) {
  const isHosted = model.type === 'hosted-llm'
  const hasFooter = useMay()('admin') || model.hfRepo !== null
  return (
    <Drawer
      open={open}
      onClose={onClose}
      full
      glyph={<Glyph name={model.name} colour={factsOf(model).familyColour} hosted={isHosted} />}
      title={<Cut text={model.name} />}
      subtitle={<Cut text={whereFrom(model)} />}
      footer={hasFooter && <Footer model={model} />}
    >
      <div className={styles.status}>
        <div className={styles.standing}>
          <Standing model={model} />
          <Badges model={model} />
        </div>
        <Trouble model={model} />
        <Caution model={model} />
      </div>
      {isHosted ? <ConnectionFacts model={model} /> : <FileFacts model={model} />}
      {model.source === 'huggingface' && <Care key={model.id} model={model} />}
      <ModelFacts model={model} />
      {model.catalogId && <CuratedFactsOf catalogId={model.catalogId} />}
      <UsedBy modelId={model.id} />
      {model.hfRepo && (
        <HubFacts
          repo={model.hfRepo}
          revision={model.commitHash ?? model.revision ?? 'main'}
          modelId={model.id}
        />
      )}
      {!isHosted && <History modelId={model.id} />}
    </Drawer>
  )
}

/** What can be done for the files that are here. */
function Care({ model }: { model: Model }) {
  const work = useWork(model)
  if (!model.downloaded && !model.damagedFiles?.length) return <Keep model={model} />
  return (
    <>
      <Integrity model={model} work={work} />
      {model.downloaded && <Update model={model} work={work} />}
      <Keep model={model} />
    </>
  )
}

/** As in the table; the cause of a failure stands below it in full. */
function Standing({ model }: { model: Model }) {
  const isFailed = useDownloadStatus(model) === 'Failed'
  if (isFailed) return <Status tone="bad">Failed</Status>
  if (model.type === 'hosted-llm' && model.error) return <Status tone="bad">{stateOf(model)}</Status>
  return <StatusCell model={{ ...model, error: null }} />
}

function whereFrom(model: Model): string {
  if (model.provider) return PROVIDER_NAMES[model.provider]
  return model.hfRepo ?? 'Local path'
}

function Unknown({ onClose }: { onClose: () => void }) {
  return (
    <Empty
      icon={<SearchX size={22} />}
      title="There is no such model"
      actions={<Button onClick={onClose}>Close</Button>}
    >
      It may have been deleted, here or by somebody else.
    </Empty>
  )
}

function Skeleton() {
  return (
    <div className={styles.skeleton} role="status" aria-label="Loading the model">
      {['38%', '100%', '100%', '100%', '60%', '100%', '100%'].map((width, index) => (
        <Bone key={index} width={width} height={13} />
      ))}
    </div>
  )
}
