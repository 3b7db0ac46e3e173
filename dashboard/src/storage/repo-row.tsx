/** One repository of the cache: what it takes, who uses it, and its revisions when it is opened. */
import { ChevronDown, FolderPlus, Trash2 } from 'lucide-react'
import { useMay } from '../api/auth'
import { type CachedRepo, keyOfRepo } from '../api/cache'
import { bytes, percent, plural } from '../lib/format'
import { openInfo } from '../lib/overlay'
import { Age } from '../models/age'
import { useDialog } from '../settings/use-dialog'
import { Button, IconButton } from '../ui/button'
import { Glyph } from '../ui/glyph'
import { Status } from '../ui/status'
import { Cut } from '../ui/tooltip'
import { AdoptDialog } from './adopt-dialog'
import { colourOf } from './blocks'
import { DeleteRepo } from './delete-repo'
import styles from './repos.module.css'
import { Revisions } from './revisions'

/** Models that are named in a row; the rest are counted. */
const MOST_NAMED = 2

export function RepoRow({
  repo,
  hasVolumes,
  isOpen,
  isGoing,
  onToggle,
  onRemoved,
}: {
  repo: CachedRepo
  /** The cache lies on several: the row says on which this one does. */
  hasVolumes: boolean
  isOpen: boolean
  /** Its removal is under way. */
  isGoing: boolean
  onToggle: () => void
  onRemoved: (taskId: string) => void
}) {
  const details = `revisions of ${repo.repo}`
  return (
    <div className={styles.row} data-repo={keyOfRepo(repo)} role="none">
      <div role="row" className={styles.cells}>
        <div role="cell" className={styles.name}>
          <Glyph name={repo.repo.split('/').at(-1) ?? repo.repo} colour={colourOf(repo.repo)} />
          <div className={styles.words}>
            <button type="button" className={styles.title} aria-expanded={isOpen} onClick={onToggle}>
              <Cut text={repo.repo} />
            </button>
            <Users repo={repo} isGoing={isGoing} />
            {hasVolumes && <span className={styles.unused}>on {repo.volume}</span>}
          </div>
        </div>
        <div role="cell" className={styles.number} data-what="size">
          {bytes(repo.sizeBytes)}
        </div>
        <div role="cell" className={styles.managed}>
          <Managed repo={repo} />
        </div>
        <div role="cell" className={styles.number} data-what="revisions">
          {repo.revisions.length}
          <span className={styles.phoneWord}> {repo.revisions.length === 1 ? 'revision' : 'revisions'}</span>
        </div>
        <div role="cell" className={styles.used}>
          {repo.lastUsedAt ? (
            <>
              <span className={styles.phoneWord}>used </span>
              <Age at={repo.lastUsedAt} />
            </>
          ) : (
            <span className={styles.unknown}>–</span>
          )}
        </div>
        <div role="cell" className={styles.actions}>
          {!repo.isManaged && !isGoing && <Unmanaged repo={repo} onRemoved={onRemoved} />}
          <IconButton
            label={`${isOpen ? 'Hide' : 'Show'} ${details}`}
            tip={isOpen ? 'Hide revisions' : 'Show revisions'}
            aria-expanded={isOpen}
            className={styles.expand}
            onClick={onToggle}
          >
            <ChevronDown size={16} />
          </IconButton>
        </div>
      </div>
      {isOpen && <Revisions repo={repo} />}
    </div>
  )
}

function Users({ repo: { models, isManaged }, isGoing }: { repo: CachedRepo; isGoing: boolean }) {
  if (isGoing) return <Status tone="quiet">Deleting…</Status>
  if (!models.length) return <span className={styles.unused}>{isManaged ? '' : 'Not in the register'}</span>
  const more = models.length - MOST_NAMED
  return (
    <div className={styles.models}>
      {models.slice(0, MOST_NAMED).map(({ id, name }) => (
        <button key={id} type="button" className={styles.model} onClick={() => openInfo(id)}>
          {name}
        </button>
      ))}
      {more > 0 && <span className={styles.quiet}>and {plural(more, 'other')}</span>}
    </div>
  )
}

/** How much of it downloaded models need, as a number and a small bar. */
function Managed({ repo: { managedBytes, sizeBytes } }: { repo: CachedRepo }) {
  const share = sizeBytes ? Math.min(1, managedBytes / sizeBytes) : 0
  return (
    <>
      <span className={styles.share} aria-hidden="true">
        <span style={{ width: `${100 * share}%` }} />
      </span>
      <span className={share ? undefined : styles.quiet}>{share ? percent(100 * share) : 'None'}</span>
      <span className={styles.phoneWord}> of models</span>
    </>
  )
}

/** What can be done with a repository that no model uses, by those who may. */
function Unmanaged({ repo, onRemoved }: { repo: CachedRepo; onRemoved: (taskId: string) => void }) {
  const may = useMay()
  const adopting = useDialog<true>()
  const deleting = useDialog<true>()
  if (!may('admin')) return null
  return (
    <>
      {!repo.models.length && (
        <Button
          size="small"
          icon={<FolderPlus size={15} />}
          aria-label={`Add ${repo.repo} to the register…`}
          onClick={() => adopting.open(true)}
        >
          Add…
        </Button>
      )}
      <IconButton
        label={`Delete ${repo.repo} from disk…`}
        tip="Delete from disk…"
        onClick={() => deleting.open(true)}
      >
        <Trash2 size={16} />
      </IconButton>
      {adopting.about && (
        <AdoptDialog
          key={`adopt ${adopting.key}`}
          repo={repo}
          open={adopting.isOpen}
          onClose={adopting.close}
        />
      )}
      {deleting.about && (
        <DeleteRepo
          key={`delete ${deleting.key}`}
          repo={repo}
          open={deleting.isOpen}
          onClose={deleting.close}
          onStarted={onRemoved}
        />
      )}
    </>
  )
}
