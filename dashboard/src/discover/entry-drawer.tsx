/** Everything that is known of a curated model, registered or not. */
import { useQuery } from '@tanstack/react-query'
import { SearchX } from 'lucide-react'
import { useMemo } from 'react'
import { type CatalogEntry, catalogQuery } from '../api/catalog'
import { asProblem } from '../api/client'
import { modelsQuery } from '../api/models'
import { parameters } from '../lib/format'
import { openInfo } from '../lib/overlay'
import { Fact, Facts, Section } from '../info/fact'
import info from '../info/info.module.css'
import { CATEGORY_NAMES } from '../models/facts'
import { Tags } from '../models/preview-facts'
import { Button } from '../ui/button'
import { Drawer } from '../ui/drawer'
import { Bone, Empty, Failed } from '../ui/place'
import { Status } from '../ui/status'
import { Cut } from '../ui/tooltip'
import { CuratedFacts } from './curated-facts'
import styles from './discover.module.css'
import { EntryActions, useMissing } from './entry-actions'
import { Standing } from './entry-card'
import { EntryGlyph } from './entry-glyph'
import { findModelIn } from './entry-models'

export default function EntryDrawer({
  id,
  open,
  onClose,
}: {
  id: string
  open: boolean
  onClose: () => void
}) {
  const catalog = useQuery(catalogQuery)
  const entry = catalog.data?.find((one) => one.id === id)
  if (entry) return <Known entry={entry} open={open} onClose={onClose} />
  return (
    <Drawer open={open} onClose={onClose} title="Curated model" full>
      {catalog.isPending && (
        <div className={info.skeleton} role="status" aria-label="Loading the model">
          {['38%', '100%', '100%', '60%', '100%'].map((width, index) => (
            <Bone key={index} width={width} height={13} />
          ))}
        </div>
      )}
      {catalog.isSuccess && (
        <Empty
          icon={<SearchX size={22} />}
          title="The catalog has no such model"
          actions={<Button onClick={onClose}>Close</Button>}
        >
          It may have been taken out since the link was made.
        </Empty>
      )}
      {catalog.isError && (
        <Failed
          title="The catalog did not load"
          problem={asProblem(catalog.error)}
          onRetry={() => void catalog.refetch()}
        />
      )}
    </Drawer>
  )
}

function Known({ entry, open, onClose }: { entry: CatalogEntry; open: boolean; onClose: () => void }) {
  const { data: models } = useQuery(modelsQuery)
  const findModel = useMemo(() => findModelIn(models ?? []), [models])
  const model = findModel(entry)
  const missing = useMissing(entry, model)
  return (
    <Drawer
      open={open}
      onClose={onClose}
      full
      glyph={<EntryGlyph entry={entry} family={entry.family} />}
      title={<Cut text={entry.name} />}
      subtitle={<Cut text={entry.repo} />}
      footer={
        <>
          {model && <Button onClick={() => openInfo(model.id)}>Show model</Button>}
          <span className={info.gap} />
          {models && <EntryActions entry={entry} model={model} missing={missing} hasMenu={false} isMain />}
        </>
      }
    >
      <div className={info.status}>
        {model?.downloaded && <Status tone="ok">Installed</Status>}
        <div className={styles.standing}>
          <Standing entry={entry} model={model} missing={missing} />
        </div>
        <p className={styles.description}>{entry.description}</p>
      </div>
      <Section title={entry.filename === null ? 'Files' : 'File'}>
        <Facts>
          <Fact name="Name" mono={entry.filename !== null}>
            {entry.filename ?? 'Whole repository'}
          </Fact>
          <Fact name="Only" mono>
            {entry.allowPatterns?.join(', ')}
          </Fact>
          <Fact name="Without" mono>
            {entry.ignorePatterns?.join(', ')}
          </Fact>
          <Fact name="Revision" mono>
            {entry.revision}
          </Fact>
        </Facts>
      </Section>
      <Section title="Model">
        <Facts>
          <Fact name="Kind">{CATEGORY_NAMES[entry.category]}</Fact>
          <Fact name="Family">{entry.family}</Fact>
          <Fact name="Parameters">{entry.parameterCount !== null && parameters(entry.parameterCount)}</Fact>
          <Fact name="License">{entry.license}</Fact>
          <Fact name="Tags">{entry.tags.length > 0 && <Tags tags={entry.tags} />}</Fact>
          <Fact name="Listed by">
            {entry.source === 'built-in' ? 'Weighbridge' : `This installation (${entry.source})`}
          </Fact>
        </Facts>
      </Section>
      <CuratedFacts entry={entry} />
    </Drawer>
  )
}
