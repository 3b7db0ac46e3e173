/** The volume: how full it is, what fills it, whose it is, and what of it could go. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { RefreshCw } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { cacheKey, type CachedRepo, reposQuery } from '../api/cache'
import { asProblem } from '../api/client'
import { type Storage, storageQuery } from '../api/storage'
import { keepPlaceAt } from '../lib/focus'
import { usePhone } from '../lib/media'
import { useRescan } from '../models/use-rescan'
import { PageHeader } from '../shell/page-header'
import { Button, IconButton } from '../ui/button'
import { Bone, Failed } from '../ui/place'
import { Segmented } from '../ui/segmented'
import { type Block, blocksOf, firstScope, type Scope } from './blocks'
import { CleanUp } from './clean-up'
import { Going, useRemovals } from './going'
import { RepoTable } from './repo-table'
import { changeRepoView } from './repos'
import styles from './storage.module.css'
import { Summary } from './summary'
import { Treemap } from './treemap'
import { Volumes } from './volumes'

export default function StoragePage() {
  const storage = useQuery(storageQuery)
  const repos = useQuery(reposQuery)
  useCacheFollows(storage.dataUpdatedAt)
  const failed = storage.isLoadingError ? storage : repos.isLoadingError ? repos : null
  return (
    <>
      <PageHeader title="Storage">
        <RescanButton />
      </PageHeader>
      {failed ? (
        <div className={styles.card}>
          <Failed
            title="Storage could not be read"
            problem={asProblem(failed.error)}
            onRetry={() => void failed.refetch()}
          />
        </div>
      ) : storage.data && repos.data ? (
        <Known storage={storage.data} repos={repos.data} />
      ) : (
        <Skeleton />
      )}
    </>
  )
}

/** News of the volume are news of the cache: it is read anew with it, and never by itself. */
function useCacheFollows(updatedAt: number): void {
  const queries = useQueryClient()
  const last = useRef(0)
  useEffect(() => {
    if (last.current && updatedAt !== last.current) void queries.invalidateQueries({ queryKey: cacheKey })
    if (updatedAt) last.current = updatedAt
  }, [queries, updatedAt])
}

function RescanButton() {
  const isPhone = usePhone()
  const { isBusy, rescan } = useRescan()
  const icon = <RefreshCw size={15} className={isBusy ? styles.busy : undefined} />
  if (isPhone)
    return (
      <IconButton label="Rescan" aria-busy={isBusy} onClick={rescan}>
        {icon}
      </IconButton>
    )
  return (
    <Button icon={icon} aria-busy={isBusy} onClick={rescan}>
      {isBusy ? 'Scanning…' : 'Rescan'}
    </Button>
  )
}

function Known({ storage, repos }: { storage: Storage; repos: readonly CachedRepo[] }) {
  const [openRepos, setOpen] = useState<ReadonlySet<string>>(new Set())
  const { removals, add, end } = useRemovals()
  useEffect(() => () => keepPlaceAt(() => null), [])
  const toggle = (key: string) => {
    const next = new Set(openRepos)
    if (!next.delete(key)) next.add(key)
    setOpen(next)
  }
  const show = (block: Block) => {
    if (block.kind === 'partial') return goTo(document.getElementById('clean-up'))
    changeRepoView({ q: '' })
    setOpen(new Set([...openRepos, block.key]))
    // Once its row is there, opened.
    requestAnimationFrame(() => {
      const row = document.querySelector(`[data-repo="${CSS.escape(block.key)}"]`)
      goTo(row?.querySelector('button') ?? null)
    })
  }
  return (
    <div className={styles.page}>
      <Summary storage={storage} />
      <Volumes volumes={storage.volumes} />
      <Map storage={storage} repos={repos} onOpen={show} />
      <CleanUp isSettled />
      <RepoTable repos={repos} openRepos={openRepos} removals={removals} onToggle={toggle} onRemoved={add} />
      {[...removals].map(([key, taskId]) => (
        <Going key={taskId} repoKey={key} taskId={taskId} onEnd={end} />
      ))}
    </div>
  )
}

function goTo(element: HTMLElement | null): void {
  element?.scrollIntoView?.({ block: 'center' })
  element?.focus({ preventScroll: true })
}

const SCOPES: readonly { value: Scope; label: string }[] = [
  { value: 'cache', label: 'Cache' },
  { value: 'volume', label: 'Whole volume' },
]

function Map({
  storage,
  repos,
  onOpen,
}: {
  storage: Storage
  repos: readonly CachedRepo[]
  onOpen: (block: Block) => void
}) {
  const [chosen, setScope] = useState<Scope | null>(null)
  const canChoose = storage.totalBytes !== null
  const scope = canChoose ? (chosen ?? firstScope(storage)) : 'cache'
  const blocks = blocksOf(storage, repos, scope)
  const title = scope === 'cache' ? 'What fills the cache' : 'What fills the volume'
  if (!blocks.length) return null
  return (
    <section className={styles.card} aria-labelledby="what-fills">
      <div className={styles.mapHead}>
        <h2 id="what-fills">{title}</h2>
        {canChoose && <Segmented label="Shown" value={scope} options={SCOPES} onChange={setScope} />}
      </div>
      <Treemap label={title} blocks={blocks} onOpen={onOpen} />
      <Legend blocks={blocks} />
    </section>
  )
}

/** What the looks of the blocks mean; their colours are those of the families. */
function Legend({ blocks }: { blocks: readonly Block[] }) {
  const has = (kind: Block['kind']) => blocks.some((block) => block.kind === kind)
  return (
    <ul className={styles.legend} aria-label="Key">
      <li>
        <span className={styles.square} data-look="managed" aria-hidden="true" />
        Used by downloaded models
      </li>
      {blocks.some(({ unmanaged }) => unmanaged > 0) && (
        <li>
          <span className={styles.square} data-look="unmanaged" aria-hidden="true" />
          Used by none of them
        </li>
      )}
      {has('partial') && (
        <li>
          <span className={styles.square} data-look="partial" aria-hidden="true" />
          Unfinished
        </li>
      )}
      {has('free') && (
        <li>
          <span className={styles.square} data-look="free" aria-hidden="true" />
          Free
        </li>
      )}
    </ul>
  )
}

function Skeleton() {
  return (
    <div className={styles.page} role="status" aria-label="Loading the storage">
      <div className={styles.card}>
        <Bone width={190} height={22} />
        <div className={styles.tiles}>
          {['a', 'b', 'c', 'd'].map((key) => (
            <div key={key} className={styles.tile}>
              <Bone width="70%" height={36} />
            </div>
          ))}
        </div>
      </div>
      <div className={styles.card}>
        <div className={styles.mapHead}>
          <Bone width={150} height={14} />
        </div>
        <div className={styles.mapBone}>
          <Bone height={280} />
        </div>
      </div>
    </div>
  )
}
